"""Learning from a handful of examples: by comparing features, by fine-tuning, and by training on episodes.

Everything here takes a group of episodes at once: support examples (episodes, ways, shots, ...) and queries
(episodes, ways, queries, ...). A class is its place among the ways.
"""

from course_utils.training.few_shot.adapting import adapt
from course_utils.training.few_shot.comparing import logistic_regression, nearest_mean, nearest_neighbour
from course_utils.training.few_shot.meta import (
    train_classifier,
    train_maml,
    train_prototypes,
    train_reptile,
    turned,
)
from course_utils.training.few_shot.networks import FourBlocks
from course_utils.training.few_shot.photos import as_photos, stage_features, with_new_head
from course_utils.training.few_shot.scoring import accuracies, score_by_adapting, score_by_comparing, score_in_company

__all__ = [
    "FourBlocks",
    "accuracies",
    "adapt",
    "as_photos",
    "logistic_regression",
    "nearest_mean",
    "nearest_neighbour",
    "score_by_adapting",
    "score_by_comparing",
    "score_in_company",
    "stage_features",
    "train_classifier",
    "train_maml",
    "train_prototypes",
    "train_reptile",
    "turned",
    "with_new_head",
]
