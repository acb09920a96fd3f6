"""Opens images from outside, of whatever format, as plain RGB; refuses in one sentence what it can't open."""

import io
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from course_utils.errors import CourseError

Source = bytes | bytearray | memoryview | str | PathLike | np.ndarray | Image.Image
# The values that turn black and white, for each kind of image with more than 8 bits (see `deep_kind`).
Levels = Mapping[str, tuple[float, float]]

MAX_BYTES = 50_000_000  # of a file
MAX_PIXELS = 50_000_000  # to decode, about 200 MB; a JPEG is reduced while it is decoded and may have more
MAX_SIDE = 1024  # pixels of what comes back: no network here sees more, and full photographs make a page slow
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # JPEG includes MPO, a phone's two views
ADVICE = "save it as PNG or JPEG and try again"
BITS = (8, 10, 12, 14, 16)  # of a pixel, that cameras, microscopes and scanners give
NO_DATA = 1e30  # maps mark with such numbers where nothing was measured
ORIENTATION = 0x0112  # the tag in a camera's notes
# What else people upload, recognised by its first bytes.
FOREIGN = {
    "a PDF document": lambda head: head.startswith(b"%PDF"),
    "a DICOM file": lambda head: head[128:132] == b"DICM",
    "a ZIP archive": lambda head: head.startswith(b"PK\x03\x04"),
    "a HEIC or AVIF photograph": lambda head: head[4:8] == b"ftyp" and head[8:11] in (b"hei", b"hev", b"mif", b"avi"),
    "an SVG drawing": lambda head: b"<svg" in head.lower(),
    "a web page": lambda head: b"<html" in head.lower() or b"<!doctype" in head.lower(),
    "a text": lambda head: all(byte >= 32 or byte in b"\t\n\r" for byte in head),
}
# DCMTK 3.6.9 calls dcmj2pnm dcm2img, with the same options.
CONVERT = {"a DICOM file": "convert it to PNG, for example with `dcmj2pnm +on +Wm scan.dcm scan.png` from DCMTK"}


def open_image(source: Source, levels: Levels | None = None) -> Image.Image:
    """Open an image as a PIL image in mode RGB, upright, at most 1024 pixels a side.

    A camera's orientation is applied; of an animation the first frame is taken; what is transparent turns white. What
    has more than 8 bits a pixel is scaled by `levels`, or else by itself: 16 bits so that the most that 8, 10, 12, 14
    or 16 bits can hold is white, integers and floats from their least to their greatest finite value.

    Parameters
    ----------
    source : str, path, bytes, array or PIL image
        A file's name, its bytes, an array as `PIL.Image.fromarray` takes it, or a PIL image, which stays as it is.
    levels : mapping, optional
        The values that turn black and white, for each kind of deep image: one scale for all images of a set.

    Raises
    ------
    CourseError
        `data.unreadable-image` for a missing, empty, cut, huge (50 MB; 50 million pixels, unless JPEG) or foreign file.
    """
    if isinstance(source, np.ndarray):
        source = _from_array(source)
    if isinstance(source, Image.Image):
        return _to_plain(source, "The image", levels, may_change=False)
    name, content = _read(source)
    if not content:
        raise _unreadable(f"{name} is empty (0 bytes): choose another image, or copy it here once more.")
    if len(content) > MAX_BYTES:
        raise _too_big(name, f"{len(content) / 1e6:.0f} MB", f"{MAX_BYTES / 1e6:.0f} MB")
    try:
        # Only these formats: Pillow's others are rare, and some start a second program.
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_big(name, "over 178 million pixels", f"{MAX_PIXELS // 10**6} million") from None
    except UnidentifiedImageError:
        what = next((what for what, matches in FOREIGN.items() if matches(content[:512])), "in no format known here")
        advice = f"{CONVERT[what]}, and try again" if what in CONVERT else ADVICE
        raise _unreadable(f"{name} is {what}, not an image that the course can read: {advice}.") from None
    except Exception as problem:  # a decoder may raise anything on bytes made to confuse it
        raise _damaged(name) from problem
    return _to_plain(image, name, levels, may_change=True)


