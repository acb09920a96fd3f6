"""Decodes your own images once, into memory, and names all that can't be read at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from course_utils.data.images.opening import open_image
from course_utils.data.images.own.examples import first_few, number
from course_utils.errors import CourseError

# How an image becomes a square: cut to its centre, with black beside it, or out of shape. The names are fastai's.
RESIZE: dict[str, Callable[[Image.Image, tuple[int, int]], Image.Image]] = {
    "crop": lambda image, size: ImageOps.fit(image, size, Image.Resampling.BILINEAR),
    "pad": lambda image, size: ImageOps.pad(image, size, Image.Resampling.BILINEAR),
    "squish": lambda image, size: image.resize(size, Image.Resampling.BILINEAR),
}


def decode(paths: Sequence[Path], size: int, how: str) -> tuple[torch.Tensor, dict[int, str]]:
    """Decode files to squares, kept in memory until others are decoded.

    They are written nowhere else: a learner's own images may be private.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    size : int
        Pixels a side.
    how : str
        One of RESIZE.

    Returns
    -------
    images : (n, 3, size, size) uint8
        Black where a file can't be read.
    unreadable : dict
        What is wrong with each file that can't be read, by its index.
    """
    changed = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)
    return _decode(tuple(paths), changed, size, how)


@lru_cache(maxsize=1)
def _decode(
    paths: tuple[Path, ...], changed: tuple[int, ...], size: int, how: str
) -> tuple[torch.Tensor, dict[int, str]]:
    """Decode the files; `changed` (their times of change) makes the cache forget what is outdated."""
    images = np.zeros((len(paths), size, size, 3), np.uint8)

    def fill(index: int) -> None:
        images[index] = np.asarray(RESIZE[how](open_image(paths[index]), (size, size)))

    unreadable = _try_each(fill, len(paths))
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), unreadable


def look_into(paths: Sequence[Path]) -> dict[int, str]:
    """Return what is wrong with each file whose first bytes aren't those of an image, by its index.

    It is for more images than are decoded at once; one that is cut off further down is found when it is loaded.
    """

    def look(index: int) -> None:
        try:
            with Image.open(paths[index]):
                pass
        except Exception:  # whatever it is, opening it in earnest says it in a sentence
            open_image(paths[index])

    return _try_each(look, len(paths))


def _try_each(attempt: Callable[[int], None], count: int) -> dict[int, str]:
    """Call a function with each index, and collect the refusals."""

    def tried(index: int) -> str | None:
        try:
            attempt(index)
        except CourseError as problem:
            return str(problem)
        return None

    with ThreadPoolExecutor() as pool:  # Pillow lets other threads run while it decodes
        return {index: said for index, said in enumerate(pool.map(tried, range(count))) if said is not None}


def refuse_unreadable(unreadable: dict[int, str], files: Sequence[str]) -> None:
    """Raise CourseError `data.unreadable-image`, which names the first few of all files that can't be read."""
    if not unreadable:
        return
    told = first_few(f"{files[index]} {_reason(said, files[index])}" for index, said in sorted(unreadable.items()))
    raise CourseError(
        f"{number(len(unreadable), 'image')} of {len(files):,} can't be read ({told}): replace or delete "
        f"{'it' if len(unreadable) == 1 else 'them'}, or leave out what can't be read with leave_out='unreadable'.",
        code="data.unreadable-image",
    )


def _reason(said: str, file: str) -> str:
    """Return what a refusal of `open_image` says of the file, without its name and its advice."""
    what = said.split(": ")[0].rstrip(".")
    return what.removeprefix(file.rsplit("/", 1)[-1]).strip()
