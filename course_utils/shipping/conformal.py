"""Conformal sets: in place of one answer, as many as are needed for a promised share of right ones; by MAPIE."""

from math import ceil
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from course_utils.errors import CourseError

FEWEST = 20  # images to set the threshold with; with fewer, one image decides


class Given(ClassifierMixin, BaseEstimator):
    """What MAPIE takes for a trained classifier: its inputs are the probabilities that the network gave already."""

    def __init__(self, classes: int = 2):
        self.classes = classes

    def fit(self, probabilities: Any = None, labels: Any = None) -> "Given":
        """Note the classes; there is nothing to learn."""
        self.classes_ = np.arange(self.classes)
        return self

    def predict_proba(self, probabilities: np.ndarray) -> np.ndarray:
        """Give them back."""
        return probabilities

    def predict(self, probabilities: np.ndarray) -> np.ndarray:
        """Give the most probable class."""
        return probabilities.argmax(1)


def conformal_sets(
    held: Any, labels: Any, probabilities: Any, *, coverage: float = 0.9, method: str = "lac"
) -> np.ndarray:
    """Give each image a set of classes that holds the true one in the promised share of cases.

    Parameters
    ----------
    held : (n, classes) float
        Probabilities of held-out images, which trained nothing and chose nothing, such as no temperature.
    labels : (n,) int
        Their classes.
    probabilities : (m, classes) float
        Those of the images that get a set.
    coverage : float
        The promised share, above 0 and below 1.
    method : "lac" or "aps"
        Small sets, some of them empty; or sets that grow with the doubt about an image, are never empty, and hold the
        true class more often than promised.

    Returns
    -------
    (m, classes) bool array
        Which classes are in each image's set.

    Raises
    ------
    CourseError
        `shipping.bad-probabilities` for other shapes, rows that aren't probabilities, and labels of classes that aren't
        there; `shipping.too-few-images` below 20 held-out images, and where the promise needs more;
        `shipping.bad-setting`; `shipping.extra-missing` without MAPIE.

    Notes
    -----
    The promise holds on average over held-out sets and images, if the images to come are drawn like the held-out ones
    (Vovk et al. 2005; Angelopoulos and Bates 2021, https://arxiv.org/abs/2107.07511). It holds neither for each class
    nor after a shift.
    """
    held, probabilities = (np.asarray(each, float) for each in (held, probabilities))
    labels = np.asarray(labels).astype(int)
    for each in (held, probabilities):
        fitting = each.ndim == 2 and each.shape[1] == held.shape[1]
        if not fitting or not np.allclose(each.sum(1), 1, atol=1e-3) or (each < 0).any():
            raise CourseError(
                f"Probabilities have the shape {each.shape}: give rows of numbers from 0 to 1 that sum to 1, with a "
                "column for each class.",
                code="shipping.bad-probabilities",
            )
    if labels.shape != held.shape[:1]:
        raise CourseError(
            f"There are {len(held)} rows of held-out probabilities and labels of the shape {labels.shape}: give one "
            "class for each.",
            code="shipping.bad-probabilities",
        )
    if len(labels) and (labels.min() < 0 or labels.max() >= held.shape[1]):
        raise CourseError(
            f"Labels go from {labels.min()} to {labels.max()}, and there are {held.shape[1]} classes: give each image "
            f"its class, from 0 to {held.shape[1] - 1}.",
            code="shipping.bad-probabilities",
        )
    if not 0 < coverage < 1 or method not in ("lac", "aps"):
        raise CourseError(
            f"coverage is {coverage!r} and method {method!r}: give a share between 0 and 1, and 'lac' or 'aps'.",
            code="shipping.bad-setting",
        )
    needed = max(FEWEST, ceil(max(1 / coverage, 1 / (1 - coverage))))  # the second is what MAPIE asks for
    if len(held) < needed:
        raise CourseError(
            f"{len(held)} held-out images are too few for a promise of {coverage:.0%}: give {needed} or more.",
            code="shipping.too-few-images",
        )
    try:
        from mapie.classification import SplitConformalClassifier
    except ImportError as problem:
        raise CourseError(
            'Conformal sets need MAPIE: install it with pip install "fine-tuning-course[shipping]".',
            code="shipping.extra-missing",
        ) from problem
    given = Given(held.shape[1]).fit()
    model = SplitConformalClassifier(
        given, confidence_level=coverage, prefit=True, conformity_score=method, random_state=0
    )
    return model.conformalize(held, labels).predict_set(probabilities)[1][:, :, 0]
