"""Figures that look inside a network: the filters of its first layer, and the feature maps of an image."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from course_utils.display.figures import add_title, show
from course_utils.display.pixels import mosaic, stretch, to_numpy
from course_utils.errors import CourseError
from course_utils.plots.images import draw_image


def plot_filters(weights: Any, *, title: str | None = None, alt: str | None = None) -> None:
    """Show a first layer's filters, each scaled to the full range of brightness.

    Parameters
    ----------
    weights : array or tensor
        Weights of the first convolution, (N, 3, k, k) or (N, 1, k, k).
    title : str, optional
        Title of the figure; derived from the data if left out.
    alt : str, optional
        Alternative text for those who can't see the figure; derived from the data if left out.

    Raises
    ------
    CourseError
        If the weights have another shape: only filters that read an image can be shown as images.
    """
    weights = to_numpy(weights)
    if weights.ndim != 4 or weights.shape[1] not in (1, 3):
        raise CourseError(
            f"Only filters that read an image can be seen as images, and these weights have shape {weights.shape}: "
            "give the first convolution's, of shape (N, 3, k, k) or (N, 1, k, k).",
            code="plots.not-first-layer-filters",
        )
    count, _, height, width = weights.shape
    title = title or f"The {count} filters of {height} by {width} pixels of the first layer"
    columns = min(count, 16)
    rows = -(-count // columns)
    figure = Figure(figsize=(7.2, 7.2 * rows / columns + 0.5), layout="constrained")
    axis = figure.subplots()
    axis.imshow(mosaic([stretch(each).transpose(1, 2, 0) for each in weights], columns), cmap="gray")
    axis.set_axis_off()
    add_title(figure, title)
    show(figure, alt or f"{title}, {columns} in a row, each drawn as a small image.")


def plot_feature_maps(
    maps: Any, image: Any = None, *, n: int = 16, title: str | None = None, alt: str | None = None
) -> None:
    """Show the n feature maps of one image that vary most, beside the image.

    Parameters
    ----------
    maps : array or tensor
        Feature maps of one image, (channels, height, width).
    image : optional
        The image itself, as in `plot_images`.
    n : int
        How many maps to show.
    title : str, optional
        Title of the figure; derived from the data if left out.
    alt : str, optional
        Alternative text for those who can't see the figure; derived from the data if left out.

    Raises
    ------
    CourseError
        If `maps` holds a whole batch or has no channels.
    """
    figure, derived = feature_maps_figure(maps, image, n=n, title=title)
    show(figure, alt or derived)


def feature_maps_figure(maps: Any, image: Any = None, *, n: int = 16, title: str | None = None) -> tuple[Figure, str]:
    """Return the figure of `plot_feature_maps` and its alternative text without showing them."""
    maps = to_numpy(maps)
    if maps.ndim != 3:
        raise CourseError(
            f"Feature maps of one image have shape (channels, height, width) but these have {maps.shape}: "
            "take those of one image out of the batch, such as maps[0].",
            code="plots.not-one-images-maps",
        )
    channels, height, width = maps.shape
    chosen = np.argsort(-maps.std((1, 2)), kind="stable")[:n]
    what = f"{len(chosen)} of {channels} feature maps of {height} by {width}"
    title = f"{title}: {what}" if title else what
    figure = Figure(figsize=(7.2, 4), layout="constrained")
    axis = figure.subplots()
    if image is not None:
        figure.clear()
        beside, axis = figure.subplots(1, 2, width_ratios=(1, 1.6))
        draw_image(beside, image, "the image")
    axis.imshow(mosaic([stretch(maps[i]) for i in chosen], int(np.ceil(np.sqrt(len(chosen))))), cmap="viridis")
    axis.set_axis_off()
    add_title(figure, title)
    return figure, (
        f"{title}: those that vary most, each scaled from its least value (dark) to its greatest (bright). "
        f"{(maps == 0).mean():.1%} of all values at this depth are zero."
    )
