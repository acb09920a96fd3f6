"""Marks submissions a batch at a time: their code runs in workers, what came back is judged here."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import (
    LETTERED,
    GradedItem,
    answer_name,
    digest,
)
from course_utils.grading.marking import reasons
from course_utils.grading.marking.execution import Run, Runner
from course_utils.grading.marking.expected import Expected, ExpectedResults
from course_utils.grading.marking.near import why_not_run
from course_utils.grading.marking.own_cells import with_used_cells
from course_utils.grading.marking.reading import bare_letters, is_stub, written
from course_utils.grading.marking.verdicts import agrees, mark, state_of, verdict
from course_utils.grading.records import Cell, Mark, Outcome, Result, State, Submission
from course_utils.grading.sandbox.values import NoValue, decode
from course_utils.grading.sandbox.worker_pool import WorkerPool

Judged = tuple[Outcome, tuple[str, ...]]

LARGEST_MISTAKE = 1_000_000  # characters of a wrong result that is held against the known mistakes
PART = 20  # characters that a part of a value counts for
# Outcomes that may take a person's look in their place, when there is a reason to.
LOST = (Outcome.WRONG, Outcome.BLANK, Outcome.RAISED, Outcome.TIMEOUT, Outcome.CRASHED)


class Marker:
    """Marks the submissions of one assignment.

    environment: digest of what the code runs with, for the results; local: where the author's code runs, if not in pool
    """

    def __init__(
        self,
        assignment: Assignment,
        pool: WorkerPool,
        environment: str = "",
        local: WorkerPool | None = None,
    ):
        self.assignment, self.quiz, self.pool = assignment, assignment.quiz, pool
        self.environment = environment
        self.expected_results = ExpectedResults(assignment, local or pool)
        self.compared = {item.id for item in self.quiz.compared}
        self.runner = Runner(self.quiz, pool)
        self.digests = {item.id: digest(item, self.quiz.setup) for item in self.quiz.items}

    async def mark(
        self, submissions: Sequence[Submission], known: Mapping[tuple[str, str], Mapping[str, Mark]] | None = None
    ) -> list[Result]:
        """The results, in order; what `known` holds of an item as it is now is taken from there."""
        known = known or {}
        olds = [known.get((one.student, one.digest), {}) for one in submissions]
        wanted = [[item for item in self.quiz.items if self.digests[item.id] not in old] for old in olds]
        expected = await self._expected(submissions, wanted)
        runs = [Run() for _ in submissions]
        results = await asyncio.gather(
            *(self._one(*each) for each in zip(submissions, wanted, olds, expected, runs, strict=True))
        )
        return await self._with_known_mistakes(results, runs)

    async def _expected(
        self, submissions: Sequence[Submission], wanted: Sequence[Sequence[GradedItem]]
    ) -> list[dict[str, Expected]]:
        found: list[dict[str, Expected]] = [{} for _ in submissions]
        for item in self.quiz.executed:
            asked = [n for n, one in enumerate(submissions) if not one.trouble and item in wanted[n]]
            if asked:
                students = list(dict.fromkeys(submissions[n].student for n in asked))
                of_each = await self.expected_results.of(item, students)
                for n in asked:
                    found[n][item.id] = of_each[submissions[n].student]
        return found

    async def _one(
        self,
        submission: Submission,
        wanted: Sequence[GradedItem],
        old: Mapping[str, Mark],
        expected: dict[str, Expected],
        run: Run,
    ) -> Result:
        began = time.monotonic()
        try:
            marks = await self._marks(submission, wanted, old, expected, run)
        except Exception as error:  # whatever one notebook does to us, the others are graded
            run.why, run.wrong = f"judging it stopped with {type(error).__name__}", {}
            marks = [mark(item, self.digests[item.id], Outcome.UNKNOWN) for item in self.quiz.items]
        run.replies.clear()  # they may be large, and a batch is kept until its last one is done
        run.late.clear()
        remarks = [*submission.remarks, *([submission.trouble] if submission.trouble else [])]
        if run.why:
            remarks.append(f"Not graded for a reason of ours: {run.why}.")
        return Result(
            student=submission.student,
            assignment=submission.assignment,
            digest=submission.digest,
            source=submission.source,
            state=state_of(marks, submission.trouble),
            marks=tuple(marks),
            remarks=tuple(remarks),
            seconds=time.monotonic() - began,
            tier=self.pool.tier.name,
            environment=self.environment,
            superseded=submission.superseded,
        )

    async def _marks(
        self,
        submission: Submission,
        wanted: Sequence[GradedItem],
        old: Mapping[str, Mark],
        expected: dict[str, Expected],
        run: Run,
    ) -> list[Mark]:
        if not submission.trouble:
            seed = self.assignment.for_student(submission.student).seed("worker") % 2**62
            asked = [item for item in wanted if not item.in_words]
            await self.runner.run(submission, asked, expected, run, seed)
            await self.runner.run_in_public(submission, asked, run, seed)
        return [
            self._marked(submission, item, expected, run) if item in wanted else old[self.digests[item.id]]
            for item in self.quiz.items
        ]

    def _marked(self, submission: Submission, item: GradedItem, expected: dict[str, Expected], run: Run) -> Mark:
        cell = next((cell for cell in submission.cells if cell.item == item.id), None)
        answer = written(item, cell.source) if cell else submission.texts.get(item.id, "")
        if cell and item.executed:
            answer = with_used_cells(answer, answer_name(item), submission)
        outcome, feedback = self._judged(submission, item, cell, expected, run)
        if outcome in LOST and (
            why := submission.looks.get(item.id) or self._why_not_run(submission, item, outcome, run)
        ):
            outcome, feedback = Outcome.LOOK, (*feedback, f"{why} A person looks at it.")
            run.wrong.pop(item.id, None)
        return mark(item, self.digests[item.id], outcome, feedback, answer, run.shares.get(item.id, 0.0))

    def _judged(
        self, submission: Submission, item: GradedItem, cell: Cell | None, expected: dict[str, Expected], run: Run
    ) -> Judged:
        if submission.trouble:
            return Outcome.UNKNOWN, ()
        if item.id in submission.missing:
            return Outcome.MISSING, ("Its answer cell could not be found.",)
        if item.in_words:
            return (Outcome.WAITING if submission.texts.get(item.id, "").strip() else Outcome.BLANK), ()
        if item.id in run.ended:
            return run.ended[item.id], (reasons.ended(item, run.ended[item.id]),)
        if item.id not in run.replies:
            return Outcome.UNKNOWN, ()
        first = self._of_reply(submission, item, cell, run.replies[item.id], expected, run)
        if item.id not in run.late:
            return first
        if first[0] is Outcome.RIGHT and item.executed:
            return first  # a later cell may use the name for something else
        late = self._of_reply(submission, item, cell, run.late[item.id], expected, run)
        if first[0] is Outcome.RIGHT and late[0] is not Outcome.RIGHT:
            return Outcome.LOOK, ("Two cells answer it, and differ. A person looks at it.",)
        if late[0] is Outcome.RIGHT:
            run.wrong.pop(item.id, None)
            return Outcome.RIGHT, (*late[1], "What another cell of the notebook binds counts here.")
        return late if first[0] in (Outcome.BLANK, Outcome.RAISED, Outcome.LOOK) else first

    @staticmethod
    def _why_not_run(submission: Submission, item: GradedItem, outcome: Outcome, run: Run) -> str:
        if outcome is not Outcome.RAISED:
            return ""
        replies = [run.failed.get(item.id, {}), run.replies.get(item.id, {}), *run.strays]
        cell = next((cell for cell in submission.cells if cell.item == item.id), None)
        return why_not_run(item, cell, submission.cells, [reply.get("error") for reply in replies])

    def _of_reply(
        self,
        submission: Submission,
        item: GradedItem,
        cell: Cell | None,
        reply: dict,
        expected: dict[str, Expected],
        run: Run,
    ) -> Judged:
        """What one reply to the question for an item says."""
        own = run.failed.get(item.id)
        source = cell.source if cell else ""
        if "value" not in reply:
            if isinstance(item, LETTERED) and (letters := bare_letters(item, source)):
                return self._valued(item, letters, expected, submission.student, run)
            written_in = item.id in submission.changed and not is_stub(item, source)
            return reasons.without_value(item, reply, own, run.strays, written_in, run.public_of(item.id))
        try:
            value = decode(reply["value"])
        except NoValue:
            return Outcome.CRASHED, (f"{reasons.named(item)} gave something that is no value.",)
        found = self._valued(item, value, expected, submission.student, run)
        if _is_large(reply["value"]):  # it is kept until the batch is done
            run.wrong.pop(item.id, None)
        if found[0] is Outcome.WRONG and own and ("error" in own or own.get("timeout") is True):
            return reasons.wrong_after_error(own, run.public_of(item.id))
        if found[0] is Outcome.WRONG and "error" in reply:
            return Outcome.RAISED, (reasons.stopped(item, run.public_of(item.id)),)
        return found

    def _valued(self, item: GradedItem, value: Any, expected: dict[str, Expected], student: str, run: Run) -> Judged:
        found = verdict(item, value, self.assignment.for_student(student), expected.get(item.id))
        run.shares[item.id] = found.share
        if found.outcome in (Outcome.WRONG, Outcome.LOOK) and item.id in self.compared:  # near a known mistake as well
            run.wrong[item.id] = value
        return found.outcome, found.feedback

    async def _with_known_mistakes(self, results: Sequence[Result], runs: Sequence[Run]) -> list[Result]:
        """Give who made a known mistake its author's feedback in place of the general one."""
        told = [{mark.item: mark for mark in result.marks} for result in results]
        for item in self.quiz.compared:
            for mistake in item.mistakes:
                if not (wrong := [n for n, run in enumerate(runs) if item.id in run.wrong]):
                    break
                students = list(dict.fromkeys(results[n].student for n in wrong))
                found = await self.expected_results.mistaken(item, mistake.code, students)
                for n in wrong:
                    student = results[n].student
                    if student in found and agrees(item, found[student], runs[n].wrong[item.id]):
                        told[n][item.id] = _as_mistaken(told[n][item.id], mistake.feedback)
                        del runs[n].wrong[item.id]
        return [
            replace(result, marks=(marks := tuple(of.values())), state=_state_after(result, marks))
            for result, of in zip(results, told, strict=True)
        ]


def _as_mistaken(known: Mark, feedback: str) -> Mark:
    """The mark of a known mistake; what only seemed near to being right is wrong."""
    if known.outcome is Outcome.LOOK:
        return replace(known, outcome=Outcome.WRONG, points=0.0, feedback=(feedback,))
    return replace(known, feedback=(feedback,))


def _state_after(result: Result, marks: tuple[Mark, ...]) -> State:
    """A submission's state, which a known mistake may have changed."""
    return result.state if result.state is State.UNREADABLE else state_of(marks)


def _is_large(value: Any) -> bool:
    """Whether a value as it was sent is too large to be kept."""
    left, parts = LARGEST_MISTAKE, [value]
    while parts and left > 0:
        part = parts.pop()
        left -= len(part) if type(part) is str else PART
        if type(part) in (list, dict):
            parts += part if type(part) is list else part.values()
    return left <= 0
