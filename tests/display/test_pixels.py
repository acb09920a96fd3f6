"""Images of any kind as pixels."""

import numpy as np
import pytest
import torch
from PIL import Image
from support.errors import refused

from course_utils.display.pixels import mosaic, to_pixels


@pytest.mark.parametrize(
    ("image", "shape"),
    [
        (Image.new("RGB", (5, 4)), (4, 5, 3)),
        (Image.new("RGBA", (5, 4)), (4, 5, 3)),
        (Image.new("L", (5, 4)), (4, 5)),
        (np.zeros((4, 5, 3), np.uint8), (4, 5, 3)),
        (np.zeros((4, 5)), (4, 5)),
        (torch.zeros(3, 4, 5), (4, 5, 3)),
        (torch.zeros(1, 4, 5, dtype=torch.bfloat16, requires_grad=True), (4, 5)),
        (torch.zeros(3, 4, 3, dtype=torch.uint8), (4, 3, 3)),
    ],
)
def test_images_of_any_kind_become_pixels(image, shape):
    assert to_pixels(image).shape == shape


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (torch.zeros(2, 3, 4, 4), "display.not-an-image"),
        (np.zeros((4, 5, 2)), "display.not-an-image"),
        (torch.full((3, 4, 4), -1.5), "display.floats-out-of-range"),
        (np.full((4, 4), np.nan), "display.floats-out-of-range"),
    ],
)
def test_what_is_no_image_is_refused(image, code):
    with refused(code):
        to_pixels(image)


def test_mosaic_puts_tiles_row_by_row_with_gaps_between():
    page = mosaic([np.full((56, 56), float(value)) for value in range(3)], columns=2)
    assert page.shape == (116, 116)
    assert (page[0, 0], page[0, -1], page[-1, 0]) == (0, 1, 2)
    assert np.isnan(page[:, 57]).all() and np.isnan(page[-1, -1])
