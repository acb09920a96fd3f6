"""Marks submissions a batch at a time: their code runs in workers, what came back is judged here."""

import asyncio
import builtins
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from course_utils.grading.bank.items import (
    FreeText,
    GradedCode,
    GradedItem,
    GradedModel,
    GradedQuiz,
    VariedNumber,
    answer_name,
    digest,
)
from course_utils.grading.bank.variants import seed, varied
from course_utils.grading.marking.expected import Expected, Oracle
from course_utils.grading.marking.scoring import agrees, judged, mark, network_judged, state_of, written
from course_utils.grading.records import Cell, Mark, Outcome, Result, Submission
from course_utils.grading.release.handout import whose
from course_utils.grading.sandbox.crew import Crew
from course_utils.grading.sandbox.values import NoValue, decode

LARGEST_MISTAKE = 1_000_000  # characters of a wrong result that is held against the known mistakes
LIMIT = 10.0  # seconds for a cell that answers no item with a limit of its own
MOST_RERUNS = 8  # times that a submission is begun again without the cell that ended its process
AT_LEAST = 60.0  # seconds that a submission may take, beyond twice its items' limits: for its cells, with all reruns


@dataclass
class _Run:
    """What is known of a submission's code so far, by item, and the cells that must not run again."""

    replies: dict[str, dict] = field(default_factory=dict)
    failed: dict[str, dict] = field(default_factory=dict)  # what the item's own cell replied, when it didn't end well
    ended: dict[str, Outcome] = field(default_factory=dict)
    barred: set[int] = field(default_factory=set)
    wrong: dict[str, Any] = field(default_factory=dict)  # item → what its code gave instead
    why: str = ""


