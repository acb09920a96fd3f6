"""Figures of a detector: what each threshold finds, and what it alarms for nothing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.display.figures import add_title, show
from course_utils.display.pixels import to_numpy
from course_utils.errors import CourseError

_LOOKS = [("C0", "-"), ("C1", "--"), ("C2", "-."), ("C3", ":")]


def plot_detection(
    scores: Mapping[str, Any],
    truth: Any,
    *,
    positive: str = "positive",
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show precision against recall and the ROC curve of one or more classifiers of the same images.

    Parameters
    ----------
    scores : mapping of str to array or tensor
        For each classifier's name, a probability of the positive class for each image, (N,).
    truth : array or tensor
        1 for the positive class, else 0, (N,).
    positive : str
        Name of the positive class.
    title : str, optional
        Title of the figure; derived from the data if left out.
    alt : str, optional
        Alternative text for those who can't see the figure; derived from the data if left out.

    Raises
    ------
    CourseError
        If scores and truth don't fit, or a class is missing in `truth`, since the curves are then undefined.
    """
    figure, derived, _ = detection_figure(scores, truth, positive=positive, title=title)
    show(figure, alt or derived)


def detection_figure(
    scores: Mapping[str, Any], truth: Any, *, positive: str, title: str | None = None
) -> tuple[Figure, str, list[Axes]]:
    """Return the figure of `plot_detection`, its alternative text, and its panels: precision-recall, then ROC."""
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    named = {name: check_scores(values, truth, positive) for name, values in scores.items()}
    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    told, share = [], 0.0
    for number, (name, (values, right_or_not)) in enumerate(named.items()):
        colour, dash = _LOOKS[number % len(_LOOKS)]
        precision, recall, _ = precision_recall_curve(right_or_not, values)
        false_alarms, found, _ = roc_curve(right_or_not, values)
        area, mean = roc_auc_score(right_or_not, values), average_precision_score(right_or_not, values)
        share = right_or_not.mean()
        look = {"color": colour, "linestyle": dash, "drawstyle": "steps-post"}
        left.plot(recall[::-1], precision[::-1], **look, label=f"{name} {mean:.2f}".strip())
        right.plot(false_alarms, found, **look, label=f"{name} {area:.2f}".strip())
        told.append(f"{name or 'scores'}: average precision {mean:.2f}, ROC AUC {area:.2f}")
    chance = {"color": "0.35", "linestyle": (0, (1, 2)), "linewidth": 1.5}
    left.axhline(share, **chance, label=f"guessing {share:.2f}")
    right.plot([0, 1], [0, 1], **chance, label="guessing 0.50")
    left.set(xlabel=f"recall: share of {positive} found", ylabel="precision: share of alarms right")
    right.set(xlabel="share of the others alarmed", ylabel="recall")
    left.set_title("precision and recall", fontsize="medium", fontweight="normal")
    right.set_title("ROC", fontsize="medium", fontweight="normal")
    for axis, what in ((left, "average precision"), (right, "area below")):
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        axis.legend(title=what, fontsize="small", title_fontsize="small")
    title = title or f"What every threshold finds: {positive}"
    add_title(figure, title)
    return figure, f"{title}. {'; '.join(told)}. {share:.1%} of the images are {positive}.", [left, right]


def check_scores(scores: Any, truth: Any, positive: str = "positive") -> tuple[np.ndarray, np.ndarray]:
    """Return scores (N,) as floats and truth (N,) as booleans.

    Raises
    ------
    CourseError
        If they don't fit, or a class has no image.
    """
    values, right = np.asarray(to_numpy(scores), dtype=float), np.asarray(to_numpy(truth))
    if values.ndim != 1 or values.shape != right.shape or not np.isfinite(values).all() or set(right) - {0, 1}:
        raise CourseError(
            f"Curves need a finite score and a truth of 0 or 1 for each image: these have shapes {values.shape} and "
            f"{right.shape}.",
            code="plots.scores-do-not-fit",
        )
    positives = int(right.sum())
    if positives in (0, len(right)):
        missing = f"no image is {positive}" if not positives else f"all images are {positive}"
        undefined = "recall, precision and ROC AUC are" if not positives else "ROC AUC is"
        raise CourseError(
            f"Of {len(right)} images here {missing}, so {undefined} undefined: split class by class, or take more.",
            code="plots.class-missing",
        )
    return values, right.astype(bool)
