"""Figures as they are committed: with all their pixels and colours, and still small.

A live figure is a PNG of up to several hundred kilobytes. As WebP a plot needs less than half of that without any loss,
a busy one with 256 colours that hardly differ from its own, and photographs a tenth at a quality that looks the same.
"""

import base64
import io
import re

import numpy as np
from PIL import Image

from course_utils.errors import CourseError

IMAGE_BYTES = 60_000
EXACT_BYTES = 40_000
PALETTE_ERROR = 1.5  # of 255, root mean square: photographs are far above it
QUALITIES = (90, 80, 70, 60, 50, 35)
PNG = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")


def with_small_images(html: str) -> str:
    """Return HTML with each embedded PNG as WebP of no more than IMAGE_BYTES, or as it is where that is smaller.

    Raises
    ------
    CourseError
        For an image that is larger even at the lowest quality (`tools.large-image`).
    """
    return PNG.sub(lambda found: _small(base64.b64decode(found[1])), html)


def _small(png: bytes) -> str:
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    clear = b"\xff" * (image.width * image.height) != image.getchannel("A").tobytes()
    image = image if clear else image.convert("RGB")
    exact = _webp(image, lossless=True)
    if clear or min(len(png), len(exact)) <= EXACT_BYTES:
        return _uri("png", png) if len(png) <= len(exact) else _uri("webp", exact)
    few = image.quantize(256, dither=Image.Dither.NONE).convert("RGB")
    if _difference(image, few) <= PALETTE_ERROR and len(webp := _webp(few, lossless=True)) <= IMAGE_BYTES:
        return _uri("webp", webp)
    for quality in QUALITIES:
        if len(webp := _webp(image, quality=quality)) <= IMAGE_BYTES:
            return _uri("webp", webp)
    raise CourseError(
        f"An image of {image.width} × {image.height} pixels takes {len(webp) / 1000:.0f} kB at the lowest quality, and "
        f"at most {IMAGE_BYTES / 1000:.0f} kB are committed: show less in the figure.",
        code="tools.large-image",
    )


def _difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.sqrt(np.mean((np.asarray(one, float) - np.asarray(other, float)) ** 2)))


def _webp(image: Image.Image, **how: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "webp", method=6, **how)
    return file.getvalue()


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
