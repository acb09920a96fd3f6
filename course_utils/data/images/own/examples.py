"""What a folder or a table of your own images says: the files, their labels, their groups and ready-made sets."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.data.names import is_missing, one_of_each
from course_utils.data.tables import first_few
from course_utils.errors import CourseError


@dataclass(frozen=True)
class Examples:
    """Image files with what is known of each.

    Parameters
    ----------
    base : Path
        The folder that the files are relative to.
    files : tuple of str
        The files, with forward slashes; one that isn't below `base` is absolute.
    labels : tuple of tuple of str
        The labels of each file: one each, unless `several`.
    several : bool
        Whether an image may have several labels, or none.
    groups : tuple, optional
        Of each file, what belongs on one side of a split.
    sets : tuple of str, optional
        The ready-made set of each file: "train", "valid" or "test".
    notes : tuple of str
        Sentences about what was found and left out.
    """

    base: Path
    files: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    several: bool = False
    groups: tuple[Hashable, ...] | None = None
    sets: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def vocab(self) -> list[str]:
        """The classes, in order; numbers by their size."""
        names = {label for labels in self.labels for label in labels}
        if all(name.isdecimal() for name in names):
            return sorted(names, key=lambda name: (int(name), name))
        return sorted(names)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the files are."""
        return tuple(self.base / file for file in self.files)

    def targets(self) -> np.ndarray:
        """Return which image has which label, a bool array (images, classes)."""
        place = {name: index for index, name in enumerate(self.vocab)}
        hot = np.zeros((len(self.files), len(place)), bool)
        for row, labels in enumerate(self.labels):
            for label in labels:
                hot[row, place[label]] = True
        return hot


def number(count: int, noun: str) -> str:
    """Return the number with its noun: "1 file", "2 files"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def apply_to_files(function: Callable[[Path], Any], base: Path, files: Sequence[str], option: str) -> list[Any]:
    """Return what a function of the learner's gives for each file's path.

    Raises
    ------
    CourseError
        `data.bad-function` when it raises an error.
    """
    given = []
    for file in files:
        try:
            given.append(function(base / file))
        except Exception as problem:  # it is the learner's own code
            reason = f"{type(problem).__name__}: {problem}".splitlines()[0].rstrip(".: ")
            raise CourseError(
                f"{option} can't be told of {file} ({reason}): give a function that takes a file's path.",
                code="data.bad-function",
            ) from problem
    return given


def check_groups(groups: Sequence[Any], files: Sequence[str]) -> tuple[Hashable, ...]:
    """Return the groups, each of which is known; 1, 1.0 and "1" are one group.

    Raises
    ------
    CourseError
        `data.missing-groups` where some are not; `data.bad-group` for a list and the like.
    """
    without = [file for file, group in zip(files, groups, strict=True) if is_missing(group)]
    if without:
        raise CourseError(
            f"{number(len(without), 'image')} of {len(files):,} {'has' if len(without) == 1 else 'have'} no group "
            f"({first_few(without)}): say to which group each belongs, or take them out.",
            code="data.missing-groups",
        )
    for file, group in zip(files, groups, strict=True):
        try:
            hash(group)
        except TypeError:
            raise CourseError(
                f"The group of {file} is a {type(group).__name__}: give a text, a number or a tuple of these.",
                code="data.bad-group",
            ) from None
    return tuple(one_of_each(groups))
