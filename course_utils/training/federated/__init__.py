"""Training in many places without moving data: clients, federated averaging, what updates tell, and what hides it."""

from course_utils.training.federated.averaging import coordinate_median, trimmed_mean, weighted_average
from course_utils.training.federated.batchnorm import megabytes_sent, pool_statistics, travelling
from course_utils.training.federated.clients import (
    Client,
    accuracy,
    clients_of,
    merged,
    pooled,
    recalls,
    through,
    train_locally,
)
from course_utils.training.federated.leaks import input_from_linear, labels_from_bias
from course_utils.training.federated.private import ClipAndNoise, epsilon, noise_for
from course_utils.training.federated.rounds import Federation, federate, flipped

__all__ = [
    "Client",
    "ClipAndNoise",
    "Federation",
    "accuracy",
    "clients_of",
    "coordinate_median",
    "epsilon",
    "federate",
    "flipped",
    "input_from_linear",
    "labels_from_bias",
    "megabytes_sent",
    "merged",
    "noise_for",
    "pool_statistics",
    "pooled",
    "recalls",
    "through",
    "train_locally",
    "travelling",
    "trimmed_mean",
    "weighted_average",
]
