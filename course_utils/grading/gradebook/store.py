"""Marks in one SQLite file: what grading found, what people marked, what students objected to, and the history."""

import json
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError
from course_utils.grading.gradebook import database, decisions, history, people, timing
from course_utils.grading.gradebook.decisions import Decision
from course_utils.grading.gradebook.people import Manual, RegradeRequest, Seen
from course_utils.grading.gradebook.timing import Deadlines
from course_utils.grading.names import whole
from course_utils.grading.records import LONGEST_ANSWER, Arrival, Mark, Outcome, Result, State

__all__ = ["Manual", "RegradeRequest", "Seen", "Store"]

MARK = "item, outcome, points, most, feedback, answer, digest"
CURRENT = f"""FROM submissions AS s WHERE (?1 IS NULL OR assignment = ?1)
    AND {people.CHOSEN.format(student="student")} AND saved =
    (SELECT max(saved) FROM submissions WHERE assignment = s.assignment AND student = s.student)"""
EVERY = f"""FROM submissions AS s WHERE assignment = ?1 AND {people.CHOSEN.format(student="student")}
    AND saved = (SELECT max(saved) FROM submissions
        WHERE assignment = s.assignment AND student = s.student AND digest = s.digest)"""
PEOPLES = (Outcome.WAITING, Outcome.LOOK, Outcome.MISSING)  # outcomes that only a person can settle


