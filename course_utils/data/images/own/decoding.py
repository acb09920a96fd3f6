"""Decodes your own images once, into memory, and names all that can't be read at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from course_utils.data.images.opening import CONVERT, Levels, open_image
from course_utils.data.images.own.examples import number
from course_utils.data.images.own.looking import times_of_change
from course_utils.data.images.squares import RESIZE
from course_utils.data.tables import first_few
from course_utils.errors import CourseError


def decode(paths: Sequence[Path], size: int, how: str, levels: Levels) -> tuple[torch.Tensor, dict[int, str]]:
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
    levels : mapping
        As in `open_image`.

    Returns
    -------
    images : (n, 3, size, size) uint8
        Black where a file can't be read.
    unreadable : dict
        What is wrong with each file that can't be read, by its index.
    """
    return _decode(tuple(paths), times_of_change(paths), size, how, tuple(sorted(levels.items())))


@lru_cache(maxsize=1)
def _decode(
    paths: tuple[Path, ...],
    changed: tuple[int, ...],
    size: int,
    how: str,
    levels: tuple[tuple[str, tuple[float, float]], ...],
) -> tuple[torch.Tensor, dict[int, str]]:
    """Decode the files; `changed` (their times of change) makes the cache forget what is outdated."""
    images = np.zeros((len(paths), size, size, 3), np.uint8)

    def fill(index: int) -> None:
        images[index] = np.asarray(RESIZE[how](open_image(paths[index], dict(levels)), (size, size)))

    unreadable = _try_each(fill, len(paths))
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), unreadable


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
    told = first_few(f"{files[index]} {reason(said, files[index])}" for index, said in sorted(unreadable.items()))
    ways = [way for way in CONVERT.values() if any(way in said for said in unreadable.values())]
    cure = ways[0] if ways else f"replace or delete {'it' if len(unreadable) == 1 else 'them'}"
    raise CourseError(
        f"{number(len(unreadable), 'image')} of {len(files):,} can't be read ({told}): {cure}, or leave out what can't "
        "be read with leave_out='unreadable'.",
        code="data.unreadable-image",
    )


def reason(said: str, file: str) -> str:
    """Return what a refusal of `open_image` says of the file, without its name and its advice."""
    what = said.split(": ")[0].rstrip(".")
    return what.removeprefix(file.rsplit("/", 1)[-1]).strip()
