"""Finds the files that a table names: with or without folders and endings, with slashes of any system."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from course_utils.data.images.own.examples import number
from course_utils.data.images.own.listing import check_folder, list_images
from course_utils.data.names import comparable
from course_utils.data.tables import first_few
from course_utils.errors import CourseError


def find_files(written: Sequence[str], table: str, folder: Path) -> list[str]:
    """Find the file that each row of a table means.

    Parameters
    ----------
    written : sequence of str
        What the rows say: a path, absolute or from the folder, or a bare name or number of a file anywhere below the
        folder, with its ending or without.
    table : str
        What messages call the table.
    folder : Path
        Where the files are.

    Returns
    -------
    list of str
        Relative to the folder, with forward slashes; absolute where a file lies elsewhere.

    Raises
    ------
    CourseError
        `data.missing-files`, which names the first few of all that are missing; `data.ambiguous-file` for a bare name
        of several files.
    """
    check_folder(folder)
    wanted = [name.replace("\\", "/").removeprefix("./") for name in written]
    found: dict[str, str | None] = {}
    for name in dict.fromkeys(wanted):
        is_there = bool(name) and os.path.isfile(folder / name)
        found[name] = _relative(name, folder) if is_there else None
    elsewhere = [name for name, file in found.items() if file is None]
    if elsewhere:
        _find_by_name(elsewhere, found, table, folder)
    missing = [name or "an empty cell" for name in elsewhere if found[name] is None]
    if missing:
        raise CourseError(
            f"{number(len(missing), 'file')} of {len(found):,} in {table} "
            f"{'does' if len(missing) == 1 else 'do'} not exist below {folder}: {first_few(missing)}; correct the "
            "names, or give folder= where the images are.",
            code="data.missing-files",
        )
    return [found[name] or "" for name in wanted]


def _relative(name: str, folder: Path) -> str:
    """Return the name as a listing of the folder has it, where the file lies below the folder."""
    path = Path(os.path.normpath(folder / name))
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


def _find_by_name(names: list[str], found: dict[str, str | None], table: str, folder: Path) -> None:
    """Look for files below the folder whose path, name, or name without its ending is meant."""
    ways: dict[str, set[str]] = defaultdict(set)
    for file in list_images(folder).files:
        path = comparable(file)
        name = path.rsplit("/", 1)[-1]
        for way in (path, os.path.splitext(path)[0], name, os.path.splitext(name)[0]):
            ways[way].add(file)
    for name in names:
        files = sorted(ways.get(comparable(name), ()))
        if len(files) > 1:
            raise CourseError(
                f"{table} names {name!r}, which may be {first_few(files)}: give it with its folder and its ending.",
                code="data.ambiguous-file",
            )
        found[name] = files[0] if files else None
