"""What people add to the marks of a store: points given by hand, and regrade requests; none is ever overwritten."""

import math
import sqlite3
import time
from dataclasses import dataclass

from course_utils.errors import CourseError
from course_utils.grading.names import whole
from course_utils.grading.records import Mark, Result

LONGEST_TEXT = 10_000  # characters of a comment or a regrade request


@dataclass(frozen=True)
class Manual:
    """A person's mark of one item.

    seen, digest: the answer and the submission that the person had in front of them
    """

    points: float
    comment: str
    by: str
    time: float
    seen: str = ""
    digest: str = ""

    def outdated(self, result: Result, mark: Mark) -> bool:
        """Whether the student has handed in another answer since."""
        return self.digest != result.digest and self.seen != mark.answer


@dataclass(frozen=True)
class RegradeRequest:
    """A student's objection to the mark of one item; open until a person marks the item after it."""

    student: str
    item: str
    text: str
    time: float
    open: bool


def check_points(points: float | None, most: float = math.inf, item: str = "") -> None:
    """CourseError when a person can't give that."""
    if isinstance(points, bool) or not isinstance(points, (int, float)) or not 0 <= points < math.inf:
        raise CourseError(f"{points!r} isn't a mark: give points from 0 up.")
    if points > most:
        raise CourseError(f"{item} gives at most {most:g} points, not {points:g}: correct the number.")


def add(
    file: sqlite3.Connection, kind: str, where: tuple[str, str, str], row: int, points: float | None, text: str, by: str
) -> None:
    """Add a "mark" or a "regrade request" about (assignment, student, item), whose row of marks was seen."""
    file.execute(
        """INSERT INTO acts (kind, assignment, student, item, mark, points, text, by, time)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (kind, *map(whole, where), row, points, whole(text[:LONGEST_TEXT]), whole(by), time.time()),
    )


def manual(
    file: sqlite3.Connection, assignment: str | None, student: str | None = None
) -> dict[tuple[str, str, str], Manual]:
    """(assignment, student, item) → the person's mark that holds, the latest."""
    rows = file.execute(
        """SELECT a.assignment, a.student, a.item, a.points, a.text, a.by, a.time, m.answer, s.digest
        FROM acts AS a JOIN marks AS m ON m.id = a.mark JOIN submissions AS s ON s.id = m.submission
        WHERE a.kind = 'mark' AND (?1 IS NULL OR a.assignment = ?1) AND (?2 IS NULL OR a.student = ?2) ORDER BY a.id""",
        (assignment, student),
    )
    return {(row[0], row[1], row[2]): Manual(*row[3:]) for row in rows}


def regrade_requests(file: sqlite3.Connection, assignment: str) -> list[RegradeRequest]:
    """All regrade requests, oldest first."""
    rows = file.execute(
        """SELECT student, item, text, time, NOT EXISTS (SELECT 1 FROM acts AS later WHERE later.id > a.id
            AND kind = 'mark' AND later.assignment = a.assignment AND later.student = a.student
            AND later.item = a.item)
        FROM acts AS a WHERE kind = 'regrade request' AND assignment = ? ORDER BY id""",
        (assignment,),
    )
    return [RegradeRequest(student, item, text, time, bool(open_)) for student, item, text, time, open_ in rows]