def _read(source: Source) -> tuple[str, bytes]:
    """Return the file's name for messages, and its bytes."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "The image", bytes(source)
    if not isinstance(source, (str, PathLike)):
        kind = type(source).__name__
        raise _unreadable(f"An image can't be opened from a {kind}: give a file's name, its bytes or a PIL image.")
    path = Path(source)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise _too_big(path.name, f"{size / 1e6:.0f} MB", f"{MAX_BYTES / 1e6:.0f} MB")
        return path.name, path.read_bytes()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise _unreadable(f"The image {path} can't be read ({reason}): check the file's name and folder.") from None


def _to_plain(image: Image.Image, name: str, levels: Levels | None, may_change: bool) -> Image.Image:
    """Decode an image and bring it to upright RGB; `may_change` says that the image itself may be changed."""
    try:
        if may_change:
            image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a JPEG can be decoded at 1/2, 1/4 or 1/8 of its size
        width, height = image.size
        if not width * height:
            raise _unreadable(f"{name} has no pixels ({width}×{height}): choose another image.")
        if width * height > MAX_PIXELS:
            raise _too_big(name, f"{width}×{height} pixels", f"{MAX_PIXELS // 10**6} million")
        image.load()
        image = _to_rgb(image, name, levels)
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        return image
    except CourseError:
        raise
    except Exception as problem:  # a decoder may raise anything on bytes made to confuse it
        raise _damaged(name) from problem


def _to_rgb(image: Image.Image, name: str, levels: Levels | None) -> Image.Image:
    """Return a new upright RGB image of any image's first frame."""
    upright = _upright(image)
    kind = deep_kind(upright)
    if kind:
        values = np.asarray(upright).astype(float if kind == "integers" else np.float32)
        black, white = (levels or {}).get(kind) or levels_of(kind, *finite_range(values, name))
        values = np.where(np.isnan(values), black, values.clip(black, white))
        shares = (values - black) / max(white - black, 1e-9)
        return Image.fromarray((shares * 255).round().astype(np.uint8)).convert("RGB")
    if upright.has_transparency_data:
        clear = (upright.convert("LA") if upright.mode == "La" else upright).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    return upright.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """Apply the orientation that a camera noted; leave the image as it is where the note can't be read."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # whatever is wrong with what is written beside the pixels, these can be seen
        image.load()
        return image.copy()


def is_turned(image: Image.Image) -> bool:
    """Whether an image is stored on its side or mirrored, with a note on how to turn it; Pillow turns TIFFs itself."""
    try:
        return image.format != "TIFF" and image.getexif().get(ORIENTATION, 1) in range(2, 9)
    except Exception:  # a note that can't be read
        return False


def deep_kind(image: Image.Image) -> str | None:
    """Return "16 bits", "integers" or "floats" for an image with more than 8 bits a pixel, else None."""
    return "16 bits" if image.mode.startswith("I;16") else {"I": "integers", "F": "floats"}.get(image.mode)


def finite_range(values: np.ndarray, name: str) -> tuple[float, float]:
    """Return the least and the greatest finite value.

    Raises
    ------
    CourseError
        `data.unreadable-image` when there is none.
    """
    finite = values[np.abs(values) < NO_DATA]
    if not finite.size:
        raise _unreadable(f"{name} holds no finite number: write the image once more, or take it out.")
    return float(finite.min()), float(finite.max())


def levels_of(kind: str, least: float, greatest: float) -> tuple[float, float]:
    """Return the values that turn black and white in images of a kind, from their least and greatest value."""
    if kind != "16 bits":
        return least, greatest
    return 0, next(2**bits - 1 for bits in BITS if greatest < 2**bits)


def _from_array(values: np.ndarray) -> Image.Image:
    flat = values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values
    try:
        if flat.ndim in (2, 3):
            return Image.fromarray(flat)
    except (TypeError, ValueError, KeyError):
        pass
    raise _unreadable(
        f"An array of {values.dtype} with the shape {values.shape} is no image: give (height, width, 3) numbers "
        "from 0 to 255 as uint8."
    )


def _unreadable(sentence: str) -> CourseError:
    return CourseError(sentence, code="data.unreadable-image")


def _too_big(name: str, size: str, limit: str) -> CourseError:
    return _unreadable(
        f"{name} is too big ({size}, at most {limit}): make it smaller, for example with a screenshot, and try again."
    )


def _damaged(name: str) -> CourseError:
    return _unreadable(f"{name} is damaged or cut off and can't be decoded: copy it here once more, or {ADVICE}.")
