"""What people add to the marks of a store: points given by hand, and regrade requests; none is ever overwritten."""

import json
import math
import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from course_utils.errors import CourseError
from course_utils.grading.names import whole
from course_utils.grading.records import Mark, Result, State

LONGEST_TEXT = 10_000  # characters of a comment or a regrade request
CHOSEN = "(?2 IS NULL OR {student} IN (SELECT value FROM json_each(?2)))"  # all students, or those of a JSON list
HOLDS = "NOT EXISTS (SELECT 1 FROM acts AS back WHERE back.undoes = {act}.id)"  # nobody took it back


@dataclass(frozen=True)
class Manual:
    """A person's mark of one item.

    seen, digest: the answer and the submission that the person had in front of them; act: its row of acts
    """

    points: float
    comment: str
    by: str
    time: float
    seen: str = ""
    digest: str = ""
    act: int = 0

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


@dataclass(frozen=True)
class Seen:
    """How an item of a student's stood when a person looked: the submission's digest, and the latest act about it."""

    digest: str
    act: int


def overtaken(item: str, seen: Seen, stands: Seen, given: Manual | None) -> CourseError:
    """What a person is told who marks an item that stands otherwise than when they looked at it. given: what holds."""
    if seen.digest != stands.digest:
        why = "the student has handed in another notebook meanwhile"
    elif given and given.act == stands.act:
        points = f"{given.points:g} point{'' if given.points == 1 else 's'}"
        why = f"{given.by or 'somebody'} gave it {points} meanwhile"
    else:
        why = "meanwhile its mark was taken back, or the student has asked for a regrade"
    return CourseError(f"{item} has changed since you saw it: {why}. Look again.", code="grading.overtaken")


def unknown(assignment: str, student: str, item: str, items: Iterable[str] | None) -> CourseError:
    """What to say of a mark for a student who has no result, or for an item that isn't among theirs."""
    if items is not None:
        known = ", ".join(items) or "those that another submission has"
        return CourseError(f"{assignment} has no item {item!r}: choose one of {known}.", code="grading.unknown-item")
    return CourseError(
        f"{assignment} has no result of {student!r}: write both names as the submissions have them.",
        code="grading.unknown-student",
    )


def check_points(points: float | None, most: float = math.inf, item: str = "") -> None:
    """CourseError when a person can't give that."""
    if isinstance(points, bool) or not isinstance(points, (int, float)) or not 0 <= points < math.inf:
        raise CourseError(f"{points!r} isn't a valid mark: give 0 points or more.", code="grading.no-points")
    if points > most:
        raise CourseError(
            f"{item} gives at most {most:g} points, not {points:g}: correct the number.", code="grading.too-many-points"
        )


def add(
    file: sqlite3.Connection,
    kind: str,
    where: tuple[str, str, str],
    row: int,
    points: float | None,
    text: str,
    by: str,
    undoes: int | None = None,
) -> int:
    """Add a "mark", a "regrade request" or an "undo" about (assignment, student, item); the row of acts that it got.

    row: of marks, which was seen; undoes: the row of the act that is taken back
    """
    number = file.execute(
        """INSERT INTO acts (kind, assignment, student, item, mark, points, text, by, time, undoes)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (kind, *map(whole, where), row, points, whole(text[:LONGEST_TEXT]), whole(by), time.time(), undoes),
    ).lastrowid
    assert number is not None, "SQLite names the row of every insertion"
    return number


def latest(file: sqlite3.Connection, assignment: str, students: str | None = None) -> dict[tuple[str, str], int]:
    """(student, item) → the row of the latest act about it, of any kind."""
    rows = file.execute(
        f"""SELECT student, item, max(id) FROM acts WHERE assignment = ?1 AND {CHOSEN.format(student="student")}
        GROUP BY student, item""",
        (assignment, students),
    )
    return {(who, item): number for who, item, number in rows}


def of_answer(several: Sequence[Manual], result: Result, mark: Mark, newest: bool = True) -> Manual | None:
    """Of people's marks of an item the one that holds: the latest of this answer; for the newest, else of another."""
    own = (one for one in reversed(several) if not one.outdated(result, mark))
    return next(own, several[-1] if several and newest else None)


def held(
    manual: Mapping[tuple[str, str, str], Sequence[Manual]], counted: Iterable[Result], newest: Mapping[str, str]
) -> dict[tuple[str, str], Manual]:
    """(student, item) → the mark that holds for the attempt that counts. newest: student → digest of the newest."""
    found = {(student, item): several[-1] for (_, student, item), several in manual.items()}
    for result in counted:
        for mark in result.marks:
            several = manual.get((result.assignment, result.student, mark.item), ())
            if given := of_answer(several, result, mark, newest.get(result.student) == result.digest):
                found[result.student, mark.item] = given
            else:
                found.pop((result.student, mark.item), None)
    return found


def with_points(result: Result, manual: Mapping[tuple[str, str, str], Sequence[Manual]], newest: bool = True) -> Result:
    """The result with people's points in place of the grader's; an earlier attempt has those of its own answers."""
    given = {
        mark.item: one
        for mark in result.marks
        if (one := of_answer(manual.get((result.assignment, result.student, mark.item), ()), result, mark, newest))
    }
    if not given:
        return result
    marks = tuple(
        replace(mark, points=given[mark.item].points) if mark.item in given else mark for mark in result.marks
    )
    remarks = tuple(
        f"{mark.item} was marked by hand before the student changed the answer: look at it again."
        for mark in result.marks
        if mark.item in given and given[mark.item].outdated(result, mark)
    )
    complete = all(mark.points is not None for mark in marks)
    state = State.GRADED if complete else result.state
    return replace(result, marks=marks, remarks=result.remarks + remarks, state=state)


def manual(
    file: sqlite3.Connection, assignment: str | None, students: str | None = None
) -> dict[tuple[str, str, str], list[Manual]]:
    """(assignment, student, item) → people's marks that weren't taken back, the latest last."""
    rows = file.execute(
        f"""SELECT a.assignment, a.student, a.item, a.points, a.text, a.by, a.time, m.answer, s.digest, a.id
        FROM acts AS a JOIN marks AS m ON m.id = a.mark JOIN submissions AS s ON s.id = m.submission
        WHERE a.kind = 'mark' AND {HOLDS.format(act="a")} AND (?1 IS NULL OR a.assignment = ?1)
            AND {CHOSEN.format(student="a.student")}
        ORDER BY a.id""",
        (assignment, students),
    )
    found: dict[tuple[str, str, str], list[Manual]] = {}
    for row in rows:
        found.setdefault((row[0], row[1], row[2]), []).append(Manual(*row[3:]))
    return found


def regrade_requests(file: sqlite3.Connection, assignment: str) -> list[RegradeRequest]:
    """All regrade requests, oldest first."""
    rows = file.execute(
        f"""SELECT student, item, text, time, NOT EXISTS (SELECT 1 FROM acts AS later WHERE later.id > a.id
            AND kind = 'mark' AND {HOLDS.format(act="later")} AND later.assignment = a.assignment
            AND later.student = a.student AND later.item = a.item)
        FROM acts AS a WHERE kind = 'regrade request' AND assignment = ? ORDER BY id""",
        (assignment,),
    )
    return [RegradeRequest(student, item, text, time, bool(open_)) for student, item, text, time, open_ in rows]


def named(students: Collection[str] | None) -> str | None:
    """Students as the statements take them."""
    return None if students is None else json.dumps(sorted(set(map(whole, students))))
