"""Turns what a cell, a list or a function says into the labels of an image, one or several."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from course_utils.data.images.own.examples import number
from course_utils.data.names import as_text, is_missing
from course_utils.data.tables import first_few
from course_utils.errors import CourseError

Labels = tuple[tuple[str, ...], ...]


def labels_of_values(values: Sequence[Any], files: Sequence[str], delimiter: str | None) -> tuple[Labels, bool]:
    """Return the labels of each file, and whether a file may have several.

    Parameters
    ----------
    values : sequence
        For each file a label, or a list of labels (an empty list says that none applies).
    files : sequence of str
        The files, for messages.
    delimiter : str, optional
        What stands between several labels in one text.

    Raises
    ------
    CourseError
        `data.missing-labels` where some are missing; `data.lists-as-text` where each is a list as text;
        `data.one-hot-labels` where each is a row of 0 and 1;
        `data.bad-option` for an empty delimiter.
    """
    if delimiter is not None and (not isinstance(delimiter, str) or not delimiter):
        raise CourseError(
            f"delimiter is {delimiter!r}: give the text that stands between two labels, such as ';'.",
            code="data.bad-option",
        )
    several = delimiter is not None or any(_is_list(value) for value in values)
    without = [file for value, file in zip(values, files, strict=True) if not _is_list(value) and is_missing(value)]
    if without:
        raise CourseError(
            f"{number(len(without), 'image')} of {len(files):,} {'has' if len(without) == 1 else 'have'} no label "
            f"({first_few(without)}): fill in what is missing, or take these rows or images out.",
            code="data.missing-labels",
        )
    if values and all(isinstance(value, str) and re.fullmatch(r"\[.*\]", value.strip(), re.DOTALL) for value in values):
        raise CourseError(
            f"The labels are lists that were written as texts, such as {values[0]!r}: turn them into lists again, with "
            "table.label.map(ast.literal_eval) for example.",
            code="data.lists-as-text",
        )
    if several and _are_one_hot(values):
        raise CourseError(
            f"The labels are rows of 0 and 1, such as {list(values[0])}: give the names of the classes that apply, "
            "as a list for each image.",
            code="data.one-hot-labels",
        )
    return tuple(_split(value, delimiter) for value in values), several


def _are_one_hot(values: Sequence[Any]) -> bool:
    """Whether all values are rows of 0 and 1, equally long, that say which of several classes apply."""
    rows = [value if isinstance(value, (list, tuple, np.ndarray)) else () for value in values]
    if not rows or len(rows[0]) < 2 or len({len(row) for row in rows}) > 1:
        return False
    return all(not isinstance(each, str) and each in (0, 1) for row in rows for each in row)


def _split(value: Any, delimiter: str | None) -> tuple[str, ...]:
    """Return the labels in one value, each once, in order."""
    found: Iterable[Any] = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
    found = found if _is_list(value) else [value]
    names = [as_text(each) for each in found if not is_missing(each)]
    if delimiter is not None:
        names = [part for name in names for part in map(str.strip, name.split(delimiter)) if part]
    return tuple(dict.fromkeys(names))


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset, np.ndarray))
