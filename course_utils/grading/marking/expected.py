"""What the answers should be: the author's references, run in the sandbox on inputs drawn for each student."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import Executed, GradedCode, GradedModel
from course_utils.grading.sandbox.values import NoValue, decode
from course_utils.grading.sandbox.worker_pool import Replies, WorkerPool

# Or a network could tell the classes by the rows' places: an author may list one class after the other.
_SHUFFLE = """import numpy
order = numpy.random.default_rng({seed}).permutation(len(truth))
inputs, truth = inputs[order], numpy.asarray(truth)[order]"""
TOGETHER = 100  # students for whom one worker computes


@dataclass(frozen=True)
class Expected:
    """What one item should give.

    inputs: as they are sent to the student's worker; None for a value that is no function
    values: what they give, or the truth that a network's scores are held against
    """

    inputs: Any
    values: Any = field(compare=False)


class ExpectedResults:
    """Computes and keeps what is expected of a quiz's code and model items; the keys stay in this process."""

    def __init__(self, assignment: Assignment, pool: WorkerPool):
        self.assignment, self.quiz, self.pool = assignment, assignment.quiz, pool
        self.shared: dict[str, Expected] = {}  # of items that are the same for everybody

    def _begin(self, item: Executed) -> list[dict]:
        return [{"do": "run", "source": source} for source in (self.quiz.setup, item.stand_in) if source]

    def _seed(self, item: Executed, student: str) -> int:
        return self.assignment.for_student(student).seed(item.id)

    def _draw(self, item: Executed, student: str) -> dict:
        return {"do": "run", "source": f"import numpy\nrng = numpy.random.default_rng({self._seed(item, student)})"}

    async def of(self, item: Executed, students: Sequence[str]) -> dict[str, Expected]:
        """What is expected of each student. CourseError when the author's own code fails."""
        if isinstance(item, GradedModel) or item.inputs is None:
            if item.id not in self.shared:
                self.shared[item.id] = await (
                    self._held_out(item) if isinstance(item, GradedModel) else self._value(item, item.reference or "")
                )
            return dict.fromkeys(students, self.shared[item.id])
        parts = [students[start : start + TOGETHER] for start in range(0, len(students), TOGETHER)]
        found = await asyncio.gather(*(self._results(item, part) for part in parts))
        return {student: expected for part in found for student, expected in part.items()}

    async def mistaken(self, item: GradedCode, code: str, students: Sequence[str]) -> dict[str, Any]:
        """What a known mistake's code gives on each student's inputs; nothing for those on whose it fails."""
        if item.inputs is None:
            try:
                return dict.fromkeys(students, (await self._value(item, code)).values)
            except CourseError:
                return {}
        steps = self._begin(item)
        asked = []
        for student in students:
            steps += [self._draw(item, student), {"do": "run", "source": f"inputs = list(\n{item.inputs}\n)"}]
            steps += [{"do": "run", "source": code}, _asked(item)]
            asked.append(len(steps) - 1)
        replies = (await self._do(item, steps)).replies
        found = [replies[place] if place < len(replies) else {} for place in asked]
        given: dict[str, Any] = {}
        for student, reply in zip(students, found, strict=True):
            with suppress(NoValue):
                given |= {student: decode(reply["value"])} if "value" in reply else {}
        return given

    async def _results(self, item: GradedCode, students: Sequence[str]) -> dict[str, Expected]:
        steps = self._begin(item)
        steps.append({"do": "run", "source": item.reference})
        begun = len(steps)
        for student in students:
            steps += [self._draw(item, student), {"do": "run", "source": f"inputs = list(\n{item.inputs}\n)"}]
            steps += [{"do": "read", "name": "inputs", "functions": True}, _asked(item)]
        replies = self._values(item, await self._do(item, steps))
        self._check_inputs(item, [replies[begun + 4 * n + 2]["value"] for n in range(len(students))])
        return {
            student: Expected(replies[begun + 4 * n + 2]["value"], decode(replies[begun + 4 * n + 3]["value"]))
            for n, student in enumerate(students)
        }

    def _check_inputs(self, item: GradedCode, inputs: list[Any]) -> None:
        if not all(decode(one) for one in inputs):
            raise CourseError(
                f"{self.quiz.lesson}, item {item.id}: its inputs are an empty list, for which every answer is right: "
                "give one tuple of arguments at least.",
                code="grading.no-inputs",
            )
        if item.weights and any(len(decode(one)) != len(item.weights) for one in inputs):
            raise CourseError(
                f"{self.quiz.lesson}, item {item.id}: it has {len(item.weights)} weights and another number of inputs: "
                "give one weight for each input.",
                code="grading.weights",
            )

    async def _value(self, item: GradedCode, code: str) -> Expected:
        steps = [*self._begin(item), {"do": "run", "source": code}, {"do": "read", "name": item.name}]
        return Expected(None, decode(self._values(item, await self._do(item, steps))[-1]["value"]))

    async def _held_out(self, item: GradedModel) -> Expected:
        steps = [*self._begin(item), self._draw(item, ""), {"do": "run", "source": item.held_out}]
        steps.append({"do": "run", "source": _SHUFFLE.format(seed=self._seed(item, "order"))})
        steps += [{"do": "read", "name": "inputs"}, {"do": "read", "name": "truth"}]
        replies = self._values(item, await self._do(item, steps))
        if getattr(truth := decode(replies[-1]["value"]), "ndim", 0) != 1 or not len(truth):
            raise CourseError(
                f"{self.quiz.lesson}, item {item.id}: its `truth` should hold a class number for each held-out input.",
                code="grading.truth",
            )
        return Expected(replies[-2]["value"], truth)

    async def _do(self, item: Executed, steps: list[dict]) -> Replies:
        return await self.pool.do(steps, seed=1 + self._seed(item, "") % 2**31, seconds=item.limit)

    def _values(self, item: Executed, came: Replies) -> list[dict]:
        """The replies, when every step went well."""
        raises = item.raises
        wrong = next(
            (
                reply
                for reply in came.replies
                if not {"value", "done"} & set(reply) or (_kind(reply) and _kind(reply) not in (raises or ()))
            ),
            None,
        )
        if wrong is None and came.end == "done":
            return came.replies
        told = (wrong or {}).get("error") or (_without_error(wrong) if wrong else came.why or came.end)
        raise CourseError(
            f"{self.quiz.lesson}, item {item.id}: the author's own code failed ({told}): fix it first.",
            code="grading.author-code",
        )


def _without_error(reply: dict) -> str:
    return "it gives nothing" if reply.get("blank") is True else "it took too long"


def _kind(reply: dict) -> str:
    """Of the first error that a call ended with, beside other results."""
    return str(reply.get("error", "")).partition(":")[0]


def _asked(item: GradedCode) -> dict:
    return {"do": "call", "name": item.name, "with": "inputs", "raises": bool(item.raises)}
