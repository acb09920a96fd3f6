"""Who is handed a notebook of their own: the students' ids of a CSV file, which name folders."""

import re
import unicodedata
import warnings
from collections import Counter
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.exports.tables import UTF_16, read_sheet
from course_utils.grading.names import shown, student_id

LONGEST_NAME = 100  # characters of a student's id: it stands in a path
DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)\d", re.I)
IDS = (
    "student",
    "student id",
    "student_id",
    "id",
    "identifier",
    "id number",
    "username",
    "login",
    "sis login id",
    "email",
)
KNOWN = {
    *IDS,
    "email",
    "sis login id",
    "name",
    "student name",
    "first name",
    "last name",
    "email address",
    "sis user id",
    "section",
}
CANVAS = {"sis user id", "sis login id", "section"}
NOBODY = {"points possible", "student, test"}  # rows of Canvas's export that are no student's
# 12345.0, 1.2E+10, and 3-2 or MAR2 as a date
SPOILED = re.compile(r"\d+[.,]0+|\d(?:[.,]\d+)?[Ee]\+?\d+|\d{1,2}-[A-Z][a-z]{2}|[A-Z][a-z]{2}-\d\d")
AS_TEXT = re.compile(r'="(.*)"')  # how spreadsheets are told to leave zeros alone


def read_roster(file: Path) -> tuple[list[str], str]:
    """(ids, the column they stand in) of a CSV file with a column `student`, Canvas's or Moodle's own, or a bare list.

    Ids are stripped, and composed (NFC) as intake reads them. CourseError when a row has none, or a bad one, when no
    column can be told, and when a spreadsheet has changed them.
    """
    rows = read_sheet(file, [], "a CSV file with a column `student`", any_encoding=True).rows
    width = max((place for row in rows for place, entry in enumerate(row, 1) if entry.strip()), default=0)
    numbered = [(number, row[:width]) for number, row in enumerate(rows, 1) if any(entry.strip() for entry in row)]
    header = numbered[0][1] if numbered else []
    names = [name.strip().casefold() for name in header]
    column, named = _column(names)
    if column is None and len(header) > 1:
        raise CourseError(
            f"{file} has no column that is known to hold ids: call the column with the students' ids `student`.",
            code="grading.roster-column",
        )
    canvas = bool(CANVAS.intersection(names))
    column, found = column or 0, []
    for number, row in numbered[named:]:
        if canvas and _is_nobody(row):
            continue
        if column >= len(row) or not row[column].strip():
            raise CourseError(
                f"Row {number} of {file} has no id, in the column {shown(header[column])!r}: add it.",
                code="grading.row-without-id",
            )
        entry = row[column].strip()
        told = AS_TEXT.fullmatch(entry)
        found.append(unicodedata.normalize("NFC", told[1] if told else entry).removeprefix("Participant "))
    _look_at_encoding(found, file)
    _look_at_numbers(found, file)
    return checked(found), header[column] if named else ""


def _is_nobody(row: list[str]) -> bool:
    """A row of Canvas's export that is no student's: the points, how they are posted, the test student."""
    return row[0].strip().casefold() in NOBODY or (not row[0].strip() and "Manual Posting" in map(str.strip, row))


def _look_at_encoding(found: list[str], file: Path) -> None:
    """CourseError when ids hold letters that another encoding than UTF-8 wrote: which ones, can't be told."""
    strange = next((one for one in found if not one.isascii()), None)
    content = file.read_bytes()
    if strange is None or content.startswith(UTF_16):
        return
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        raise CourseError(
            f"{file} isn't UTF-8, so that the id {shown(strange)!r} can't be read with certainty: save it as CSV "
            "UTF-8.",
            code="grading.encoding",
        ) from None


def _column(names: list[str]) -> tuple[int | None, bool]:
    """(the column of the ids, whether the first row holds names at all); Canvas's `Student` holds no ids."""
    if not KNOWN.intersection(names):
        return None, False
    if "id" in names and CANVAS.intersection(names):
        return names.index("id"), True
    return next((names.index(name) for name in IDS if name in names), None if len(names) > 1 else 0), True


def _look_at_numbers(found: list[str], file: Path) -> None:
    """CourseError when a spreadsheet took ids for numbers and wrote them its way; a warning when zeros may be lost."""
    if spoiled := next((one for one in found if SPOILED.fullmatch(one)), None):
        raise CourseError(
            f"The id {spoiled!r} in {file} was changed by a spreadsheet: export the file again, and open it as text.",
            code="grading.spreadsheet-id",
        )
    lengths = Counter(len(one) for one in found if one.isdigit())
    usual = lengths.most_common(1)[0][0] if lengths else 0
    short = [one for one in found if one.isdigit() and len(one) < usual]
    if short and lengths[usual] > 0.8 * lengths.total():
        warnings.warn(
            f"{len(short)} ids in {file} are shorter than the others ({short[0]}): did a spreadsheet drop their zeros?",
            stacklevel=3,
        )


def checked(roster: list[str]) -> list[str]:
    """The roster, when each id can name a folder on every system. CourseError names the first that can't."""
    if not roster:
        raise CourseError(
            "The roster names no student: give a CSV file with a column `student`.", code="grading.empty-roster"
        )
    seen: dict[str, str] = {}
    for student in roster:
        if trouble := _trouble(student):
            raise CourseError(
                f"The student's id {shown(student)!r} {trouble}: give that student another one.",
                code="grading.student-id",
            )
        other = seen.setdefault(student.casefold(), student)
        if other != student:
            raise CourseError(
                f"The ids {other!r} and {student!r} would share one folder: change one.",
                code="grading.students-share-folder",
            )
    if len(seen) != len(roster):
        twice = next(student for student in roster if roster.count(student) > 1)
        raise CourseError(
            f"The id {twice!r} is in the roster twice: give each student their own.",
            code="grading.student-twice",
        )
    return roster


def _trouble(student: str) -> str:
    if not student or student != student.strip() or student[0] in ".~-" or student[-1] == ".":
        return "is empty, or begins or ends with a sign that a folder's name shouldn't"
    if any(sign in '/\\:*?"<>|' or unicodedata.category(sign)[0] == "C" for sign in student):
        return "holds a sign that a folder's name can't"
    if DEVICE.fullmatch(student.partition(".")[0]):
        return "is a device's name on Windows"
    if student_id(student) != (student, ""):  # it would come back as another
        return "holds two dots, or an accent as a sign of its own"
    return f"is longer than {LONGEST_NAME} characters" if len(student) > LONGEST_NAME else ""
