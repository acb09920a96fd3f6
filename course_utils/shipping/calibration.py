"""Probabilities that mean what they say: how far they are off, and one number that mends most of it."""

from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from course_utils.errors import CourseError

COLDEST, HOTTEST = 0.05, 20.0


def fit_temperature(scores: Tensor, labels: Tensor) -> float:
    """Find the temperature that scores must be divided by so that their softmax fits the labels best.

    The order of the classes stays, and with it the accuracy.

    Parameters
    ----------
    scores : (n, classes) float
        Before the softmax, on images that the network wasn't trained on and that don't test it: the validation set.
    labels : (n,) int
        Classes.

    Returns
    -------
    float
        From 0.05 to 20; above 1 where the network was too sure of itself.

    Raises
    ------
    CourseError
        `shipping.bad-scores` for other shapes, scores that aren't finite, and labels of classes that aren't there.

    Notes
    -----
    It minimises the cross-entropy, as Guo et al. 2017 do (https://arxiv.org/abs/1706.04599).
    """
    scores, labels = _checked(scores, labels)

    def loss(log_temperature: float) -> float:
        return torch.nn.functional.cross_entropy(scores / np.exp(log_temperature), labels).item()

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def calibration_error(scores: Tensor, labels: Tensor, bins: int = 10) -> float:
    """Measure the expected calibration error of the most probable class, a share from 0 to 1.

    Images are sorted into bins of equal width by the probability of the answer. The error is the mean gap between a
    bin's accuracy and its mean probability, weighted by the images in it.

    Parameters
    ----------
    scores, labels
        As in `fit_temperature`; divide the scores by a temperature first where there is one.
    bins : int
        How many.

    Raises
    ------
    CourseError
        `shipping.bad-scores`, as `fit_temperature`; `shipping.extra-missing` without torchmetrics.
    """
    scores, labels = _checked(scores, labels)
    try:
        from torchmetrics.functional.classification import multiclass_calibration_error
    except ImportError as problem:
        raise CourseError(
            'The calibration error needs torchmetrics: install it with pip install "fine-tuning-course[shipping]".',
            code="shipping.extra-missing",
        ) from problem
    return float(multiclass_calibration_error(scores.softmax(1), labels, num_classes=scores.shape[1], n_bins=bins))


def _checked(scores: Any, labels: Any) -> tuple[Tensor, Tensor]:
    scores, labels = torch.as_tensor(scores).detach().cpu().double(), torch.as_tensor(labels).detach().cpu()
    labels = labels.as_subclass(Tensor).long()
    scores = scores.as_subclass(Tensor)
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not len(scores) or not scores.isfinite().all():
        raise CourseError(
            f"Scores have the shape {tuple(scores.shape)} and labels {tuple(labels.shape)}: give finite scores of "
            "shape (images, classes), before the softmax, and one class for each image.",
            code="shipping.bad-scores",
        )
    if labels.min() < 0 or labels.max() >= scores.shape[1]:  # torch would leave out a label of -100 without a word
        raise CourseError(
            f"Labels go from {labels.min()} to {labels.max()}, and there are {scores.shape[1]} classes: give each "
            f"image its class, from 0 to {scores.shape[1] - 1}.",
            code="shipping.bad-scores",
        )
    return scores, labels