class Marker:
    """Marks the submissions of one assignment.

    personal: whether each student got a notebook of their own, with letters and numbers of their own
    environment: digest of what the code runs with, for the results; home: where the author's code runs, if not in crew
    """

    def __init__(
        self,
        quiz: GradedQuiz,
        crew: Crew,
        course_key: bytes,
        personal: bool,
        environment: str = "",
        home: Crew | None = None,
    ):
        self.quiz, self.crew, self.course_key, self.personal = quiz, crew, course_key, personal
        self.environment = environment
        self.oracle = Oracle(quiz, home or crew, course_key)
        self.digests = {item.id: digest(item, quiz.setup) for item in quiz.items}

    async def mark(
        self, submissions: Sequence[Submission], known: Mapping[tuple[str, str], Mapping[str, Mark]] | None = None
    ) -> list[Result]:
        """The results, in order; what `known` holds of an item as it is now is taken from there."""
        known = known or {}
        olds = [known.get((one.student, one.digest), {}) for one in submissions]
        wanted = [[item for item in self.quiz.items if self.digests[item.id] not in old] for old in olds]
        expected = await self._expected(submissions, wanted)
        runs = [_Run() for _ in submissions]
        results = await asyncio.gather(
            *(self._one(*each) for each in zip(submissions, wanted, olds, expected, runs, strict=True))
        )
        return await self._with_known_mistakes(results, runs)

    async def _expected(
        self, submissions: Sequence[Submission], wanted: Sequence[Sequence[GradedItem]]
    ) -> list[dict[str, Expected]]:
        found: list[dict[str, Expected]] = [{} for _ in submissions]
        for item in self.quiz.items:
            if not isinstance(item, (GradedCode, GradedModel)):
                continue
            asked = [n for n, one in enumerate(submissions) if not one.trouble and item in wanted[n]]
            if asked:
                students = list(dict.fromkeys(submissions[n].student for n in asked))
                of_each = await self.oracle.of(item, students)
                for n in asked:
                    found[n][item.id] = of_each[submissions[n].student]
        return found

    async def _one(
        self,
        submission: Submission,
        wanted: Sequence[GradedItem],
        old: Mapping[str, Mark],
        expected: dict[str, Expected],
        run: _Run,
    ) -> Result:
        began = time.monotonic()
        if not submission.trouble:
            await self._run(submission, [item for item in wanted if not isinstance(item, FreeText)], expected, run)
        marks = [
            self._marked(submission, item, expected, run) if item in wanted else old[self.digests[item.id]]
            for item in self.quiz.items
        ]
        run.replies.clear()  # they may be large, and a batch is kept until its last one is done
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
            tier=self.crew.tier.name,
            environment=self.environment,
        )

    async def _run(
        self, submission: Submission, wanted: Sequence[GradedItem], expected: dict[str, Expected], run: _Run
    ) -> None:
        """Run the cells in order and ask for each item after its own; begin again without what ends the process."""
        asked = {item.id: item for item in wanted if item.id not in submission.missing}
        left = AT_LEAST + 2 * sum(getattr(item, "limit", 0.0) for item in asked.values())
        outcome = Outcome.TIMEOUT
        for _ in range(MOST_RERUNS):
            known = run.ended.keys() | run.replies.keys()
            still = {name: item for name, item in asked.items() if name not in known}
            if not still:
                return
            steps, means = self._steps(submission.cells, still, expected, run.barred)
            dice = seed(self.course_key, submission.student, "worker") % 2**62
            came = await self.crew.do(steps, dice, LIMIT, left)
            ours = [*came.replies, {"end": came.end}][: means.count((None, None))]
            if any("done" not in reply for reply in ours) and came.end != "infrastructure":
                run.why = "the quiz's own setup failed"  # nothing of the student's had run
                return
            for reply, (cell, item) in zip(came.replies, means, strict=False):
                if item and cell is None:
                    run.replies[item] = reply
                elif item and "done" not in reply:
                    run.failed.setdefault(item, reply)
            if came.end == "done":
                return
            if came.end == "infrastructure":
                run.why = came.why
                return
            cell, item = means[len(came.replies)]
            outcome = Outcome.TIMEOUT if came.end == "timeout" else Outcome.CRASHED
            if cell is not None:
                run.barred.add(cell)
            if item:
                run.ended[item] = outcome
            if (left := left - came.seconds) <= 0:
                break
        for name in asked:
            if name not in run.replies:
                run.ended.setdefault(name, outcome)

    def _steps(
        self, cells: Sequence[Cell], asked: Mapping[str, GradedItem], expected: dict[str, Expected], barred: set[int]
    ) -> tuple[list[dict], list[tuple[int | None, str | None]]]:
        """The job, and what each step is: (cell, item) for one that runs, (None, item) for one that asks."""
        steps: list[dict] = []
        means: list[tuple[int | None, str | None]] = []
        begin = [self.quiz.setup, *(item.stand_in for item in asked.values() if hasattr(item, "stand_in"))]
        for source in filter(None, begin):
            steps.append({"do": "run", "source": source})
            means.append((None, None))
        last = max((n for n, cell in enumerate(cells) if cell.item in asked), default=-1)
        for number, cell in enumerate(cells[: last + 1]):
            if number not in barred:
                limit = getattr(asked.get(cell.item or ""), "limit", LIMIT)
                steps.append({"do": "run", "source": cell.source, "cell": number + 1, "seconds": limit})
                means.append((number, cell.item if cell.item in asked else None))
            if cell.item is not None and cell.item in asked:
                steps.append(self._question(asked[cell.item], expected))
                means.append((None, cell.item))
        return steps, means

    def _question(self, item: GradedItem, expected: dict[str, Expected]) -> dict:
        name = answer_name(item)
        if isinstance(item, GradedModel):
            return {"do": "scores", "name": name, "inputs": expected[item.id].inputs, "seconds": item.limit}
        if isinstance(item, GradedCode) and item.inputs:
            return {"do": "call", "name": name, "inputs": expected[item.id].inputs, "seconds": item.limit}
        return {"do": "read", "name": name, "seconds": LIMIT}

    def _marked(self, submission: Submission, item: GradedItem, expected: dict[str, Expected], run: _Run) -> Mark:
        cell = next((cell for cell in submission.cells if cell.item == item.id), None)
        answer = written(item, cell.source) if cell else submission.texts.get(item.id, "")
        outcome, feedback = self._judged(submission, item, expected, run)
        return mark(item, self.digests[item.id], outcome, feedback, answer)

    def _judged(
        self, submission: Submission, item: GradedItem, expected: dict[str, Expected], run: _Run
    ) -> tuple[Outcome, tuple[str, ...]]:
        if submission.trouble:
            return Outcome.UNKNOWN, ()
        if item.id in submission.missing:
            return Outcome.MISSING, ("Its answer cell could not be found.",)
        if isinstance(item, FreeText):
            return (Outcome.WAITING if submission.texts.get(item.id, "").strip() else Outcome.BLANK), ()
        if item.id in run.ended:
            return run.ended[item.id], (_ENDED[run.ended[item.id]].format(name=answer_name(item)),)
        if item.id not in run.replies:
            return Outcome.UNKNOWN, ()
        reply = run.replies[item.id]
        if "value" not in reply:
            return _valueless(answer_name(item), reply, run.failed.get(item.id, reply))
        try:
            value = decode(reply["value"])
        except NoValue:
            return Outcome.CRASHED, (f"{answer_name(item)} gave something that is no value.",)
        judged_so = self._valued(item, value, expected, submission.student, run)
        if len(str(reply["value"])) > LARGEST_MISTAKE:  # it is kept until the batch is done
            run.wrong.pop(item.id, None)
        return judged_so

    def _valued(
        self, item: GradedItem, value: Any, expected: dict[str, Expected], student: str, run: _Run
    ) -> tuple[Outcome, tuple[str, ...]]:
        if isinstance(item, GradedModel):
            return network_judged(item, value, expected[item.id].values)
        if isinstance(item, GradedCode):
            if agrees(item, expected[item.id].values, value):
                return Outcome.RIGHT, ()
            run.wrong[item.id] = value
            return Outcome.WRONG, (f"{item.name} gives other results than it should.",)
        if isinstance(item, VariedNumber):
            item = varied(item, self.course_key, student)
        assert not isinstance(item, FreeText), "a person marks sentences"
        return judged(item, value, whose(self.quiz, self.course_key, student if self.personal else None))

    async def _with_known_mistakes(self, results: Sequence[Result], runs: Sequence[_Run]) -> list[Result]:
        """Give who made a known mistake its author's feedback in place of the general one."""
        told = [{mark.item: mark for mark in result.marks} for result in results]
        for item in self.quiz.items:
            if not isinstance(item, GradedCode):
                continue
            for mistake in item.mistakes:
                if not (wrong := [n for n, run in enumerate(runs) if item.id in run.wrong]):
                    break
                students = list(dict.fromkeys(results[n].student for n in wrong))
                found = await self.oracle.mistaken(item, mistake.code, students)
                for n in wrong:
                    student = results[n].student
                    if student in found and agrees(item, found[student], runs[n].wrong[item.id]):
                        told[n][item.id] = replace(told[n][item.id], feedback=(mistake.feedback,))
                        del runs[n].wrong[item.id]
        return [replace(result, marks=tuple(of.values())) for result, of in zip(results, told, strict=True)]


def _valueless(name: str, reply: dict, cell: dict) -> tuple[Outcome, tuple[str, ...]]:
    """The outcome of an item that gave no value: what its cell replied comes before what it was asked for."""
    if reply.get("timeout") is True or cell.get("timeout") is True:
        return Outcome.TIMEOUT, (_ENDED[Outcome.TIMEOUT].format(name=name),)
    if "error" in cell and cell.get("blank") is not True:
        return Outcome.RAISED, (f"{name} stopped with {_error(cell['error'])}.",)
    if reply.get("blank") is True or cell.get("blank") is True:
        return Outcome.BLANK, ()
    return Outcome.RAISED, (f"{name} stopped with {_error(reply.get('error'))}.",)


def _error(said: Any) -> str:
    """The kind of an error that a worker reports, when it is one of Python's own: its text could tell hidden inputs."""
    name = said.partition(":")[0] if type(said) is str else ""
    known = isinstance(kind := getattr(builtins, name, None), type) and issubclass(kind, BaseException)
    return f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}" if known else "an error"


_ENDED = {
    Outcome.TIMEOUT: "{name} was stopped at its time limit: does a loop never end?",
    Outcome.CRASHED: "The process ended while it ran {name}.",
}