class Store:
    """One file of marks: `with Store(path) as store`.

    Several processes may use it at once; one writes at a time, and the others wait. CourseError when the file can't be
    read or written. Times are seconds since 1970. patience: seconds to wait while another process writes
    """

    def __init__(self, path: Path, patience: float = database.PATIENCE) -> None:
        self.path = Path(path)
        self._file = database.opened(self.path, patience)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the file."""
        self._file.close()

    def backup(self) -> Path:
        """Copy the store to a file beside it, which the message about a damaged store names; the last few are kept."""
        with database.told(self.path):
            made = database.backup(self._file, self.path)
            database.thin_out(self.path)
            return made

    def save(self, results: Iterable[Result]) -> None:
        """Keep results, all or none; each becomes its student's current one. Saving the same again adds no mark.

        An iterable is read to its end before anything is written, so that nobody waits for its sake.
        """
        everything = list(results)
        with self._written():
            (last,) = self._file.execute("SELECT coalesce(max(saved), 0) FROM submissions").fetchone()
            for number, result in enumerate(everything, last + 1):
                self._save(result, 0 if result.superseded else number)  # the newer one stays the current one

    def _save(self, result: Result, saved: int) -> None:
        now = time.time()
        texts = (result.assignment, result.student, result.digest, result.environment, result.source, result.tier)
        (row,) = self._file.execute(
            """INSERT INTO submissions (assignment, student, digest, environment, source, tier, state, remarks, seconds,
                time, saved, marks) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]')
            ON CONFLICT DO UPDATE SET source = excluded.source, state = excluded.state, remarks = excluded.remarks,
                seconds = excluded.seconds, tier = excluded.tier, saved = max(saved, excluded.saved)
            RETURNING id""",
            (*map(whole, texts), result.state, _listed(result.remarks), result.seconds, now, saved),
        ).fetchone()
        kept = {  # the latest of each item and item digest
            (mark[0], mark[-1]): (number, tuple(mark))
            for number, *mark in self._file.execute(
                f"SELECT id, {MARK} FROM marks WHERE submission = ? ORDER BY id", [row]
            )
        }
        numbers = []
        for mark in result.marks:
            judged = (mark.item, mark.outcome, mark.points, mark.most, _listed(mark.feedback))
            values = (*judged, whole(mark.answer[:LONGEST_ANSWER]), mark.digest)
            number, before = kept.get((mark.item, mark.digest), (0, ()))
            if before != values:
                number = self._file.execute(
                    f"INSERT INTO marks (submission, time, {MARK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (row, now, *values),
                ).lastrowid
            numbers.append(number)
        self._file.execute("UPDATE submissions SET marks = ? WHERE id = ?", (json.dumps(numbers), row))

    def known(self, assignment: str, environment: str) -> dict[tuple[str, str], dict[str, Mark]]:
        """(student, submission digest) → item digest → mark, of all that need not be graded again.

        Unknown outcomes are left out: an unreadable notebook, or our own failure.
        """
        found: dict[tuple[str, str], dict[str, Mark]] = {}
        about, chosen = (assignment, environment), "FROM submissions WHERE assignment = ? AND environment = ?"
        with self._read():
            keys = {row: key for row, *key in self._file.execute(f"SELECT id, student, digest {chosen}", about)}
            for row, *mark in self._file.execute(  # in an index's order: nothing is sorted
                f"SELECT submission, {MARK} FROM marks WHERE submission IN (SELECT id {chosen}) "
                "ORDER BY submission, item, id",
                about,
            ):
                marks = found.setdefault(tuple(keys[row]), {})
                if mark[1] == Outcome.UNKNOWN:
                    marks.pop(mark[-1], None)
                else:
                    marks[mark[-1]] = _mark(mark)  # a later one takes the place of an earlier one
        return {key: marks for key, marks in found.items() if marks}

    def current(self, assignment: str) -> dict[str, str]:
        """Student → digest of the submission that counts now."""
        with self._read():
            return dict(self._file.execute(f"SELECT student, digest {CURRENT}", (assignment, None)))

    def marked(self, assignment: str) -> dict[str, int]:
        """Student → how many items the submission that counts now was marked for."""
        with self._read():
            asked = f"SELECT student, json_array_length(marks) {CURRENT}"
            return dict(self._file.execute(asked, (assignment, None)))

    def results(self, assignment: str | None = None, students: Collection[str] | None = None) -> list[Result]:
        """Each student's current result, by assignment and student, with the points that people gave.

        A mark's outcome and feedback stay those of grading. A result is graded once people have filled its gaps.
        Voided submissions and dropped items are left out. Of several attempts the one that the deadline lets count is
        there, with how it stands to that deadline.
        """
        with self._read():
            deadlines = timing.load(self._file, assignment)
            found = [result for result, _ in self._counted(assignment, students, deadlines)]
            return [deadlines.timed(one) for one in decisions.applied(found, decisions.holding(self._file, assignment))]

    def decide(
        self, assignment: str, kind: str, about: str, why: str, by: str = "", undo: bool = False, value: str = ""
    ) -> None:
        """Drop an item, give everybody its points, void a student's submission, set a time; or take that back.

        value: what a decision about a time says, as `decisions.Decision` has it
        """
        if kind not in (*decisions.KINDS, *decisions.TIMES):
            raise CourseError(
                f"{kind!r} can't be decided: choose one of {', '.join(decisions.KINDS)}.", code="grading.no-decision"
            )
        if not why.strip():
            raise CourseError("Give a reason with --why: people will ask later.", code="grading.no-reason")
        with self._written():
            if kind in ("void", "handed in"):
                known = {result.student for result, _ in self._current(assignment)}
            elif kind in ("drop", "give"):
                known = {mark.item for result, _ in self._current(assignment) for mark in result.marks}
            else:
                known = {about}  # who hasn't handed in yet may have an extension
            if about not in known:
                thing = "item" if kind in ("drop", "give") else "result of"
                raise CourseError(f"{assignment} has no {thing} {about!r}: nothing is decided.", code="grading.unknown")
            decisions.add(self._file, kind, assignment, about, why, by, not undo, value)

    def deadlines(self, assignment: str | None = None) -> Deadlines:
        """The deadlines that hold, with extensions and with what is known of when files came."""
        with self._read():
            return timing.load(self._file, assignment)

    def note_arrivals(self, arrivals: Iterable[tuple[str, str, str, Arrival]]) -> None:
        """Keep when (assignment, student, digest) came; what was noted before stays."""
        with self._written():
            timing.note(self._file, arrivals)

    def decisions(self, assignment: str | None = None) -> list[Decision]:
        """What is decided and holds, oldest first."""
        with self._read():
            return decisions.holding(self._file, assignment)

    def _counted(
        self, assignment: str | None, students: Collection[str] | None, deadlines: Deadlines
    ) -> list[tuple[Result, list[int]]]:
        """As `_current`, with an earlier attempt in place of a late one where the deadline's rule says so."""
        current = self._current(assignment, students)
        if not deadlines.rules:
            return current
        late: dict[str, dict[str, int]] = {}  # assignment → student → place
        for place, (newest, _) in enumerate(current):
            if deadlines.asks_for_earlier(newest):
                late.setdefault(newest.assignment, {})[newest.student] = place
        decided = decisions.holding(self._file, assignment) if late else []
        for name, places in late.items():
            attempts: dict[str, list[tuple[Result, list[int]]]] = {}
            for pair in self._current(name, places, EVERY):
                attempts.setdefault(pair[0].student, []).append(pair)
            for student, place in places.items():
                if kept := decisions.applied([one for one, _ in attempts[student]], decided):
                    digest, why = deadlines.better(kept)
                    pairs = [current[place], *attempts[student]]  # the newest with all that people said of it
                    one, rows = next(pair for pair in pairs if pair[0].digest == digest)
                    current[place] = (replace(one, remarks=(*one.remarks, *why)), rows)
        return current

    def _current(
        self, assignment: str | None, students: Collection[str] | None = None, which: str = CURRENT
    ) -> list[tuple[Result, list[int]]]:
        """Each current result with people's points, and the rows of its marks; or EVERY one of a student's, by age."""
        chosen = (assignment, people.named(students))
        marks = {
            number: _mark(mark)
            for number, *mark in self._file.execute(
                f"SELECT id, {MARK} FROM marks WHERE submission IN (SELECT id {which})", chosen
            )
        }
        manual = people.manual(self._file, *chosen)
        current = []
        for name, quiz, digest, source, state, remarks, seconds, tier, environment, rows in self._file.execute(
            f"""SELECT student, assignment, digest, source, state, remarks, seconds, tier, environment, marks {which}
            ORDER BY assignment, student, saved, id""",
            chosen,
        ):
            numbers = json.loads(rows)
            own = tuple(marks[number] for number in numbers)
            told = tuple(json.loads(remarks))
            result = Result(name, quiz, digest, source, State(state), own, told, seconds, tier, environment)
            current.append((people.with_points(result, manual, newest=which is CURRENT), numbers))
        return current

    def mark(self, assignment: str, student: str, item: str, points: float, comment: str = "", by: str = "") -> None:
        """Give a person's points, which hold whatever grading finds; a later call takes this one's place."""
        self.mark_many(assignment, [(student, item)], points, comment, by)

    def mark_many(
        self,
        assignment: str,
        chosen: Iterable[tuple[str, str]],
        points: float,
        comment: str = "",
        by: str = "",
        seen: Mapping[tuple[str, str], Seen] | None = None,
    ) -> dict[tuple[str, str], Seen]:
        """Give the same points to several (student, item), all or none; what is seen of them from now on.

        seen: how each stood when the person looked at it; CourseError "grading.overtaken" when one stands otherwise now
        """
        return self._add("mark", assignment, list(chosen), points, comment, by, seen)

    def undo(
        self,
        assignment: str,
        chosen: Iterable[tuple[str, str]],
        by: str = "",
        seen: Mapping[tuple[str, str], Seen] | None = None,
    ) -> dict[tuple[str, str], Seen]:
        """Take back the marks that hold, all or none: what was there before them holds again. seen: as for marking."""
        return self._add("undo", assignment, list(chosen), None, "", by, seen)

    def request_regrade(self, assignment: str, student: str, item: str, text: str) -> None:
        """Keep a student's objection; it waits until a person marks the item."""
        self._add("regrade request", assignment, [(student, item)], None, text, student)

    def _add(
        self,
        kind: str,
        assignment: str,
        chosen: list[tuple[str, str]],
        points: float | None,
        text: str,
        by: str,
        seen: Mapping[tuple[str, str], Seen] | None = None,
    ) -> dict[tuple[str, str], Seen]:
        added = {}
        with self._written():
            students = {student for student, _ in chosen}
            counted = self._counted(assignment, students, timing.load(self._file, assignment))
            there = {
                result.student: (result, {mark.item: (mark, row) for mark, row in zip(result.marks, rows, strict=True)})
                for result, rows in counted
            }
            latest = people.latest(self._file, assignment, people.named(students))
            manual = people.manual(self._file, assignment, people.named(students))
            for student, item in chosen:
                found = there.get(student)
                if found is None or item not in found[1]:
                    raise people.unknown(assignment, student, item, found[1] if found else None)
                result, (mark, row) = found[0], found[1][item]
                given = people.of_answer(manual.get((assignment, student, item), ()), result, mark)
                stands = Seen(result.digest, latest.get((student, item), 0))
                if seen is not None and seen[student, item] != stands:
                    raise people.overtaken(item, seen[student, item], stands, given)
                if kind == "mark":
                    people.check_points(points, mark.most, item)
                if kind == "undo" and given is None:
                    raise CourseError(f"{item} of {student!r} has no mark to undo.", code="grading.no-mark")
                undoes = given.act if kind == "undo" and given else None
                number = people.add(self._file, kind, (assignment, student, item), row, points, text, by, undoes)
                added[student, item] = Seen(result.digest, number)
        return added

    def seen(self, assignment: str) -> dict[tuple[str, str], int]:
        """(student, item) → the number of what a person did last about it, for `Seen`; others have 0."""
        with self._read():
            return people.latest(self._file, assignment)

    @property
    def version(self) -> int:
        """Another number whenever somebody else has written to the file."""
        with database.told(self.path):
            return self._file.execute("PRAGMA data_version").fetchone()[0]

    def manual(self, assignment: str, students: Collection[str] | None = None) -> dict[tuple[str, str], Manual]:
        """(student, item) → the person's mark that holds for the attempt that counts; of all students if left out."""
        with self._read():
            chosen, deadlines = (assignment, people.named(students)), timing.load(self._file, assignment)
            given = people.manual(self._file, *chosen)
            if not deadlines.rules and all(len(several) == 1 for several in given.values()):
                return {key[1:]: several[-1] for key, several in given.items()}
            counted = [result for result, _ in self._counted(assignment, students, deadlines)]
            newest = dict(self._file.execute(f"SELECT student, digest {CURRENT}", chosen))
            return people.held(given, counted, newest)

    def comment_of(self, assignment: str, student: str, item: str) -> str:
        """The comment of the person's mark that holds; "" without one."""
        one = self.manual(assignment, [student]).get((student, item))
        return one.comment if one else ""

    def regrade_requests(self, assignment: str) -> list[RegradeRequest]:
        """All regrade requests, oldest first."""
        with self._read():
            return people.regrade_requests(self._file, assignment)

    def waiting(self, assignment: str) -> list[tuple[str, Mark]]:
        """(student, mark) that wait for a person, by student."""
        return [(result.student, mark) for result, marks in self.standing(assignment) for mark in marks]

    def standing(
        self, assignment: str, students: Collection[str] | None = None
    ) -> list[tuple[Result, tuple[Mark, ...]]]:
        """`results`, and which marks of each wait for a person.

        These are what only a person can mark and nobody has, what was marked by hand for an answer that the student has
        changed since, and what a student asks to have regraded.
        """
        manual = self.manual(assignment, students)
        requested = {(one.student, one.item) for one in self.regrade_requests(assignment) if one.open}

        def waits(result: Result, mark: Mark) -> bool:
            key = (result.student, mark.item)
            given = manual.get(key)
            return key in requested or (given.outdated(result, mark) if given else mark.outcome in PEOPLES)

        found = self.results(assignment, students)
        return [(result, tuple(mark for mark in result.marks if waits(result, mark))) for result in found]

    def assignments(self) -> list[str]:
        """The names of those that have submissions."""
        with self._read():
            return [name for (name,) in self._file.execute("SELECT DISTINCT assignment FROM submissions ORDER BY 1")]

    def history(self, assignment: str, student: str, item: str) -> list[dict[str, Any]]:
        """All that was ever found or said about one item, oldest first.

        Each has `what` ("graded", "mark", "regrade request" or a decision), `time`, `points`, `outcome`, `text`
        (feedback, comment, request or reason), `by`, and the `submission` and `environment` that it is about.
        """
        with self._read():
            return history.of_item(self._file, assignment, student, item)

    @contextmanager
    def _read(self):
        """Several statements see the same marks, whatever others save meanwhile."""
        with database.told(self.path), database.transaction(self._file, "DEFERRED"):
            yield

    @contextmanager
    def _written(self):
        with database.told(self.path), database.transaction(self._file, "IMMEDIATE"):
            yield


def _mark(row: list) -> Mark:
    item, outcome, points, most, feedback, answer, digest = row
    return Mark(item, Outcome(outcome), points, most, _told_sentences(feedback), answer, digest)


@lru_cache(10_000)  # the authors' sentences come again and again
def _told_sentences(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _listed(sentences: Iterable[str]) -> str:
    return whole(json.dumps(list(sentences), ensure_ascii=False))
