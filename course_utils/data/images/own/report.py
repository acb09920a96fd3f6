"""data.image_report: what a folder or a table of your own images holds, in one table, before you train on it."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from course_utils.data.images.near_duplicates import near_duplicates
from course_utils.data.images.own.decoding import decode, reason
from course_utils.data.images.own.doubts import doubts
from course_utils.data.images.own.examples import Examples
from course_utils.data.images.own.loading import read_source
from course_utils.data.images.own.looking import Look, common_levels, dark_images, look_at, notes_on
from course_utils.data.tables import first_few
from course_utils.errors import CourseError

SIDE = 64  # pixels of the copies that are compared
MOST_COMPARED = 5000  # images that are compared, since each is compared with each
ODD_FOLDERS = ("data.masks", "data.one-class")  # what data.images refuses, and a report can still count


@dataclass(frozen=True)
class ImageReport:
    """What was found; a notebook shows the table.

    Parameters
    ----------
    table : DataFrame
        A row for each finding, with the columns finding, count and details.
    files : DataFrame
        A row for each image: file, label, set, width and height (as stored), mode (as Pillow calls it), turned (stored
        on its side), problem ("" where it can be read) and same_as (the first file of the same bytes, or "").
    """

    table: pd.DataFrame
    files: pd.DataFrame

    def __str__(self) -> str:
        rows = self.table.itertuples(index=False, name=None)
        return "\n".join(f"{finding}: {count:,}" + (f" ({told})" if told else "") for finding, count, told in rows)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            return self.table.to_html(index=False)


def image_report(
    source: str | Path | pd.DataFrame,
    *,
    folder: str | Path | None = None,
    file: str | None = None,
    label: str | Callable[[Path], Any] | None = None,
    group: str | Callable[[Path], Hashable] | bool | None = None,
    split: str | None = None,
    delimiter: str | None = None,
) -> ImageReport:
    """Look through your own images before you train on them: what is there, what can't be read, and what is odd.

    Parameters
    ----------
    source, folder, file, label, group, split, delimiter
        What `data.images` takes; `split` is the column of ready-made sets.

    Returns
    -------
    ImageReport
        Its `table` has a row for the images of each class (in each ready-made set), the files that can't be read, the
        sizes, the modes, the photos on their side, identical and nearly identical images, and whatever is odd; its
        `files` has a row for each image.

    Raises
    ------
    CourseError
        Those of `data.images` for a source that says nothing of any image.
    """
    refusals: tuple[str, ...] = ()
    try:
        examples = read_source(source, folder, file, label, group, split, delimiter)
    except CourseError as problem:
        if problem.code not in ODD_FOLDERS:
            raise
        refusals = (str(problem),)
        examples = read_source(source, folder, file, lambda path: path.parent.name, group, split, delimiter)
    looks = look_at(examples.paths)
    levels = common_levels(looks)
    unreadable: dict[int, str] = {}
    decoded = torch.empty(0)
    for start in range(0, len(looks), MOST_COMPARED):  # of more images, none are kept
        decoded, found = decode(examples.paths[start : start + MOST_COMPARED], SIDE, "squish", levels)
        unreadable |= {start + row: said for row, said in found.items()}
    problems = [reason(unreadable[row], name) if row in unreadable else "" for row, name in enumerate(examples.files)]
    files = _files(examples, looks, problems)
    rows = [
        *_counts(examples),
        _row("can't be read", [f"{name} {said}" for name, said in zip(examples.files, problems, strict=True) if said]),
        _sizes(files[files.problem == ""]),
        _tally("modes", files["mode"][files.problem == ""]),
        _row("stored on their side", files.file[files.turned], few=True),
        *_identical(files),
        *_seen(files, decoded),
    ]
    odd = [
        *refusals,
        *examples.notes,
        *doubts(examples),
        *notes_on([look for look in looks if not look.turned], levels, ""),
    ]
    rows += [("odd", 1, sentence) for sentence in odd]
    return ImageReport(pd.DataFrame(rows, columns=["finding", "count", "details"]), files)


def _files(examples: Examples, looks: Sequence[Look], problems: list[str]) -> pd.DataFrame:
    """Return the row of each image."""
    first: dict[bytes, str] = {}
    same_as = []
    for path, name, problem in zip(examples.paths, examples.files, problems, strict=True):
        known = name if problem else first.setdefault(sha256(path.read_bytes()).digest(), name)
        same_as.append("" if known == name else known)
    return pd.DataFrame(
        {
            "file": examples.files,
            "label": [each if examples.several else each[0] for each in examples.labels],
            "set": examples.sets or "",
            "width": [look.width for look in looks],
            "height": [look.height for look in looks],
            "mode": [look.mode for look in looks],
            "turned": [look.turned for look in looks],
            "problem": problems,
            "same_as": same_as,
        }
    )


Row = tuple[str, int, str]


def _row(finding: str, names: Iterable[str], few: bool = False) -> Row:
    """Return the row of a finding about so many files; all of them are named, unless a few will do."""
    told = list(names)
    return finding, len(told), first_few(told) if few else "; ".join(told)


def _tally(finding: str, values: Iterable[object]) -> Row:
    """Return a row that counts values, the most frequent first."""
    counts = Counter(map(str, values))
    return finding, len(counts), ", ".join(f"{value}: {count:,}" for value, count in counts.most_common())


def _counts(examples: Examples) -> list[Row]:
    """Return a row for each ready-made set, or for all images, which counts those of each class."""
    sets = examples.sets or ("",) * len(examples.files)
    rows = []
    for name in dict.fromkeys(sets):
        labels = [each for each, which in zip(examples.labels, sets, strict=True) if which == name]
        counts = Counter(label for each in labels for label in each)
        told = ", ".join(f"{label}: {counts[label]:,}" for label in examples.vocab)
        rows.append((f"images of {name}" if name else "images", len(labels), told))
    return rows


def _sizes(files: pd.DataFrame) -> Row:
    sizes = Counter(zip(files.width, files.height, strict=True))
    if not sizes:
        return "sizes", 0, ""
    ends = [min(sizes, key=lambda size: size[0] * size[1]), max(sizes, key=lambda size: size[0] * size[1])]
    (common, count), (least, most) = sizes.most_common(1)[0], (f"{width}×{height}" for width, height in ends)
    return "sizes", len(sizes), f"from {least} to {most} pixels, most often {common[0]}×{common[1]} ({count:,})"


def _identical(files: pd.DataFrame) -> list[Row]:
    """Return the rows of files that hold the same bytes, with one label and with several."""
    copies = files[files.same_as != ""]
    labels = dict(zip(files.file, files.label, strict=True))
    told: dict[bool, list[str]] = {True: [], False: []}
    for copy in copies.itertuples():
        told[copy.label == labels[copy.same_as]].append(f"{copy.file} = {copy.same_as}")
    return [
        _row("identical to another file", told[True], few=True),
        _row("identical, with another label", told[False]),
    ]


def _seen(files: pd.DataFrame, decoded: torch.Tensor) -> list[Row]:
    """Return the rows of images that are nearly black, and of pairs that look the same without being copies."""
    alike, black = "nearly identical pairs", "nearly black"
    own = files.index[(files.problem == "") & (files.same_as == "")].to_numpy(copy=True)
    if len(files) > MOST_COMPARED:
        told = f"not looked for among more than {MOST_COMPARED:,} images"
        return [(black, 0, told), (alike, 0, told)]
    pairs = own[near_duplicates(decoded[torch.from_numpy(own)]).numpy()]
    dark = [index for index in dark_images(decoded) if not files.problem[index]]
    return [
        _row(black, files.file[dark], few=True),
        _row(alike, (f"{files.file[one]} and {files.file[other]}" for one, other in pairs), few=True),
    ]
