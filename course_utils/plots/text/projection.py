"""A figure of points in two dimensions, such as sentences that an encoder has placed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from course_utils.display.figures import add_title, show
from course_utils.display.pixels import to_numpy
from course_utils.errors import CourseError

_MARKERS = "o^sDvP"


def plot_projection(
    points: Any,
    classes: Sequence[str],
    *,
    axes: tuple[str, str] = ("first component", "second component"),
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show points in the plane, each class with a mark of its own.

    Parameters
    ----------
    points : array of shape (N, 2)
        Where the examples lie, such as the first two principal components of their features.
    classes : sequence of N str
        The class of each, known to the figure alone.
    axes : tuple of two str
        What the axes are called.

    Raises
    ------
    CourseError
        For points of another shape, or classes of another number (`plots.no-points`).
    """
    places, names = to_numpy(points), [str(name) for name in classes]
    if places.ndim != 2 or places.shape[1] != 2 or len(places) != len(names) or not names:
        raise CourseError(
            f"A projection needs points of shape (N, 2) and a class for each; these are {places.shape} and "
            f"{len(names)} classes: give the first two columns.",
            code="plots.no-points",
        )
    figure = Figure(layout="constrained")
    axis = figure.subplots()
    told = []
    for number, name in enumerate(dict.fromkeys(names)):
        own = places[[each == name for each in names]]
        look: dict[str, Any] = {"marker": _MARKERS[number % len(_MARKERS)], "s": 16, "alpha": 0.6, "linewidths": 0}
        axis.scatter(*own.T, color=f"C{number % 7}", label=name, **look)
        x, y = np.median(own, axis=0)
        told.append(f"{name}: {len(own)} points, medians {x:.2f} and {y:.2f}")
    axis.set(xlabel=axes[0], ylabel=axes[1])
    figure.legend(loc="outside right upper")
    title = title or f"{len(names)} points by class"
    add_title(figure, title)
    show(figure, alt or f"{title}. {'; '.join(told)}.")
