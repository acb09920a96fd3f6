"""Images with the boxes that are known and those that a detector found."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from course_utils.backbones import Found
from course_utils.display.figures import add_title, show
from course_utils.display.pixels import to_numpy, to_pixels
from course_utils.errors import CourseError

MOST = 12  # images at once
ROOMY = 8  # boxes in an image beside which there is room for the names of their classes
COLOURS = ("#ffd92f", "#7fdbff", "#ff9eb5", "#a6e34f", "#e0b3ff", "#ffb347")  # by class; its name stands beside the box


def plot_boxes(
    images: Sequence[Any],
    known: Sequence[Any] | None = None,
    found: Sequence[Found] | None = None,
    *,
    classes: Sequence[str],
    titles: Sequence[str] | None = None,
    columns: int = 4,
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show images with boxes: the known ones dashed and white, those that were found in colour, with class and score.

    Parameters
    ----------
    images : sequence
        At most 12, as in `plot_images`.
    known : sequence of (k, 5) tensors, optional
        Left, top, right, bottom and class of what is there. Without `found` they are drawn in colour, with the class.
    found : sequence of Found, optional
        What a detector found.
    classes : sequence of str
        What the numbers of classes mean.
    titles : sequence of str, optional
        One for each image.
    columns : int
        Images in a row.
    title, alt : str, optional
        Title of the figure and alternative text; derived from the boxes if left out.

    Raises
    ------
    CourseError
        Where there is no image or more than 12, or the lengths differ (`plots.lengths-differ`).
    """
    figure, told = boxes_figure(images, known, found, classes=classes, titles=titles, columns=columns, title=title)
    show(figure, alt or told)


def boxes_figure(
    images: Sequence[Any],
    known: Sequence[Any] | None = None,
    found: Sequence[Found] | None = None,
    *,
    classes: Sequence[str],
    titles: Sequence[str] | None = None,
    columns: int = 4,
    title: str | None = None,
) -> tuple[Figure, str]:
    """Draw the figure of `plot_boxes`, and give its alternative text."""
    given = [each for each in (known, found, titles) if each is not None]
    if not 0 < len(images) <= MOST or any(len(each) != len(images) for each in given):
        raise CourseError(
            f"There are {len(images)} images, with {' and '.join(str(len(each)) for each in given) or 'no'} lists of "
            f"boxes or titles: give 1 to {MOST} images and one of each for every image.",
            code="plots.lengths-differ",
        )
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height, width = to_pixels(images[0]).shape[:2]
    side = min(3.0, 9 / columns)
    figure = Figure(
        figsize=(side * columns, (side * height / width + (0.25 if titles else 0.05)) * rows + 0.4),
        layout="constrained",
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in panels:
        axis.set_axis_off()
    fullest = max(len(to_numpy(rows)) for each in (known, found) if each is not None for rows in map(_boxes_of, each))
    names = list(classes) if fullest <= ROOMY else _short(classes)
    if fullest > ROOMY:
        figure.supxlabel(", ".join(f"{s}: {name}" for s, name in zip(names, classes, strict=True)), fontsize="small")
    told = []
    for number, (axis, image) in enumerate(zip(panels, images, strict=False)):
        axis.imshow(to_pixels(image), cmap="gray", interpolation="nearest")
        axis.set_title(titles[number] if titles else "", fontsize="small")
        said = []
        if known is not None:
            there = to_numpy(known[number])
            there = there[there[:, 4] >= 0]
            for row in there:
                label = int(row[4])
                if found is None:
                    _draw(axis, row, COLOURS[label % len(COLOURS)], names[label])
                else:
                    _draw(axis, row, "white", "", dashed=True)
            said.append(_count("known", [int(row[4]) for row in there], classes))
        if found is not None:
            one = found[number]
            for box, score, label in zip(*(to_numpy(part) for part in one), strict=True):
                _draw(axis, box, COLOURS[int(label) % len(COLOURS)], f"{names[int(label)]} {score:.0%}")
            said.append(_count("found", [int(label) for label in one.labels], classes))
        told.append(f"{titles[number] if titles else f'image {number + 1}'}: {'; '.join(said)}")
    title = title or ("What is there" if found is None else "What was found, and in white what is there")
    add_title(figure, title)
    return figure, f"{title}. {'. '.join(told)}."


def _boxes_of(given: Any) -> Any:
    return given.boxes if isinstance(given, Found) else given


def _count(what: str, labels: Sequence[int], classes: Sequence[str]) -> str:
    counts = Counter(classes[label] for label in labels)
    return f"{what} {', '.join(f'{name} × {count}' for name, count in counts.items()) or 'nothing'}"


def _short(classes: Sequence[str]) -> list[str]:
    """Give the shortest beginnings, one for each class, that tell the classes apart."""
    longest = max(map(len, classes))
    lengths = (n for n in range(1, longest) if len({name[:n] for name in classes}) == len(classes))
    length = next(lengths, longest)
    return [name[:length] for name in classes]


def _draw(axis: Axes, box: np.ndarray, colour: str, text: str, dashed: bool = False) -> None:
    left, top, right, bottom = (float(side) - 0.5 for side in box[:4])  # the middle of pixel 0 is drawn at 0
    edge = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.2)
    edge.set_linestyle("--" if dashed else "-")
    if not dashed:
        edge.set_path_effects([withStroke(linewidth=2.2, foreground="black")])  # to be seen on any ground
    axis.add_patch(edge)
    if text:
        style = {"boxstyle": "square,pad=0.1", "facecolor": colour, "edgecolor": "none"}
        axis.text(left, top, text, fontsize=6, va="bottom", color="black", bbox=style, clip_on=True)
