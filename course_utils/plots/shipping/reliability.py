"""The reliability diagram: how often answers of a given probability are right."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError

_MARKERS = "osD^v"
SMALLEST = 3  # points² of a mark; the largest bin has 120 more


def plot_reliability(
    answers: Mapping[str, tuple[Any, Any]], *, bins: int = 10, title: str | None = None, alt: str | None = None
) -> None:
    """Show the accuracy of answers against their probability: one line for each way to get probabilities.

    Parameters
    ----------
    answers : mapping of str to (array, array)
        By name, the probabilities (n, classes) and the true classes (n,). On the diagonal, answers are right as often
        as they say; below it, the network is too sure.
    bins : int
        Of equal width, from 0 to 1. The area of a mark grows with the answers in its bin.

    Raises
    ------
    CourseError
        `plots.bad-probabilities` for other shapes, for rows that don't sum to 1, and where there is nothing to show.
    """
    figure = Figure(figsize=(5.6, 5.0), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.35", linestyle=(0, (1, 2)), linewidth=1.5, label="right as often as it says")
    told = []
    for number, (name, (probabilities, truth)) in enumerate(answers.items()):
        said, right, count = _binned(name, probabilities, truth, bins)
        (line,) = axis.plot(said, right, label=name, linestyle=("-", "--", "-.", ":")[number % 4])
        sizes = SMALLEST + 120 * count / count.max()
        axis.scatter(said, right, s=sizes, marker=_MARKERS[number % len(_MARKERS)], color=line.get_color())
        pairs = zip(said, right, count, strict=True)
        told.append(f"{name}: {', '.join(f'{s:.0%} said, {r:.0%} right ({n})' for s, r, n in pairs)}")
    if not told:
        raise CourseError("There is nothing to show: give the answers of a network.", code="plots.bad-probabilities")
    axis.set(xlabel="probability of the answer (%)", ylabel="right answers (%)", xlim=(0, 1.02), ylim=(0, 1.02))
    for each in (axis.xaxis, axis.yaxis):
        each.set_major_formatter(PercentFormatter(1, symbol=""))
    figure.legend(loc="outside lower center", ncols=1)
    title = title or "How often is it right?"
    add_title(figure, title)
    show(figure, alt or f"{title} {'; '.join(told)}.")


def _binned(name: str, probabilities: Any, truth: Any, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, accuracy and number of the answers in each bin that has some."""
    probabilities, truth = np.asarray(probabilities, float), np.asarray(truth)
    fits = probabilities.ndim == 2 and truth.shape == probabilities.shape[:1] and len(truth)
    if not fits or not np.allclose(probabilities.sum(1), 1, atol=1e-3):
        raise CourseError(
            f"{name}: probabilities have the shape {probabilities.shape} and classes {truth.shape}: give rows that sum "
            "to 1, one for each true class.",
            code="plots.bad-probabilities",
        )
    top, right = probabilities.max(1), probabilities.argmax(1) == truth
    place = np.minimum((top * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    said, accuracy = (np.bincount(place, each, minlength=bins)[filled] / count[filled] for each in (top, right))
    return said, accuracy, count[filled]
