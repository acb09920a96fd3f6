"""Holds submissions against their deadlines: who is late, by how much, what it costs, and which attempt counts."""

import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from course_utils.grading.gradebook import decisions
from course_utils.grading.gradebook.deadlines import Rule, arrived_at, moment
from course_utils.grading.names import whole
from course_utils.grading.records import FULLER, Arrival, Mark, Outcome, Result, State, Timing

WORDS = ON_TIME, AS_FOUND = "on time", "as found"  # what a person may say in place of a time
NOTHING = timedelta()


@dataclass
class Deadlines:
    """The deadlines that hold, and what is known of when submissions came.

    rules: by assignment; extensions: (assignment, student) → end; said: (assignment, student, digest) → what a person
    says of when it came; arrivals: the same → what was read
    """

    rules: dict[str, Rule] = field(default_factory=dict)
    extensions: dict[tuple[str, str], str] = field(default_factory=dict)
    said: dict[tuple[str, str, str], str] = field(default_factory=dict)
    arrivals: dict[tuple[str, str, str], list[Arrival]] = field(default_factory=lambda: defaultdict(list))

    def due(self, assignment: str, student: str) -> datetime | None:
        """When a student has to hand in; an extension is never earlier than the deadline."""
        rule = self.rules.get(assignment)
        if rule is None:
            return None
        end = self.extensions.get((assignment, student))
        return max(rule.ends, moment(end, rule.zone)) if end else rule.ends

    def timing(self, result: Result) -> Timing | None:
        """How a result stands to its deadline; None where there is none."""
        rule, due = self.rules.get(result.assignment), self.due(result.assignment, result.student)
        if rule is None or due is None:
            return None
        found = self._arrival((result.assignment, result.student, result.digest), rule)
        arrived = arrived_at(found.time, rule.zone) if found.time else None
        extended = due > rule.ends
        common = (found.source, found.sure)
        if found.mark == "late" and arrived is None:
            return Timing(due, None, None, *common, None if rule.costs else 0.0, extended)
        if arrived is None:
            return Timing(due, None, NOTHING if found.mark else None, *common, 0.0, extended)
        late, line = max(NOTHING, arrived - due), due + rule.free
        last = rule.closes + (due - rule.ends) if rule.closes else None  # an extension moves it along
        over = last is not None and arrived > last
        if arrived <= line or not rule.costs:
            return Timing(due, arrived, late, *common, 0.0, extended)
        if not found.sure:
            return Timing(due, arrived, late, *common, None, extended, over)
        points = rule.penalty_of(line, arrived, result.raw, result.most)
        return Timing(due, arrived, late, *common, (result.raw or 0.0) if over else points, extended, over)

    def timed(self, result: Result) -> Result:
        """The result with its timing; one that nobody can be sure of waits for a person."""
        timing = self.timing(result)
        if timing is None or timing.penalty is not None:
            return replace(result, timing=timing) if timing else result
        open_ones = (State.GRADED, State.PARTIAL)
        state = State.LOOK if result.state in open_ones else result.state
        why = f"It may be late, by {timing.source}: say when it came, with `course quiz handed-in`."
        return replace(result, timing=timing, state=state, remarks=(*result.remarks, why))

    def is_on_time(self, assignment: str, student: str, arrival: Arrival) -> bool:
        """Whether nothing known speaks for its being late."""
        rule, due = self.rules.get(assignment), self.due(assignment, student)
        if rule is None or due is None:
            return True
        return arrived_at(arrival.time, rule.zone) <= due + rule.free if arrival.time else arrival.mark != "late"

    def asks_for_earlier(self, newest: Result) -> bool:
        """Whether an earlier attempt may count in the newest one's place."""
        rule = self.rules.get(newest.assignment)
        return rule is not None and rule.counts != "newest" and not self._stands(newest)

    def better(self, attempts: Sequence[Result]) -> tuple[str, tuple[str, ...]]:
        """(digest of the attempt that counts, why as remarks): of one student's, the newest last, as decided upon."""
        *earlier, newest = attempts
        alike = {(mark.item, mark.digest) for mark in newest.marks}
        same = [one for one in earlier if not alike or alike == {(mark.item, mark.digest) for mark in one.marks}]
        in_time = [one for one in reversed(same) if self._stands(one)]
        if self.rules[newest.assignment].counts == "on time":
            best = next(iter(in_time), newest)
        elif fuller := next((one for one in in_time if _holds_all(one, newest)), None):
            best = fuller
        else:
            # of equals one that is on time, and then the newer one
            best = max((newest, *reversed(same)), key=lambda one: (self._at_most(one), self._stands(one)))
        if best is not newest:
            return best.digest, (f"This earlier file counts: {newest.source} came late.",)
        if same != earlier:
            return best.digest, ("An earlier file was graded by other items: grade it again, so that it can count.",)
        return best.digest, ()

    def _stands(self, result: Result) -> bool:
        """Whether it costs nothing, whatever its points are."""
        rule = self.rules[result.assignment]
        arrival = self._arrival((result.assignment, result.student, result.digest), rule)
        return not rule.costs or self.is_on_time(result.assignment, result.student, arrival)

    def _at_most(self, result: Result) -> float:
        """The points that it gives if what isn't known turns out well."""
        if not result.marks:
            return -1.0  # unreadable
        known = tuple(replace(mark, points=mark.most) if mark.points is None else mark for mark in result.marks)
        whole_one = replace(result, marks=known)
        timing = self.timing(whole_one)
        return (whole_one.raw or 0.0) - ((timing.penalty or 0.0) if timing else 0.0)

    def _arrival(self, key: tuple[str, str, str], rule: Rule) -> Arrival:
        """The best that is known: a person's word, a platform's time, its mark, a file's time."""
        said = self.said.get(key, "")
        if said == ON_TIME:
            return Arrival(mark=ON_TIME, source="a person", sure=True)
        if said and said != AS_FOUND:
            return Arrival(said, source="a person", sure=True)

        def rank(one: Arrival) -> tuple:
            worth = 0 if one.sure and one.time else 1 if one.mark else 2
            return worth, one.mark == "late", arrived_at(one.time, rule.zone).timestamp() if one.time else 0.0

        best = min(self.arrivals.get(key, ()), key=rank, default=Arrival())
        return replace(best, sure=True) if said == AS_FOUND else best


