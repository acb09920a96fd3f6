"""CSV files: reads an instructor's own as it is, and writes nbgrader's table."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.exports.cells import Exported, cell, id_cell, make_folder, most_of, points_text, write_whole
from course_utils.grading.records import Result

COLUMNS = [
    *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
    *("raw_score", "late_submission_penalty", "score", "max_score"),
]  # nbgrader/plugins/export.py
DELIMITERS = ",;\t"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # what begins Excel's "Unicode text"
SEPARATOR = re.compile(r"sep=.\r?\n", re.I)


@dataclass
class Sheet:
    """A CSV file of somebody else's, and how it was written; rows[0] holds the columns' names."""

    rows: list[list[str]]
    delimiter: str
    ending: str
    bom: bool

    def column(self, *names: str) -> int | None:
        """The place of the first of these columns that is there, in capitals or not: platforms change that."""
        found = {_plain(name): place for place, name in reversed(list(enumerate(self.rows[0])))}
        return next((found[_plain(name)] for name in names if _plain(name) in found), None)

    def write(self, path: Path) -> None:
        """Write it with the delimiter, the line endings and the BOM that it came with."""
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=self.delimiter, lineterminator=self.ending).writerows(self.rows)
        make_folder(path.parent)
        write_whole(path, buffer.getvalue(), "utf-8-sig" if self.bom else "utf-8")


def read_sheet(path: Path, needed: Sequence[str], what: str, any_encoding: bool = False) -> Sheet:
    """Read a CSV file whose first row names the columns `needed`; comma, semicolon and tab are told apart by them.

    what: where such a file comes from, for the CourseError when it is none, or isn't UTF-8 or UTF-16.
    any_encoding: read what is in another one all the same; then only the signs of ASCII are certain.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CourseError(f"{path} can't be read ({error.strerror}): name {what}.", code="grading.unreadable") from None
    text = _decoded(content, path, any_encoding)
    first = text.partition("\n")[0]
    ending = "\r\n" if first.endswith("\r") else "\n" if "\n" in text else "\r" if "\r" in text else "\n"
    if told := SEPARATOR.match(text):  # how Excel is told
        text = text[told.end() :]
    first = text.lstrip("\r\n").partition("\n")[0]
    bom = content.startswith((b"\xef\xbb\xbf", *UTF_16))
    for delimiter in sorted(DELIMITERS, key=first.count, reverse=True):
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        except csv.Error as error:
            raise CourseError(f"{path} is no CSV file ({error}): name {what}.", code="grading.no-csv") from None
        if rows and set(map(_plain, rows[0])) >= set(map(_plain, needed)):
            return Sheet(rows, delimiter, ending, bom)
    raise CourseError(
        f"{path} has no columns {' and '.join(map(repr, needed))}: name {what}.", code="grading.no-column"
    )


def _plain(name: str) -> str:
    return name.strip().casefold()


def _decoded(content: bytes, path: Path, any_encoding: bool) -> str:
    try:
        return content.decode("utf-16" if content.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError:
        if any_encoding:
            return content.decode("latin-1")
        raise CourseError(
            f"{path} isn't UTF-8: export it again, or save it as CSV UTF-8.", code="grading.encoding"
        ) from None


def to_nbgrader(results: Sequence[Result], out: Path, roster: Path | None = None) -> Exported:
    """The table of `nbgrader export`; points that are not known yet are empty there, not 0.

    roster: a CSV with `student`, `student_id` or `id`, and any of last_name, first_name, email. Dates are in UTC, as
        nbgrader's are; `duedate` is the student's own, and both are empty where there is no deadline.
    """
    people = _people(roster) if roster else {}
    rows, most = [], most_of(results)
    for one in sorted(results, key=lambda one: (one.assignment, one.student)):
        person = people.get(one.student, ("", "", ""))
        due = one.timing.due if one.timing else None
        arrived = one.timing.arrived if one.timing and one.timing.sure else None
        points = [one.raw, one.penalty if one.raw is not None else None, one.points, most[one.assignment]]
        row = [cell(one.assignment), _utc(due), _utc(arrived), id_cell(one.student), *map(cell, person)]
        rows.append([*row, *map(points_text, points)])
    changed = {one.student for one in results if id_cell(one.student) != one.student}
    strangers = {one.student for one in results if one.student not in people} if roster else set()
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([COLUMNS, *rows])
    text = buffer.getvalue()
    make_folder(out.parent)
    write_whole(out, text, "utf-8" if text.isascii() else "utf-8-sig")  # without a BOM Excel takes it for Latin-1
    remarks = (f"{len(changed)} ids look like formulas: they were changed, and match nobody.",) if changed else ()
    empty = sum(one.points is None for one in results)
    return Exported(out, len(rows), empty, tuple(sorted(changed | strangers)), remarks)


def _utc(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if moment else ""


def _people(roster: Path) -> dict[str, tuple[str, str, str]]:
    what = "a roster with the column `student`, and any of last_name, first_name, email"
    sheet = read_sheet(roster, [], what)
    identifier = sheet.column("student", "student_id", "id")
    if identifier is None:
        raise CourseError(f"{roster} has no column 'student': name {what}.", code="grading.no-column")
    last, first, email = (sheet.column(name) for name in ("last_name", "first_name", "email"))

    def value(row: list[str], column: int | None) -> str:
        return "" if column is None or column >= len(row) else row[column]

    return {
        row[identifier].strip(): (value(row, last), value(row, first), value(row, email))
        for row in sheet.rows[1:]
        if len(row) > identifier
    }
