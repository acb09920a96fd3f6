"""Names as people write them, of classes, groups and files: when two are one, and when there is none."""

import re
from collections.abc import Hashable, Iterable
from typing import Any
from unicodedata import category, normalize

import numpy as np

# What pandas and NumPy write where a value is missing. "None" isn't among them: it may be the name of a class.
MISSING = ("nan", "NaN", "<NA>", "NaT", "#N/A")


def comparable(name: object) -> str:
    """Return a name in the one of its Unicode forms that is composed, without spaces around it.

    macOS writes an accent as a character of its own, other systems write it with its letter.
    """
    return normalize("NFC", str(name)).strip()


def as_text(value: Any) -> str:
    """Return a label or a group as text; 1.0, into which a table turns the number 1, is "1"."""
    if isinstance(value, bytes):  # as HDF5 files and old NumPy arrays hold texts
        value = value.decode("utf-8", "replace")
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return comparable(value)


def is_missing(value: Any) -> bool:
    """Whether a cell of a table holds nothing: None, NaN, NaT, spaces, or the text that stands for one of these."""
    if isinstance(value, str):
        return not value.strip() or value.strip() in MISSING
    if value is None:
        return True
    return bool(np.isscalar(value) and value != value) or type(value).__name__ in ("NAType", "NaTType")


def one_of_each(values: Iterable[Hashable]) -> list[Hashable]:
    """Return the values, with the first that was written where several are one name: 1, 1.0 and "1"."""
    first: dict[str, Hashable] = {}
    written = (comparable(value) if isinstance(value, str) else value for value in values)
    return [first.setdefault(as_text(value), value) for value in written]


def rough(name: str) -> str:
    """Return a form in which names are equal that people take for one.

    It knows no case, no invisible characters, no difference between spaces, hyphens and underscores, and of numbers
    only their size.
    """
    visible = "".join(each for each in normalize("NFKC", name) if category(each) != "Cf").casefold().strip()
    try:
        return repr(float(visible))
    except ValueError:
        return re.sub(r"(?<=[^\W_])[\s_-]+(?=[^\W_])", " ", visible)
