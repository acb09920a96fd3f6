"""Tables of your own data: how they are read, and how messages tell of what is in them."""

import csv
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from course_utils.errors import CourseError

SHOWN = 3  # of many names, so many are told


def read_csv(path: Path, what: str = "files") -> pd.DataFrame:
    """Read a table as text; a comma, a semicolon or a tab may separate its columns, as it does their names.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What is in one of its columns, for messages; labels are in another.

    Raises
    ------
    CourseError
        `data.bad-table` for a file that isn't there or is no such table.
    """
    if not path.is_file():
        near = get_close_matches(path.name, [each.name for each in path.parent.glob("*") if each.is_file()], n=1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise CourseError(f"There is no table {path}{meant}: correct the path.", code="data.bad-table")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = max(",;\t", key=file.readline().count)
        table = pd.read_csv(path, sep=separator, dtype=str, encoding="utf-8-sig", keep_default_na=False)
    except (ValueError, OSError, csv.Error) as problem:  # a wrong encoding and what pandas can't parse: ValueErrors
        reason = str(problem).splitlines()[0].rstrip(".") if str(problem) else type(problem).__name__
        raise CourseError(
            f"{path.name} can't be read as a table ({reason}): save it as csv in UTF-8 with a column of {what} and one "
            "of labels.",
            code="data.bad-table",
        ) from problem
    return table


def first_few(names: Iterable[object]) -> str:
    """Join the first three names, and say how many more there are."""
    told = list(map(str, names))
    more = f" and {len(told) - SHOWN:,} more" if len(told) > SHOWN else ""
    return ", ".join(told[:SHOWN]) + more
