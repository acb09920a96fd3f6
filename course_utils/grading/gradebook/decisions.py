"""What is decided beside the marks: an item dropped or given to everybody, a submission voided, deadlines."""

import sqlite3
import time
from collections.abc import Collection
from dataclasses import dataclass, replace

from course_utils.grading.gradebook.people import LONGEST_TEXT
from course_utils.grading.names import whole
from course_utils.grading.records import Result, State

KINDS = ("drop", "give", "void")
TIMES = ("deadline", "extend", "handed in")  # kinds about when a submission came


@dataclass(frozen=True)
class Decision:
    """One that holds: kind, about which item (drop, give), student (void, extend, handed in) or assignment (deadline).

    why, by whom and when it was decided; value: the rule as JSON, an extension's end, or what a person says of a file
    """

    assignment: str
    kind: str
    about: str
    why: str
    by: str
    time: float
    value: str = ""


def add(
    file: sqlite3.Connection, kind: str, assignment: str, about: str, why: str, by: str, holds: bool, value: str = ""
) -> None:
    """Add a decision, or the one that undoes it; none is ever overwritten."""
    file.execute(
        "INSERT INTO decisions (kind, assignment, about, why, by, value, time, holds) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (kind, *map(whole, (assignment, about, why[:LONGEST_TEXT], by, value)), time.time(), holds),
    )


def holding(file: sqlite3.Connection, assignment: str | None = None) -> list[Decision]:
    """The decisions that hold, oldest first."""
    # a person's word on when a file came holds for that file, which stands first in its value
    rows = file.execute(
        """SELECT assignment, kind, about, why, by, time, value FROM decisions AS d
        WHERE (?1 IS NULL OR assignment = ?1) AND holds AND id = (SELECT max(id) FROM decisions
            WHERE assignment = d.assignment AND kind = d.kind AND about = d.about AND (
                kind <> 'handed in' OR json_extract(value, '$[0]') = json_extract(d.value, '$[0]')))
        ORDER BY id""",
        (assignment,),
    )
    return [Decision(*row) for row in rows]


def applied(results: Collection[Result], decisions: Collection[Decision]) -> list[Result]:
    """The results without voided ones and dropped items, and with the points that everybody is given."""
    if not decisions:
        return list(results)
    decided = {(one.assignment, one.kind, one.about) for one in decisions}
    left = []
    for result in results:
        if (result.assignment, "void", result.student) in decided:
            continue
        marks = tuple(
            replace(mark, points=mark.most) if (result.assignment, "give", mark.item) in decided else mark
            for mark in result.marks
            if (result.assignment, "drop", mark.item) not in decided
        )
        if marks != result.marks:
            whole_one = bool(marks) and all(mark.points is not None for mark in marks)
            result = replace(result, marks=marks, state=State.GRADED if whole_one else result.state)
        left.append(result)
    return left
