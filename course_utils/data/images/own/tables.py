"""Reads a csv or a DataFrame that names your own images: a file and its label in each row, and perhaps more."""

from collections.abc import Callable, Hashable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from course_utils.data.images.own.examples import (
    Examples,
    apply_to_files,
    check_groups,
    number,
)
from course_utils.data.images.own.files import find_files
from course_utils.data.images.own.folders import which_set
from course_utils.data.images.own.labels import labels_of_values
from course_utils.data.images.own.listing import SUFFIXES
from course_utils.data.names import as_text, is_missing
from course_utils.data.tables import first_few, read_csv
from course_utils.errors import CourseError

# Names by which a column is recognised, the surest first; compared without case, spaces and underscores.
OBVIOUS = {
    "file": "file files filename filenames filepath path image imagepath imagefile imagename img fname photo picture "
    "imageid name id",
    "label": "label labels class classes classname category categories target tags diagnosis species y",
    "group": "group groups groupid patient patientid subject subjectid person personid",
    "split": "split set subset partition isvalid",
}
TABLES = (".csv", ".tsv", ".txt")


def read_table(
    table: pd.DataFrame,
    name: str,
    folder: Path,
    file: str | None = None,
    label: str | Callable[[Path], Any] | None = None,
    group: str | Callable[[Path], Hashable] | bool | None = None,
    split: str | None = None,
    delimiter: str | None = None,
) -> Examples:
    """Read which images a table names.

    Parameters
    ----------
    table : DataFrame
        A row for each image.
    name : str
        What messages call it.
    folder : Path
        Where the files are.
    file, label, group, split : str, optional
        The names of its columns; None looks for an obvious name. `label` and `group` may be functions of a file's path;
        group=False is for none.
    delimiter : str, optional
        What stands between several labels in one cell.

    Raises
    ------
    CourseError
        `data.bad-table` for an empty table, `data.unknown-column`, `data.no-header`, `data.missing-files`
        and `data.ambiguous-file` for files, `data.missing-labels`, `data.contradicting-rows` for
        two rows of one file that don't agree, and `data.bad-split` for a column of sets that holds something else.
    """
    if table.empty:
        raise CourseError(
            f"{name} has no rows: write one for each image, with its file and its label.", code="data.bad-table"
        )
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()].unique()
        raise CourseError(
            f"{name} has more than one column {first_few(map(repr, twice))}: give each column a name of its own.",
            code="data.bad-table",
        )
    columns = {what: _column(table, name, what, given) for what, given in (("file", file), ("split", split))}
    columns |= {
        what: _column(table, name, what, given)
        for what, given in (("label", label), ("group", group))
        if not callable(given) and given is not False
    }
    files = find_files(_names(table, columns["file"]), name, folder)
    if callable(label):
        labels, several = labels_of_values(apply_to_files(label, folder, files, "label"), files, delimiter)
    else:
        labels, several = labels_of_values(_cells(table, columns["label"]), files, delimiter)
    groups: tuple[Hashable, ...] | None = None
    if callable(group):
        groups = check_groups(apply_to_files(group, folder, files, "group"), files)
    elif columns.get("group") is not None:
        groups = check_groups(_cells(table, columns["group"]), files)
    sets = _sets(table, columns["split"], name, files) if columns["split"] is not None else _sets_of_folders(files)
    guessed = " and ".join(
        f"{columns[what]!r} as {what}"
        for what, given in (("group", group), ("split", split))
        if given is None and columns.get(what) is not None
    )
    notes = (f"{name}: took the column {guessed}.",) if guessed else ()
    return _each_file_once(Examples(folder, tuple(files), labels, several, groups, sets, notes), name)


def groups_of_csv(path: Path, folder: Path, column: str | None = None) -> Callable[[Path], Hashable]:
    """Return a function from a file's path to its group in a csv, and to None where the csv doesn't name the file.

    Parameters
    ----------
    path : Path
        A csv with a column of files and one of groups.
    folder : Path
        Where the files are.
    column : str, optional
        The column of groups; None looks for an obvious name.

    Raises
    ------
    CourseError
        As `read_csv` and `read_table` do.
    """
    table, name = read_csv(path), path.name
    where, which = _column(table, name, "file", None), _column(table, name, "group", column, needed=True)
    files = find_files(_names(table, where), name, folder)
    unlabelled = Examples(folder, tuple(files), ((),) * len(files), groups=check_groups(_cells(table, which), files))
    known = _each_file_once(unlabelled, name)
    group_of = dict(zip(known.files, known.groups or (), strict=True))
    return lambda file: group_of.get(file.relative_to(folder).as_posix())


def _cells(table: pd.DataFrame, column: str | None) -> list[Any]:
    return table[column].tolist()


