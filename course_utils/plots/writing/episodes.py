"""One episode: the labelled examples of each class beside the queries, and which of these go wrong."""

from string import ascii_uppercase
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.data.writing.episodes import Episodes
from course_utils.display.figures import add_title, show
from course_utils.display.pixels import to_numpy, to_pixels
from course_utils.errors import CourseError

GAP = 0.12  # of an image's side, between images
BETWEEN = 0.9  # between the labelled examples and the queries
ROWS = 10  # classes below each other; more stand in a second column
WRONG = "#d1242f"


def plot_episode(
    images: Any, episode: Episodes, scores: Any | None = None, *, title: str | None = None, alt: str | None = None
) -> None:
    """Show the first episode: a row for each class, its labelled examples at the left and its queries at the right.

    With scores, a query that goes wrong has a dashed frame, and the letter of the class it was taken for.

    Parameters
    ----------
    images : (n, channels, height, width) tensor or array
        All examples.
    episode : Episodes
        Their numbers are those of the images; at most twenty classes.
    scores : (episodes, ways, queries, ways) tensor, optional
        What a method gave.
    title, alt : str, optional
        Title of the figure and alternative text; derived from the episode if left out.

    Raises
    ------
    CourseError
        `plots.too-many-classes`; `plots.lengths-differ` where the scores are of other queries, or there are fewer
        images than the episode was drawn from.
    """
    figure, told = episode_figure(images, episode, scores, title=title)
    show(figure, alt or told)


def episode_figure(
    images: Any, episode: Episodes, scores: Any | None = None, *, title: str | None = None
) -> tuple[Figure, str]:
    """Draw the figure of `plot_episode`, and give its alternative text."""
    support, queries = (to_numpy(numbers)[0] for numbers in (episode.support, episode.queries))
    (ways, shots), asked = support.shape, queries.shape[1]
    if ways > 2 * ROWS:
        raise CourseError(
            f"An episode of {ways} classes doesn't fit into a figure: give one of at most {2 * ROWS}.",
            code="plots.too-many-classes",
        )
    if (last := int(max(support.max(), queries.max()))) >= len(images):
        raise CourseError(
            f"The episode names image {last:,} and there are {len(images):,}: draw it from the labels of these very "
            "images.",
            code="plots.lengths-differ",
        )
    taken = None if scores is None else to_numpy(scores)[0].argmax(-1)
    if taken is not None and taken.shape != queries.shape:
        raise CourseError(
            f"The scores are of {taken.shape[0]} classes with {taken.shape[-1]} queries each and the episode has "
            f"{ways} with {asked}: give the scores of this very episode.",
            code="plots.lengths-differ",
        )
    wide = (shots + asked) * (1 + GAP) + BETWEEN
    blocks = -(-ways // ROWS)
    across, down = 0.7 + blocks * (wide + 0.7), min(ways, ROWS) * (1 + GAP) + 0.5
    inch = min(0.62, 9.5 / across)
    figure = Figure(figsize=(across * inch, down * inch + 0.4), layout="constrained")
    axis = figure.subplots()
    right = 0
    for way in range(ways):
        left, top = (way // ROWS) * (wide + 0.7), (way % ROWS) * (1 + GAP)
        axis.text(left - 0.2, top + 0.5, ascii_uppercase[way], ha="right", va="center", fontsize=11)
        for place, number in enumerate([*support[way], *queries[way]]):
            x = left + place * (1 + GAP) + (BETWEEN if place >= shots else 0)
            pixels = to_pixels(images[int(number)])
            axis.imshow(
                pixels,
                cmap="gray",
                vmin=0,
                vmax=255 if pixels.dtype == np.uint8 else 1,
                extent=(x, x + 1, top + 1, top),
            )
            said = way if taken is None or place < shots else int(taken[way, place - shots])
            right += place >= shots and said == way
            style, width, colour = ("--", 2.0, WRONG) if said != way else ("-", 0.6, "0.6")
            axis.add_patch(Rectangle((x, top), 1, 1, fill=False, linestyle=style, linewidth=width, edgecolor=colour))
            if said != way:
                axis.text(x + 0.04, top + 0.04, ascii_uppercase[said], color=WRONG, ha="left", va="top", fontsize=9)
    axis.set_xlim(-0.7, across - 0.7)
    axis.set_ylim(down - 0.5, 0)
    axis.set_axis_off()
    counted = "" if taken is None else f": {right} of {ways * asked} queries right"
    add_title(figure, title or f"Examples and queries{counted.replace(' queries', '')}")
    told = (
        f"{ways} classes, {shots} labelled {'example' if shots == 1 else 'examples'} and {asked} queries each{counted}"
    )
    return figure, f"{title + '. ' if title else ''}{told}."
