"""Texts of your own: a csv or a DataFrame with a column of texts and one of labels."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd
from fastai.torch_basics import delegates

from course_utils.data.names import as_text, is_missing
from course_utils.data.options import SplitOptions, check_known
from course_utils.data.tables import first_few, read_csv
from course_utils.data.text.cleaning import clean, comparable, near_duplicates
from course_utils.data.text.texts import Texts, divide
from course_utils.errors import CourseError

# Names by which a column is recognised, the surest first; compared without case.
OBVIOUS = {
    "text": ("text", "texts", "review", "sentence", "statement", "comment", "message", "content", "body"),
    "label": ("label", "labels", "class", "sentiment", "category", "target", "rating", "y"),
}


@delegates(SplitOptions)
def texts(
    source: str | Path | pd.DataFrame,
    text: str | None = None,
    label: str | None = None,
    *,
    classes: int | None = None,
    **kwargs: Any,
) -> Texts:
    """Load texts of your own, as tables of three splits.

    They are cleaned of HTML and of needless spaces. Rows without a text are left out, and of equal texts all but one,
    which `notes` counts; no near-duplicate is on two sides. Any language will do, though the course's encoder knows
    English.

    Parameters
    ----------
    source : str, Path or DataFrame
        A csv in UTF-8, or a table.
    text, label : str, optional
        The names of its columns; None looks for an obvious name.
    classes : int, optional
        How many classes there should be: 2 refuses a third that slipped in.
    **kwargs
        The options of `SplitOptions`.

    Raises
    ------
    CourseError
        `data.bad-table` for what can't be read or has no rows, `data.unknown-column` for a column that isn't there,
        `data.missing-labels` for texts without a label, `data.no-texts` for a column that holds none,
        `data.contradicting-rows` for one text with two labels, `data.wrong-classes` for one class alone, or for others
        than `classes`; those of `split_by_class`.
    """
    check_known(kwargs, "texts", SplitOptions)
    options = SplitOptions(**kwargs)
    table = source if isinstance(source, pd.DataFrame) else read_csv(Path(source), "texts")
    name = "the table" if isinstance(source, pd.DataFrame) else Path(source).name
    if table.empty:
        raise CourseError(
            f"There are no rows in {name}: write one for each text, with its label.", code="data.bad-table"
        )
    columns = {what: _column(table, name, what, given) for what, given in (("text", text), ("label", label))}
    found, notes = _read(table[columns["text"]].tolist(), table[columns["label"]].tolist(), name, columns)
    names = sorted(found.label.unique())
    _check_classes(names, classes, columns["label"], name)
    pairs = near_duplicates(found.text.tolist())
    return divide(found, names, options, pairs, what=f"texts of {name}", real=True, notes=notes)


def _column(table: pd.DataFrame, name: str, what: str, given: str | None) -> str:
    """Return the name of a column: the one that was given, or an obvious one."""
    there = [str(each) for each in table.columns]
    if given is not None:
        if given in there and there.count(given) == 1:
            return given
        near = get_close_matches(given, there, n=1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise CourseError(
            f"There is no single column {given!r} in {name}{meant}, which has "
            f"{first_few(map(repr, there))}: choose one.",
            code="data.unknown-column",
        )
    by_name = {each.strip().casefold(): each for each in there}
    for obvious in OBVIOUS[what]:
        if obvious in by_name:
            return by_name[obvious]
    raise CourseError(
        f"It isn't clear which column of {name} holds the {what}s, among {first_few(map(repr, there))}: name it, with "
        f"{what}={there[0]!r} for example.",
        code="data.unknown-column",
    )


def _read(said: list, labels: list, name: str, columns: dict[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """Return cleaned texts with their labels, each text once, and what was left out."""
    rows = [
        (clean(text), label)
        for text, label in zip(said, labels, strict=True)
        if isinstance(text, str) and not is_missing(text) and clean(text)
    ]
    if not rows or sum(not _is_number(text) for text, _ in rows) < len(rows) / 2:
        raise CourseError(
            f"The column {columns['text']!r} of {name} holds no texts: name another, with text='...'.",
            code="data.no-texts",
        )
    without = [text for text, label in rows if is_missing(label)]
    if without:
        raise CourseError(
            f"{len(without):,} of {len(rows):,} texts have no label, such as {_shortened(without[0])!r}: fill in what "
            "is missing, or take these rows out.",
            code="data.missing-labels",
        )
    label_of: dict[str, tuple[str, str]] = {}
    for text, label in rows:
        first = label_of.setdefault(comparable(text), (text, as_text(label)))
        if first[1] != as_text(label):
            raise CourseError(
                f"The text {_shortened(text)!r} has the labels {first[1]!r} and {as_text(label)!r}: keep the row "
                "that is right.",
                code="data.contradicting-rows",
            )
    empty, twice = len(said) - len(rows), len(rows) - len(label_of)
    notes = [f"{empty:,} rows without a text were left out."] if empty else []
    notes += [f"{twice:,} rows that repeat a text were left out."] if twice else []
    return pd.DataFrame(list(label_of.values()), columns=["text", "label"]), notes


def _check_classes(names: list[str], wanted: int | None, column: str, name: str) -> None:
    if len(names) < 2:
        raise CourseError(
            f"All texts of {name} have the label {names[0]!r}, so there is nothing to tell apart: add another class, "
            f"or name another column than {column!r}.",
            code="data.wrong-classes",
        )
    if wanted is not None and len(names) != wanted:
        raise CourseError(
            f"The column {column!r} of {name} has {len(names)} classes and not {wanted}: "
            f"{first_few(map(repr, names))}; correct it, or take out the rows of the others.",
            code="data.wrong-classes",
        )


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
