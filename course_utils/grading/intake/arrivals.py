"""When a file was handed in: what platforms write into names and lists, and a file's own time where nothing does."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml

from course_utils.errors import CourseError
from course_utils.grading.exports.tables import read_sheet
from course_utils.grading.intake.archives import Unreadable
from course_utils.grading.intake.layouts import Found
from course_utils.grading.intake.nested import Nested
from course_utils.grading.names import shown
from course_utils.grading.records import Arrival

LARGEST = 50 * 2**20  # bytes of a platform's list
GRADESCOPE = "submission_metadata.yml"
NBGRADER = "timestamp.txt"
IDS = ("student", "identifier", "submission id", "student_id", "id")
TIMES = ("last modified (submission)", "submission time", "submitted_at", "handed_in", "time")
PLAIN = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d?:\d\d(?::\d\d(?:\.\d+)?)?)\s*(UTC|Z|[+-]\d\d:?\d\d)?")
MONTHS = [
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
]
# Moodle in English: "Wednesday, 10 June 2026, 2:14 PM", and in American: "Wednesday, September 23, 2020, 9:00 PM"
WORDS = re.compile(
    r"(?:[A-Za-z]+,\s+)?(?:(?P<day>\d\d?)\s+(?P<month>[A-Za-z]+)|(?P<month2>[A-Za-z]+)\s+(?P<day2>\d\d?),)"
    r"\s+(?P<year>\d{4}),\s+(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?:[\s\u202f]*(?P<half>[AaPp])\.?[Mm]\.?)?"
)


def iso(text: str) -> str:
    """A platform's time as ISO 8601, "" for none ("-"). ValueError when it can't be read without guessing."""
    text = " ".join(text.split())
    if text in ("", "-"):
        return ""
    if match := PLAIN.fullmatch(text):
        offset = {None: "", "UTC": "+00:00", "Z": "+00:00"}.get(match[3], match[3])
        return datetime.fromisoformat(f"{match[1]}T{match[2].rjust(5, '0')}").isoformat() + offset
    match = WORDS.fullmatch(text)
    month = match and (match["month"] or match["month2"]).lower()
    named = [number for number, name in enumerate(MONTHS, 1) if month and len(month) > 2 and name.startswith(month)]
    if not match or len(named) != 1:
        raise ValueError(text)
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(text)
        hour = hour % 12 + 12 * (match["half"] in "Pp")
    day = int(match["day"] or match["day2"])
    return datetime(
        int(match["year"]), named[0], day, hour, int(match["minute"]), int(match["second"] or 0)
    ).isoformat()


def read_times(file: Path) -> dict[str, Arrival]:
    """Student → when they handed in, of Moodle's grading worksheet, Gradescope's scores, or a CSV of one's own.

    CourseError when the columns aren't there, or a time can't be read without guessing.
    """
    what = "Moodle's grading worksheet, Gradescope's exported scores, or a CSV file with `student` and `handed_in`"
    sheet = read_sheet(file, [], what)
    names = [name.strip().casefold() for name in sheet.rows[0]]
    who, when = (next((names.index(one) for one in known if one in names), None) for known in (IDS, TIMES))
    if who is None or when is None:
        raise CourseError(f"{file} doesn't say who handed in when: name {what}.", code="grading.no-times")
    prefix = "submission_" if names[who] == "submission id" else ""
    found = {}
    for number, row in enumerate(sheet.rows[1:], 2):
        if max(who, when) >= len(row) or not row[who].strip():
            continue
        student = prefix + row[who].strip().removeprefix("Participant ")
        try:
            time = iso(row[when])
        except ValueError:
            raise CourseError(
                f"Row {number} of {file} has a time that can't be read, {shown(row[when])!r}: set the platform to "
                "English, or write it like 2026-12-04 23:59.",
                code="grading.unknown-time",
            ) from None
        if time:
            found[student] = Arrival(time, source=f"{shown(file.name, 60)}", sure=True)
    return found


class Arrivals:
    """Tells of each file when it came.

    named: student → what a list says that the instructor names, of the latest file; it goes before all that lies there
    """

    def __init__(self, archive: Nested, found: Sequence[Found], named: Mapping[str, Arrival] | None = None):
        self._archive, self._named = archive, dict(named or {})
        self._stamps = {
            (one.student, one.entry.parts[:-1]): one
            for one in found
            if one.entry.parts[-1] == NBGRADER and one.form == "nbgrader"  # elsewhere a student's own file
        }
        self._listed: dict[str, Arrival] = {}
        for one in found:
            if one.entry.parts[-1] == GRADESCOPE and one.is_stray:  # in a folder of theirs, a student wrote it
                self._listed |= self._gradescope(one)

    def of(self, one: Found, newest: bool = True) -> Arrival:
        """The best that is known of one file, which may be its student's newest."""
        if arrival := (newest and self._named.get(one.student)) or self._listed.get(one.student):
            return arrival
        if one.stamp:
            return Arrival(one.stamp, source="Blackboard's name of the file", sure=True)
        if stamp := self._stamps.get((one.student, one.entry.parts[:-1])):
            try:
                time = iso(self._archive.read(stamp.entry, 200).decode())
            except (Unreadable, UnicodeDecodeError, ValueError):
                time = ""  # another zone's name, say: the file's time is what is left
            if time:
                return Arrival(time, source="nbgrader's timestamp.txt", sure=True)
        if one.mark:
            return Arrival(mark=one.mark, source="Canvas's name of the file", sure=True)
        return _own_time(one)

    def _gradescope(self, one: Found) -> dict[str, Arrival]:
        """Folder → time, of the list that Gradescope's export holds."""
        try:
            listed = yaml.load(self._archive.read(one.entry, LARGEST), Loader=_Strings)
            return {
                str(folder): Arrival(time, source="Gradescope's list", sure=True)
                for folder, told in listed.items()
                if isinstance(told, dict) and (time := iso(str(told.get(":created_at", ""))))
            }
        except (Unreadable, yaml.YAMLError, AttributeError, ValueError, RecursionError):
            return {}


class _Strings(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
    """YAML in which all is text: nothing is built of it, and no time changes its zone."""


def _own_time(one: Found) -> Arrival:
    """The file's time; that of the zip around it where a student packed it, who may have set the clock in it."""
    when = one.entry.when
    try:
        if when[0] > 9999:  # no year: of a file in a folder
            time = datetime.fromtimestamp(when[0] / 1e9, UTC).isoformat(timespec="seconds")
            return Arrival(time, source="the file's own time")
        if when[0] <= 1980:  # where zip's calendar begins: no time was written
            return Arrival()
        year, month, day, hour, minute, second = when[:6]
        return Arrival(datetime(year, month, day, hour, minute, second).isoformat(), source="the time in the zip")
    except (ValueError, OverflowError, TypeError):
        return Arrival()
