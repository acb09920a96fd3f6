"""Looks at image files before they are decoded: size, mode, orientation, and how bright those of many bits are."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from course_utils.data.images.opening import (
    FORMATS,
    MAX_PIXELS,
    Levels,
    deep_kind,
    finite_range,
    is_turned,
    levels_of,
    open_image,
)
from course_utils.errors import CourseError

CUT = 1.5  # an image longer than this times its shorter side loses more than a third
DARK = 16  # an image whose brightest value isn't as much shows next to nothing


@dataclass(frozen=True)
class Look:
    """What can be known of an image file without decoding it; only one of more than 8 bits a pixel is decoded.

    Parameters
    ----------
    problem : str
        Why it can't be read; "" as far as it can.
    mode : str
        Pillow's name of its kind: "RGB", "L" and so on.
    width, height : int
        Its pixels, as stored.
    turned : bool
        Whether it is stored on its side or mirrored, with a note on how to turn it.
    kind : str, optional
        `deep_kind`.
    least, greatest : float
        Of an image of such a kind, the least and the greatest finite value.
    """

    problem: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    turned: bool = False
    kind: str | None = None
    least: float = 0.0
    greatest: float = 0.0


def times_of_change(paths: Sequence[Path]) -> tuple[int, ...]:
    """Return when each file was last changed, 0 for one that is gone: a cache forgets by it what is outdated."""
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


def look_at(paths: Sequence[Path]) -> list[Look]:
    """Look at files, whose faults are told rather than raised.

    A file that is cut off further down is found when it is decoded.
    """
    return list(_look_at(tuple(paths), times_of_change(paths)))


@lru_cache(maxsize=1)  # a sweep loads the same files again and again
def _look_at(paths: tuple[Path, ...], changed: tuple[int, ...]) -> tuple[Look, ...]:
    with ThreadPoolExecutor() as pool:  # Pillow lets other threads run while it reads
        return tuple(pool.map(_look, paths))


def _look(path: Path) -> Look:
    try:
        try:
            with Image.open(path, formats=FORMATS) as image:
                turned, kind, (width, height) = is_turned(image), deep_kind(image), image.size
                least = greatest = 0.0
                if kind and width * height <= MAX_PIXELS:
                    least, greatest = finite_range(np.asarray(image), path.name)
                return Look("", image.mode, width, height, turned, kind, least, greatest)
        except CourseError:
            raise
        except Exception:  # whatever it is, opening it in earnest says it in a sentence
            open_image(path)
            return Look()
    except CourseError as problem:
        return Look(str(problem))


def common_levels(looks: Iterable[Look]) -> Levels:
    """Return the values that turn black and white in all images of a set, for each kind of deep image in it."""
    ranges: dict[str, tuple[float, float]] = {}
    for look in looks:
        if look.kind and not look.problem:
            least, greatest = ranges.get(look.kind, (look.least, look.greatest))
            ranges[look.kind] = min(least, look.least), max(greatest, look.greatest)
    return {kind: levels_of(kind, *found) for kind, found in ranges.items()}


def dark_images(decoded: torch.Tensor) -> list[int]:
    """Return the indices of images that are nearly black; Pillow leaves nothing else of 12 bits in 16-bit colours."""
    return (decoded.flatten(1).amax(1) < DARK).nonzero().flatten().tolist()


def notes_on(looks: Sequence[Look], levels: Levels, how: str) -> tuple[str, ...]:
    """Tell what is done to images that are on their side, of many bits, or far from square."""
    notes = []
    turned = sum(look.turned for look in looks)
    if turned:
        notes.append(
            f"{turned:,} of {len(looks):,} images are stored on their side or mirrored, as phones do; they were turned "
            "upright, which fastai alone doesn't do."
        )
    for kind, (black, white) in levels.items():
        count = sum(look.kind == kind for look in looks)
        notes.append(
            f"{count:,} of {len(looks):,} images have pixels of {kind}: in all of them {black:,.6g} is black and "
            f"{white:,.6g} is white."
        )
    cut = sum(min(look.width, look.height) * CUT < max(look.width, look.height) for look in looks)
    if cut and how == "crop":
        notes.append(
            f"{cut:,} of {len(looks):,} images are so long that more than a third is cut off: resize='pad' or "
            "resize='squish' keeps all of them."
        )
    return tuple(notes)
