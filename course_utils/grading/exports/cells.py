"""What may stand in a cell and in a file's name, and how a file is written: the parts that every export shares."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from course_utils.errors import CourseError
from course_utils.grading.records import Result

Comments = Mapping[tuple[str, str, str], str]  # (assignment, student, item) → a person's comment

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")  # escapes for terminals, half characters
# What spreadsheets take for the beginning of a formula (OWASP, "CSV Injection"), with full-width forms, also behind
# spaces and invisible characters; and behind a semicolon, a tab or a newline, where another country's Excel splits.
# A number alone is none.
FORMULA = re.compile(
    r"(^|[;\t\n\r])([\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]*)"
    r"(?=[=@\uff1d\uff20\t\r]|[+\-\uff0b\uff0d](?!\d+([.,]\d+)?\s*$))"
)
HARMLESS_ID = re.compile(r"[@+-]?[\w.+-]+(@[\w.-]+)?")  # no bracket, no bar, no space: nothing to call
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|index)(\..*)?", re.I)
LONGEST_NAME = 60


class Exported(NamedTuple):
    """What an export did.

    rows: students that a row (or a record) was written for; empty: how many of them have no points yet
    unmatched: students that the gradebook has no row for, or more than one; their marks were not written
    remarks: what to look at before importing, in sentences
    """

    path: Path
    rows: int
    empty: int
    unmatched: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@lru_cache(10_000)
def points_text(points: float | None) -> str:
    """Points as people write them: "0.3" for 0.1 + 0.2, "2" for 2.0, "" for None."""
    if points is None:
        return ""
    text = f"{points:.9f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def exact(points: float) -> int | float:
    """The same as a number for JSON."""
    value = float(points_text(points))
    return int(value) if value.is_integer() else value


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula, without control characters.

    An apostrophe stands before what would begin one: spreadsheets hide it or show it, and calculate nothing.
    """
    return FORMULA.sub(r"\1'\2", CONTROL.sub("", text)).replace("\r", " ")


def id_cell(student: str) -> str:
    """A student's id: unchanged where it can do no harm, so that it matches on import.

    "-12", "@ada" and "ada+x@uni.edu" stay: at worst a spreadsheet shows #NAME?, and without a bracket nothing is
    called. Whatever else begins like a formula is no id of a roster, and is defused like any text.
    """
    return student if HARMLESS_ID.fullmatch(student) else cell(student)


def safe_names(students: Iterable[str]) -> dict[str, str]:
    """A folder's name for each student: harmless on every file system, and never the same twice.

    An id of ASCII letters, digits, and ._- keeps its name; any other gets the first 12 digits of its sha256, and so do
    ids that differ in case alone.
    """
    students = sorted(set(students))
    alike = Counter(student.casefold() for student in students)
    names = {student: _safe(student, alike[student.casefold()] > 1) for student in students}
    assert len({name.casefold() for name in names.values()}) == len(names)
    return names


def _safe(student: str, twice: bool) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", student)[:LONGEST_NAME].strip("._-")
    looks_digested = re.search(r"-[0-9a-f]{12}$", name, re.I)  # it could be made to be another student's
    if name and name == student and not (twice or looks_digested or RESERVED.fullmatch(name)):
        return name
    name = name.replace(".", "_")  # "con.txt-1234" would be the device on Windows
    return f"{name or 'student'}-{hashlib.sha256(student.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def write_whole(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a file so that it is there as a whole or stays as it was. CourseError when it can't be written."""
    temporary = os.path.join(path.parent, f".{os.getpid()}.tmp")
    try:
        with open(temporary, "wb", buffering=0) as file:
            file.write(text.encode(encoding, "replace"))
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise CourseError(
            f"{path} can't be written ({error.strerror}): name a place where you may write.", code="grading.unwritable"
        ) from None


def make_folder(folder: Path) -> Path:
    """The folder, made with those above it. CourseError when it can't be made."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise CourseError(
            f"{folder} can't be created ({error.strerror}): name a place where you may write.",
            code="grading.unwritable",
        ) from None
    return folder


def only_one(results: Sequence[Result], form: str) -> str:
    """The assignment that all results are of. CourseError when they are of several."""
    assignments = sorted({result.assignment for result in results})
    if len(assignments) > 1:
        raise CourseError(
            f"{form} takes one assignment a file, and these are {', '.join(assignments)}: name one with --assignment.",
            code="grading.one-assignment",
        )
    return assignments[0]


def most_of(results: Sequence[Result]) -> dict[str, float]:
    """The points to be had in each assignment, also for a submission that could not be read and has no marks."""
    most: dict[str, float] = {}
    for result in results:
        most[result.assignment] = max(result.most, most.get(result.assignment, 0.0))
    return most


def how_long(late: timedelta) -> str:
    """ "1 day 3 h", "12 min", "less than a minute"."""
    minutes = int(late.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} day{'s' * (days > 1)}"] if days else []
    parts += [f"{hours} h"] if hours else []
    return " ".join(parts + ([f"{minutes} min"] if minutes and not days else []))


def lateness(result: Result) -> str:
    """How a result stands to its deadline, for the student; "" when it is on time, or nobody asked."""
    timing = result.timing
    if timing is None or (timing.penalty == 0 and not timing.late):
        return ""
    due = f"{timing.due:%Y-%m-%d %H:%M %Z}"
    if timing.penalty is None:
        return f"It may have come after the deadline, {due}: a person looks at that."
    came = f"Handed in {how_long(timing.late)} after" if timing.late else "Handed in after"
    if timing.over:
        return f"{came} the deadline, {due}, and after the last date: nothing counts any more."
    if result.raw is None or not timing.penalty:
        return f"{came} the deadline, {due}." + ("" if timing.penalty else " It costs no points.")
    return (
        f"{came} the deadline, {due}: {points_text(timing.penalty)} of {points_text(result.raw)} points are taken off."
    )


def said(result: Result, comments: Comments) -> list[str]:
    """A result in lines for a student: how late it was, the points of each item and what was said to it."""
    return [line for line in (lateness(result),) if line] + items_said(result, comments)


def items_said(result: Result, comments: Comments) -> list[str]:
    """The points of each item and what was said to it."""
    lines = []
    for mark in result.marks:
        points = points_text(mark.points) or "no points yet, out"
        comment = comments.get((result.assignment, result.student, mark.item), "")
        told = " ".join(part for part in (*mark.feedback, comment) if part)
        lines.append(f"{mark.item}: {points} of {points_text(mark.most)}. {told}".rstrip())
    return lines
