"""Who is handed a notebook of their own: the students' ids of a CSV file, which name folders."""

import re
import unicodedata
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.exports.tables import read_sheet
from course_utils.grading.names import shown, student_id

LONGEST_NAME = 100  # characters of a student's id: it stands in a path
DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)\d", re.I)


def read_roster(file: Path) -> tuple[list[str], str]:
    """(ids, the column they stand in): of the column `student`, or else of the first one. The first row is the header.

    Ids are stripped, and composed (NFC) as intake reads them. CourseError when a row has none, or a bad one.
    """
    header, *rows = read_sheet(file, [], "a CSV file with a column `student`").rows
    names = [name.strip().casefold() for name in header]
    place = names.index("student") if "student" in names else 0
    found = []
    for number, row in enumerate(rows, 2):
        if any(entry.strip() for entry in row):
            if place >= len(row) or not row[place].strip():
                raise CourseError(f"Row {number} of {file} has no id, in the column {shown(header[place])!r}: add it.")
            found.append(unicodedata.normalize("NFC", row[place].strip()))
    return checked(found), header[place] if header else ""


def checked(roster: list[str]) -> list[str]:
    """The roster, when each id can name a folder on every system. CourseError names the first that can't."""
    if not roster:
        raise CourseError("The roster names no student: give a CSV file with a column `student`.")
    seen: dict[str, str] = {}
    for student in roster:
        if trouble := _trouble(student):
            raise CourseError(f"The student's id {shown(student)!r} {trouble}: give that student another one.")
        other = seen.setdefault(student.casefold(), student)
        if other != student:
            raise CourseError(f"The ids {other!r} and {student!r} would share one folder: change one.")
    if len(seen) != len(roster):
        twice = next(student for student in roster if roster.count(student) > 1)
        raise CourseError(f"The id {twice!r} comes twice in the roster: each student has one of their own.")
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
