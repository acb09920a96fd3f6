"""Deadlines: when an assignment is due, in which time zone, and what it costs to be late."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from course_utils.errors import CourseError
from course_utils.grading.exports.tables import read_sheet
from course_utils.quiz.reading import read

MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d?:\d\d)(:\d\d(?:\.\d{1,6})?)?\s*(Z|[+-]\d\d:?\d\d)?")
AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(%|points?)?")
SPAN = re.compile(r"(?:(\d+)\s+)?(minute|hour|day|week)s?")
UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(1), "week": timedelta(7)}


def _text(value: object) -> object:
    """YAML makes numbers and dates of some of what authors write; they are read here, by the zone."""
    return value.isoformat(" ") if isinstance(value, datetime) else str(value) if value is not None else value


Text = Annotated[str, BeforeValidator(_text)]


class Rule(BaseModel):
    """One assignment's deadline, as an instructor writes it.

    due, last: "2026-12-04 23:59", in `zone`; without seconds the whole minute is on time. After `last` nothing counts
    zone: an IANA name, "Europe/Berlin"
    grace: "15 minutes" after `due` that cost nothing
    penalty: "10%" or "2 points", for each started `per` ("day", "12 hours"), or once where that is left out
    of: whether per cent are of the assignment's points or of those that were earned; at_most: the most that is taken
    counts: of several files, the one with more points after the penalty, the newest, or the newest that is on time
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    due: Text
    zone: Text
    grace: Text = ""
    penalty: Text = ""
    per: Text = ""
    of: Literal["maximum", "earned"] = "maximum"
    at_most: Text = ""
    last: Text = ""
    counts: Literal["better", "newest", "on time"] = "better"

    @model_validator(mode="after")
    def _makes_sense(self) -> "Rule":
        try:
            due, last = self.ends, self.closes
            _ = self.free, self.step, self.taken, self.cap
        except CourseError as error:
            raise ValueError(str(error).rstrip(".")) from None
        if last and last < due + self.free:
            raise ValueError("last is before due and its grace")
        if (self.per or self.at_most) and not self.penalty:
            raise ValueError("per and at_most belong to a penalty, and none is named")
        return self

    @cached_property
    def ends(self) -> datetime:
        """The last moment that is on time, without grace."""
        return moment(self.due, self.zone)

    @cached_property
    def closes(self) -> datetime | None:
        """The last moment at which anything counts."""
        return moment(self.last, self.zone) if self.last else None

    @cached_property
    def free(self) -> timedelta:
        """The grace."""
        return span(self.grace)[1] if self.grace else timedelta()

    @cached_property
    def step(self) -> tuple[bool, timedelta]:
        """(whether it goes by the calendar, how long) each step of the penalty takes; 0 for one that comes once."""
        return span(self.per) if self.per else (False, timedelta())

    @cached_property
    def taken(self) -> tuple[float, float]:
        """(share, points) that each step takes."""
        return amount(self.penalty) if self.penalty else (0.0, 0.0)

    @cached_property
    def cap(self) -> tuple[float, float]:
        """(share, points) that are taken at most."""
        return amount(self.at_most) if self.at_most else (0.0, inf)

    @property
    def costs(self) -> bool:
        """Whether anybody can lose points by it."""
        return any(self.taken) or self.closes is not None

    def steps(self, line: datetime, arrived: datetime) -> int:
        """How many steps have begun between the end of the grace and then; a day ends at the same time of day."""
        by_calendar, long = self.step
        if arrived <= line:
            return 0
        if not long:
            return 1
        if not by_calendar:
            return -((line - arrived) // long)
        wall = line.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        number = max(1, (arrived - line) // long - 1)
        while arrived > instant(wall + number * long, self.zone):
            number += 1
        return number

    def penalty_of(self, line: datetime, arrived: datetime, raw: float | None, most: float) -> float:
        """The points that are taken for what came then, of `raw` points out of `most`."""
        base = most if self.of == "maximum" else raw or 0.0
        share, points = self.taken
        most_share, most_points = self.cap
        taken = min(self.steps(line, arrived) * (share * base + points), most_share * base + most_points)
        return taken if raw is None else min(taken, raw)

    def said(self) -> str:
        """The rule in a line for people."""
        parts = [f"due {self.due} {self.zone}"]
        parts += [f"grace {self.grace}"] if self.grace else []
        if self.penalty:
            share, points = self.taken
            whole = f"{100 * share:g}%" if share else f"{points:g} point{'s' * (points != 1)}"
            whole += " of what was earned" if self.of == "earned" and share else ""
            whole += f" for each started {self.per}" if self.per else ", once"
            parts.append(f"late {whole}" + (f", at most {self.at_most}" if self.at_most else ""))
        parts += [f"nothing counts after {self.last}"] if self.last else []
        return "; ".join(parts)


class DeadlineFile(BaseModel):
    """What a file of deadlines holds: a time zone for all, and a rule for each assignment."""

    model_config = ConfigDict(extra="forbid")

    zone: Text
    assignments: dict[str, Rule]

    @model_validator(mode="before")
    @classmethod
    def _in_one_zone(cls, content: Any) -> Any:
        """An assignment may name another zone than the file's."""
        if isinstance(content, dict) and isinstance(content.get("assignments"), dict) and "zone" in content:
            zone, rules = {"zone": content["zone"]}, content["assignments"]
            named = {name: zone | rule if isinstance(rule, dict) else rule for name, rule in rules.items()}
            return content | {"assignments": named}
        return content


def read_deadlines(file: Path) -> dict[str, Rule]:
    """Assignment → rule, of a YAML file. CourseError names each fault with its line."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(
            f"{file} can't be read ({getattr(error, 'strerror', None) or 'it is not UTF-8'}): name the file of the "
            "deadlines.",
            code="grading.deadlines-file",
        ) from None
    return read(text, file.name, DeadlineFile).assignments


def read_extensions(file: Path) -> list[tuple[str, str, str]]:
    """(student, until, why) of a CSV file. CourseError when a row is incomplete, or a student comes twice."""
    sheet = read_sheet(file, ["student", "until"], "a CSV file with the columns `student` and `until`")
    places = [sheet.column(name) for name in ("student", "until", "why")]
    found: dict[str, tuple[str, str, str]] = {}
    for number, row in enumerate(sheet.rows[1:], 2):
        if any(entry.strip() for entry in row):
            student, until, why = ("" if n is None or n >= len(row) else row[n].strip() for n in places)
            if not student or not until or student in found:
                fault = "has no student or no time" if not student or not until else f"names {student!r} again"
                raise CourseError(f"Row {number} of {file} {fault}: mend it.", code="grading.extensions-file")
            found[student] = (student, until, why)
    return list(found.values())


def moment(text: str, zone: str) -> datetime:
    """The end of what an instructor writes, "2026-12-04 23:59"; an offset from UTC beside it goes before the zone.

    A time that comes twice, when clocks go back, is the later one. CourseError for one that clocks pass over.
    """
    naive, offset, whole_minute = _parsed(text)
    if whole_minute:
        naive += timedelta(seconds=59, microseconds=999_999)
    if offset is not None:
        return (naive - offset).replace(tzinfo=UTC).astimezone(_zone(zone))
    found = instant(naive, zone)
    if found.astimezone(_zone(zone)).replace(tzinfo=None) != naive:
        raise CourseError(
            f"{text} doesn't exist in {zone}, where clocks go forward then: name a time before or after.",
            code="grading.no-such-time",
        )
    return found.astimezone(_zone(zone))


def arrived_at(text: str, zone: str) -> datetime:
    """When something came: of a time that comes twice the earlier one, which costs nobody points."""
    naive, offset, _ = _parsed(text)
    found = instant(naive, zone, latest=False) if offset is None else (naive - offset).replace(tzinfo=UTC)
    return found.astimezone(_zone(zone))


def instant(naive: datetime, zone: str, latest: bool = True) -> datetime:
    """A time on the clocks of a zone as UTC; of two that are meant by it, or by none, the later or the earlier."""
    both = [naive.replace(tzinfo=_zone(zone), fold=fold).astimezone(UTC) for fold in (0, 1)]
    return max(both) if latest else min(both)


def _parsed(text: str) -> tuple[datetime, timedelta | None, bool]:
    """(time, its offset from UTC where one is named, whether seconds are left out)."""
    match = MOMENT.fullmatch(text.strip())
    try:
        if not match:
            raise ValueError
        day, clock, seconds, offset = match.groups()
        naive = datetime.fromisoformat(f"{day}T{clock.zfill(5)}{seconds or ':00'}")
        east = datetime.fromisoformat(f"2000-01-01T00:00{offset}").utcoffset() if offset else None
    except ValueError:
        raise CourseError(
            f"{text!r} isn't a date with a time of day: write it like 2026-12-04 23:59.", code="grading.no-time"
        ) from None
    return naive, east, seconds is None


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # also a folder of the database, or a path
        raise CourseError(
            f"{name!r} isn't a time zone: write an IANA name such as Europe/Berlin or America/New_York.",
            code="grading.no-zone",
        ) from None


def amount(text: str) -> tuple[float, float]:
    """(share, points) of "10%", "2" or "2 points"."""
    match = AMOUNT.fullmatch(text.strip())
    if not match:
        raise CourseError(f"{text!r} isn't a penalty: write 10% or 2 points.", code="grading.no-penalty")
    number = float(match[1])
    return (number / 100, 0.0) if match[2] == "%" else (0.0, number)


def span(text: str) -> tuple[bool, timedelta]:
    """(whether it goes by the calendar, how long): of "day", "12 hours", "15 minutes"."""
    match = SPAN.fullmatch(text.strip())
    if not match or match[1] == "0":
        raise CourseError(
            f"{text!r} isn't a length of time: write it like 15 minutes, hour or 2 days.", code="grading.no-length"
        )
    return match[2] in ("day", "week"), int(match[1] or 1) * UNITS[match[2]]