def _names(table: pd.DataFrame, column: str | None) -> list[str]:
    """Return the files that a column names, "" for an empty cell."""
    cells = _cells(table, column)
    known = [as_text(cell) if isinstance(cell, float) else str(cell).strip() for cell in cells]
    return ["" if is_missing(cell) else name for cell, name in zip(cells, known, strict=True)]


def _column(table: pd.DataFrame, name: str, what: str, given: Any, needed: bool = False) -> str | None:
    """Return the column that was named, or the one whose name is obvious; None where there need be none."""
    there = list(table.columns)
    if isinstance(given, list):
        raise CourseError(
            f"{what} is a list of columns, and one was expected: join those that apply to an image, as in "
            "table[names].apply(lambda row: [name for name in names if row[name]], axis=1).",
            code="data.bad-option",
        )
    if given is not None:
        if given in there:
            return given
        near = get_close_matches(str(given), map(str, there), n=1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise CourseError(
            f"{name} has no column {given!r}{meant} but {first_few(map(repr, there))}: choose one of these.",
            code="data.unknown-column",
        )
    plain = {
        str(column).lower().replace("_", "").replace(" ", "").replace("-", ""): column for column in reversed(there)
    }
    found = next((plain[known] for known in OBVIOUS[what].split() if known in plain), None)
    if found is None and (needed or what in ("file", "label")):
        if any(Path(str(column)).suffix.lower() in SUFFIXES for column in there):
            raise CourseError(
                f"{name} begins with {first_few(map(repr, there))}, so the names of its columns are missing: write "
                "them in its first row, such as file,label.",
                code="data.no-header",
            )
        raise CourseError(
            f"{name} has no column that is clearly the {what} but {first_few(map(repr, there))}: name it with "
            f"{what}=, as in {what}={there[0 if what == 'file' else -1]!r}.",
            code="data.unknown-column",
        )
    return found


def _sets(table: pd.DataFrame, column: str | None, name: str, files: Sequence[str]) -> tuple[str, ...]:
    """Return the set that a column gives each file; True and False are fastai's is_valid."""
    known = {"true": "valid", "1": "valid", "false": "train", "0": "train"}
    cells = _cells(table, column)
    found = [which_set(cell) or known.get(as_text(cell).lower()) for cell in cells]
    wrong = {str(cell) for cell, which in zip(cells, found, strict=True) if which is None}
    if wrong:
        raise CourseError(
            f"The column {column!r} of {name} holds {first_few(map(repr, sorted(wrong)))}, and train, valid or test "
            "was expected: correct the cells, or rename the column if it means something else.",
            code="data.bad-split",
        )
    return tuple(which for which in found if which)


def _sets_of_folders(files: Sequence[str]) -> tuple[str, ...] | None:
    """Return the ready-made set of each file, where all lie in folders named train, valid and test."""
    found = [which_set(file.split("/")[0]) if "/" in file else None for file in files]
    return tuple(which for which in found if which) if all(found) and "train" in found and len(set(found)) > 1 else None


def _each_file_once(examples: Examples, name: str) -> Examples:
    """Keep one row of each file; the rows of a file must agree."""
    first: dict[str, int] = {}
    twice: dict[str, str] = {}
    for row, file in enumerate(examples.files):
        one = first.setdefault(file, row)
        for what in ("labels", "groups", "sets"):
            values = getattr(examples, what)
            if values is not None and _differ(values[one], values[row]):
                twice.setdefault(file, what)
    if twice:
        file = next(iter(twice))
        rows = [row for row, each in enumerate(examples.files) if each == file]
        found = first_few(dict.fromkeys(_shown(getattr(examples, twice[file])[row]) for row in rows))
        advice = "join the labels in one row and give delimiter=" if twice[file] == "labels" else "keep one row"
        raise CourseError(
            f"{name} gives {number(len(twice), 'file')} different {twice[file]} in different rows, such as {file} "
            f"({found}): correct the rows, or {advice}.",
            code="data.contradicting-rows",
        )
    if len(first) == len(examples.files):
        return examples
    rows = list(first.values())
    spare = len(examples.files) - len(rows)

    def take(values: Any) -> Any:
        return None if values is None else tuple(values[row] for row in rows)

    return Examples(
        examples.base,
        tuple(first),
        take(examples.labels),
        examples.several,
        take(examples.groups),
        take(examples.sets),
        (*examples.notes, f"{name}: {number(spare, 'row')} left out that repeated another one."),
    )


def _differ(one: Any, other: Any) -> bool:
    return set(one) != set(other) if isinstance(one, tuple) else one != other


def _shown(value: Any) -> str:
    return " + ".join(map(str, value)) if isinstance(value, tuple) else str(value)
