"""The public card-fraud set: two days of real payments, whose columns are hidden, read from OpenML's file."""

from functools import lru_cache
from pathlib import Path

import pandas as pd

from course_utils.data.fetching import fetch_archive, is_here
from course_utils.data.sources import SOURCES
from course_utils.errors import CourseError
from course_utils.settings import read_overrides

HIDDEN = tuple(f"V{number}" for number in range(1, 29))


def read_card_fraud() -> pd.DataFrame:
    """Read the set, which is only downloaded where photographs or the full profile were asked for.

    Returns
    -------
    DataFrame
        A row for each payment, in the order of `time`: a Timedelta since the first payment, `V1` to `V28`, `amount`
        (euros), `fraud` (bool) and `name`.

    Raises
    ------
    CourseError
        `data.needs-download` where it isn't here and nobody asked for downloads; those of `fetch_archive`.
    """
    source = SOURCES["card_fraud"]
    if not is_here("card_fraud") and read_overrides().images != "photographs":
        raise CourseError(
            f"The public card-fraud set is a download of {source.size / 1e6:.0f} MB and isn't on this machine: set "
            "COURSE_PROFILE=full, or run `course data fetch card_fraud`, and try again.",
            code="data.needs-download",
        )
    return _read(fetch_archive("card_fraud"))


@lru_cache(maxsize=1)
def _read(file: Path) -> pd.DataFrame:
    """Read OpenML's ARFF: columns are named in its head, and classes are quoted.

    scipy's reader parses row by row in Python, which takes minutes here, and scikit-learn's `fetch_openml` drops
    `Time`, which OpenML marks as a row's identifier; below the head, the file is plain CSV.
    """
    names = []
    with file.open(encoding="utf-8") as opened:
        for line in opened:
            word, _, declared = line.strip().partition(" ")
            if word.lower() == "@attribute":
                names.append(declared.split()[0].strip("'\""))
            if word.lower() == "@data":
                break
        table = pd.read_csv(opened, names=names, quotechar="'")
    table = table.sort_values("Time", kind="stable", ignore_index=True)
    found = table[list(HIDDEN)].copy()
    found.insert(0, "time", pd.to_timedelta(table.Time, unit="s"))
    return found.assign(
        amount=table.Amount, fraud=table.Class == 1, name=[f"payment {number}" for number in range(len(table))]
    )