def _holds_all(earlier: Result, newest: Result) -> bool:
    """Whether the newest gives more for no item, so that nobody need look at what the earlier one answers anyway."""

    def most(mark: Mark) -> float:
        answered_before = mark.outcome is Outcome.LOOK and any(line.startswith(FULLER) for line in mark.feedback)
        return 0.0 if mark.points is None and answered_before else mark.most if mark.points is None else mark.points

    known = {mark.item: mark.points or 0.0 for mark in earlier.marks}
    return bool(newest.marks) and all(known.get(mark.item, -1.0) >= most(mark) for mark in newest.marks)


def load(file: sqlite3.Connection, assignment: str | None = None) -> Deadlines:
    """What holds, and what was read; the arrivals only where a deadline asks for them."""
    found = Deadlines()
    for one in decisions.holding(file, assignment):
        if one.kind == "deadline":
            found.rules[one.assignment] = Rule.model_validate_json(one.value)
        elif one.kind == "extend":
            found.extensions[one.assignment, one.about] = one.value
        elif one.kind == "handed in":
            digest, said = json.loads(one.value)
            found.said[one.assignment, one.about, digest] = said
    if found.rules:
        for name, student, digest, when, mark, source, sure in file.execute(
            "SELECT assignment, student, digest, time, mark, source, sure FROM arrivals WHERE ?1 IS NULL OR "
            "assignment = ?1",
            (assignment,),
        ):
            found.arrivals[name, student, digest].append(Arrival(when, mark, source, bool(sure)))
    return found


def note(file: sqlite3.Connection, arrivals: Iterable[tuple[str, str, str, Arrival]]) -> None:
    """Keep what was read of when (assignment, student, digest) came; what is known already adds nothing."""
    now = time.time()
    file.executemany(
        "INSERT OR IGNORE INTO arrivals (assignment, student, digest, time, mark, source, sure, noted) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*map(whole, (name, student, digest, one.time, one.mark, one.source)), one.sure, now)
            for name, student, digest, one in arrivals
            if one.time or one.mark
        ],
    )
