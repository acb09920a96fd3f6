"""From what lessons hold (images and tensors of any kind) to arrays that matplotlib draws."""

from typing import Any

import numpy as np
from PIL import Image

from course_utils.errors import CourseError

TILE = 56  # pixels: a feature map of 2 by 2 shall be as large on the page as one of 32 by 32
GAP = 4


def to_numpy(values: Any) -> np.ndarray:
    """Return a tensor of any device and precision, or anything that numpy reads, as an array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() else values  # numpy has no bfloat16
    return np.asarray(values)


def to_pixels(image: Any) -> np.ndarray:
    """Return an image as an array that matplotlib draws.

    Parameters
    ----------
    image : PIL image, array or tensor
        A tensor holds its channels first, an array last.

    Returns
    -------
    ndarray
        (height, width, 3) or (height, width), uint8 of 0 to 255 or float of 0 to 1.

    Raises
    ------
    CourseError
        For another shape, and for floats outside 0 to 1, such as a normalised image.
    """
    if isinstance(image, Image.Image):
        return np.asarray(image if image.mode == "L" else image.convert("RGB"))
    array = to_numpy(image)
    if hasattr(image, "detach") and array.ndim == 3:
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 2 and (array.ndim != 3 or array.shape[-1] != 3):
        raise CourseError(
            f"An image has one channel or three but this one has shape {tuple(np.shape(image))}: give an array of "
            "(height, width, 3), a tensor of (3, height, width), or a PIL image, one image at a time.",
            code="display.not-an-image",
        )
    if array.dtype.kind == "f" and not (array.min() >= 0 and array.max() <= 1):
        raise CourseError(
            f"An image's floats lie between 0 and 1 but these go from {array.min():.2f} to {array.max():.2f}: "
            "show the image as it was before normalisation, or undo it with dls.decode.",
            code="display.floats-out-of-range",
        )
    return array


def stretch(values: np.ndarray) -> np.ndarray:
    """Return the values scaled to the whole range of 0 to 1; constant ones become 0."""
    values = values - values.min()
    return values / (values.max() or 1)


def mosaic(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    """Return equal tiles, (h, w) or (h, w, channels), side by side in one array with NaN (drawn white) between them.

    One array draws many times faster than one matplotlib axis a tile.
    """
    grown = [tile.repeat(zoom := max(1, TILE // tile.shape[0]), axis=0).repeat(zoom, axis=1) for tile in tiles]
    height, width = grown[0].shape[0] + GAP, grown[0].shape[1] + GAP
    rows = -(-len(tiles) // columns)
    page = np.full((rows * height - GAP, columns * width - GAP, *grown[0].shape[2:]), np.nan)
    for place, tile in enumerate(grown):
        top, left = place // columns * height, place % columns * width
        page[top : top + height - GAP, left : left + width - GAP] = tile
    return page
