"""Figures that show images: a grid, a classifier's worst mistakes, nearest neighbours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.display.figures import add_title, show
from course_utils.display.pixels import to_numpy, to_pixels
from course_utils.errors import CourseError

SMALLEST = 5  # points of a title that is made to fit


def plot_images(
    images: Sequence[Any],
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show images in a grid, row by row, each under its title.

    Parameters
    ----------
    images : sequence
        PIL images, arrays (height, width[, 3]) or tensors (3, height, width), with values of 0 to 255 or 0 to 1.
    titles : sequence of str, optional
        One for each image. Without titles, `alt` must say what is there.
    columns : int, optional
        Images in a row; at most 6 if left out.
    title : str, optional
        Title of the figure; derived from the data if left out.
    alt : str, optional
        Alternative text for those who can't see the figure; derived from the data if left out.

    Raises
    ------
    CourseError
        If there is no image, or the titles don't match the images.
    """
    count = len(images)
    if not count or (titles is not None and len(titles) != count):
        raise CourseError(
            f"There are {count} images and {len(titles or [])} titles: give at least one image, each with a title.",
            code="plots.titles-do-not-match",
        )
    columns = columns or min(count, 6)
    lines = max(str(name).count("\n") + 1 for name in titles) if titles is not None else 0
    figure, axes = _grid(-(-count // columns), columns, title, lines)
    for index, axis in enumerate(axes.flat[:count]):
        draw_image(axis, images[index], str(titles[index]) if titles is not None else "")
    _fit_titles(figure)
    if alt is None and titles is not None:
        names = "; ".join(str(name).replace("\n", ", ") for name in titles)
        alt = f"{title or 'Images'}: {count} in rows of {columns}: {names}."
    show(figure, alt or "")


def plot_top_losses(
    images: Sequence[Any],
    truth: Any,
    probabilities: Any,
    vocab: Sequence[str],
    *,
    n: int = 10,
    alt: str | None = None,
) -> None:
    """Show the n images whose true class was given the least probability: the largest cross-entropy losses.

    Above each stand the true class and what was said, with the probability of either.

    Parameters
    ----------
    images : sequence
        N images, as in `plot_images`.
    truth : array or tensor
        Indices of the true classes, (N,).
    probabilities : array or tensor
        Rows that sum to 1, (N, K), in the order of `vocab`, as `learn.get_preds` returns them.
    vocab : sequence of str
        Names of the K classes.
    n : int
        How many images to show.
    alt : str, optional
        Alternative text; derived from the data if left out.

    Raises
    ------
    CourseError
        If the three lengths differ.
    """
    truth, probabilities = to_numpy(truth), to_numpy(probabilities)
    if not len(images) == len(truth) == len(probabilities):
        raise CourseError(
            f"Got {len(images)} images, {len(truth)} true classes and {len(probabilities)} rows of probabilities: "
            "take all three from the same set, in the same order.",
            code="plots.lengths-differ",
        )
    worst = np.argsort(probabilities[np.arange(len(truth)), truth], kind="stable")[:n]
    said = probabilities.argmax(1)
    titles = []
    for i in worst:
        true, other = (f"{vocab[k]} ({_percent(probabilities[i, k])})" for k in (truth[i], said[i]))
        titles.append(f"is {true}\nsaid {other}")
    title = f"Largest losses ({(said != truth).sum()} of {len(truth)} images are wrong)"
    plot_images([images[int(i)] for i in worst], titles, columns=min(len(worst), 3), title=title, alt=alt)


def plot_neighbours(
    queries: Sequence[Any],
    neighbours: Sequence[Sequence[Any]],
    query_classes: Sequence[str],
    neighbour_classes: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show q images, each with its k nearest neighbours to the right; a neighbour of another class is marked ≠.

    Parameters
    ----------
    queries : sequence
        q images, as in `plot_images`.
    neighbours : sequence of sequences
        For each query its neighbours, nearest first.
    query_classes : sequence of str
        The class of each query.
    neighbour_classes : sequence of sequences of str
        The class of each neighbour.
    title : str, optional
        Title of the figure; derived from the data if left out.
    alt : str, optional
        Alternative text for those who can't see the figure; derived from the data if left out.

    Raises
    ------
    CourseError
        If the four lengths differ.
    """
    if not len(queries) == len(neighbours) == len(query_classes) == len(neighbour_classes):
        raise CourseError(
            f"Got {len(queries)} images, {len(neighbours)} rows of neighbours, {len(query_classes)} classes and "
            f"{len(neighbour_classes)} rows of classes: give one of each for every image.",
            code="plots.lengths-differ",
        )
    shared = sum(other == own for own, row in zip(query_classes, neighbour_classes, strict=True) for other in row)
    title = title or f"Nearest neighbours: {shared} of {sum(map(len, neighbour_classes))} share the class"
    figure, axes = _grid(len(queries), 1 + max(map(len, neighbours)), title)
    told = []
    for row, query, near, own, others in zip(axes, queries, neighbours, query_classes, neighbour_classes, strict=True):
        draw_image(row[0], query, f"{own} →")
        for axis, image, other in zip(row[1:], near, others, strict=False):
            draw_image(axis, image, str(other) if other == own else f"≠ {other}")
        told.append(f"{own} has {', '.join(map(str, others))}")
    show(figure, alt or f"{title}. {'; '.join(told)}.")


def draw_image(axis: Axes, image: Any, title: str) -> None:
    """Draw one image under a small title."""
    axis.imshow(to_pixels(image), cmap="gray", interpolation="nearest")
    axis.set_axis_off()
    axis.set_title(title, fontsize="small", fontweight="normal", loc="center")


def _fit_titles(figure: Figure) -> None:
    """Write titles smaller, all alike, until none is wider than its image: they would meet, or be cut off."""
    figure.draw_without_rendering()  # lays the figure out
    fits = [axis.get_window_extent().width / max(axis.title.get_window_extent().width, 1) for axis in figure.axes]
    if min(fits) < 1:
        for axis in figure.axes:
            axis.title.set_fontsize(max(float(axis.title.get_fontsize()) * min(fits), SMALLEST))


def _grid(rows: int, columns: int, title: str | None, lines: int = 1) -> tuple[Figure, np.ndarray]:
    side = min(1.5, 8 / columns)
    height = rows * (side + 0.12 + 0.18 * lines) + 0.4 * bool(title)
    figure = Figure(figsize=(max(columns * side, 5), height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    if title:
        add_title(figure, title)
    return figure, axes


def _percent(share: float) -> str:
    """A probability in percent, small ones with one digit that counts."""
    if share < 1e-5:
        return "under 0.001%"
    return f"{100 * share:.1g}%" if share < 0.1 else f"{share:.0%}"
