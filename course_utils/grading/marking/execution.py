"""Runs one submission's cells in the sandbox and asks for each item; what ends the process is left out.

What came back is kept as it came: it is judged elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

from course_utils.grading.bank.items import GradedCode, GradedItem, GradedModel, GradedQuiz, answer_name
from course_utils.grading.marking.expected import Expected
from course_utils.grading.records import Cell, Outcome, Submission
from course_utils.grading.sandbox.worker_pool import Replies, WorkerPool

LIMIT = 10.0  # seconds for a cell that answers no item with a limit of its own
IMPORTS = 40.0  # seconds that the imports of all cells may take, beside the cells' own limits
LATE = -2  # the same: the question for an item at the end
MOST_ANSWER = 100_000  # bytes of a reply that holds letters, a number or a few words
MOST_RERUNS = 8  # times that a submission is begun again without the cell that ended its process
AT_LEAST = 60.0  # seconds that a submission may take, beyond twice its items' limits: for its cells, with all reruns
AT_WORK = 0.7  # of its time a cell should have had a processor: else it waited for others, and is tried alone
AHEAD = -1  # stands for a cell's number: the imports


@dataclass
class Run:
    """What is known of a submission's code so far, by item, and the cells that must not run again.

    replies: after the item's own cell, and `late` at the end of the notebook
    failed: what the item's own cell replied, when it didn't end well; strays: the same of cells of the student's own
    public: item → the error of its cell or examples in a run that was given no hidden input, "" → that of other cells
    """

    replies: dict[str, dict] = field(default_factory=dict)
    late: dict[str, dict] = field(default_factory=dict)
    failed: dict[str, dict] = field(default_factory=dict)
    strays: list[dict] = field(default_factory=list)
    ended: dict[str, Outcome] = field(default_factory=dict)
    barred: set[int] = field(default_factory=set)
    wrong: dict[str, Any] = field(default_factory=dict)  # item → what its code gave instead
    shares: dict[str, float] = field(default_factory=dict)  # item → the part of its points that a wrong one earns
    public: dict[str, str] = field(default_factory=dict)
    tried_alone: bool = False
    why: str = ""

    def public_of(self, item: str) -> list[str]:
        """What may be told of errors: the item's own, "" where there is none, then those of other cells."""
        return [self.public.get(item, ""), *self.public.values()]


class Runner:
    """Runs submissions of one quiz in a worker pool."""

    def __init__(self, quiz: GradedQuiz, pool: WorkerPool):
        self.quiz, self.pool = quiz, pool
        self.own_limit = max(LIMIT, *(getattr(item, "limit", LIMIT) for item in quiz.items))

    async def run(
        self,
        submission: Submission,
        wanted: Sequence[GradedItem],
        expected: Mapping[str, Expected],
        run: Run,
        seed: int,
    ) -> None:
        """Run the cells in order and ask for each item after its own; begin again without what ends the process."""
        asked = {item.id: item for item in wanted if item.id not in submission.missing}
        left = AT_LEAST + 2 * sum(getattr(item, "limit", 0.0) for item in asked.values())
        outcome = Outcome.TIMEOUT
        for _ in range(MOST_RERUNS):
            known = run.ended.keys() | {
                name for name in run.replies if name in run.late or name not in submission.elsewhere
            }
            still = {name: item for name, item in asked.items() if name not in known}
            if not still:
                return
            steps, means = self._steps(submission, still, expected, run.barred)
            came = await self.pool.do(steps, seed, LIMIT, left)
            if not self._is_sound(came, means) and came.end != "infrastructure":
                run.why = "the quiz's own setup failed"  # nothing of the student's had run
                return
            if not run.tried_alone and _was_held_up(came):
                run.tried_alone = True
                came = await self.pool.do(steps, seed, LIMIT, left, alone=True)
            self._note(came, means, run)
            if came.end == "done":
                return
            if came.end == "infrastructure":
                run.why = came.why
                return
            cell, item = means[len(came.replies)]
            outcome = Outcome.TIMEOUT if came.end == "timeout" else Outcome.CRASHED
            if cell == LATE and item:
                run.late[item] = run.replies.get(item, {})
            elif cell is not None:
                run.barred.add(cell)
            if item and item not in run.replies:
                run.ended[item] = outcome
            if (left := left - came.seconds) <= 0:
                break
        for name in asked:
            if name not in run.replies:
                run.ended.setdefault(name, outcome)

    async def run_in_public(self, submission: Submission, wanted: Sequence[GradedItem], run: Run, seed: int) -> None:
        """Run the cells and the examples again without hidden inputs, for what may be told of an error."""
        told = [*run.replies.items(), *run.late.items(), *run.failed.items()]
        stopped = {name for name, reply in told if "error" in reply and not {"blank", "unbound"} & reply.keys()}
        items = {item.id: item for item in wanted if item.id in stopped}
        if not items:
            return
        steps: list[dict] = [{"do": "run", "source": source} for source in self._begin(items)]
        means = ["" for _ in steps]
        for number, cell in enumerate(submission.cells):
            if number not in run.barred and cell.source:
                steps.append(self._cell_step(number, cell, items))
                means.append(cell.item or "")
                for example in getattr(items.get(cell.item or ""), "examples", ()):
                    steps.append({"do": "run", "source": example, "seconds": LIMIT})
                    means.append(cell.item or "")
        came = await self.pool.do(steps, seed, LIMIT, AT_LEAST)
        for reply, item in zip(came.replies, means, strict=False):
            error = reply.get("error")
            if type(error) is str and not error.startswith("AssertionError"):
                run.public.setdefault(item, error)

    @staticmethod
    def _is_sound(came: Replies, means: Sequence[tuple[int | None, str | None]]) -> bool:
        """Whether the author's own code, which comes first, ended well."""
        ours = [*came.replies, {"end": came.end}][: means.count((None, None))]
        return all("done" in reply for reply in ours)

    @staticmethod
    def _note(came: Replies, means: Sequence[tuple[int | None, str | None]], run: Run) -> None:
        for reply, (cell, item) in zip(came.replies, means, strict=False):
            if item and cell is None:
                run.replies[item] = reply
            elif item and cell == LATE:
                run.late[item] = reply
            elif item and "done" not in reply:
                run.failed.setdefault(item, reply)
            elif cell is not None and "done" not in reply:
                run.strays.append(reply)

    def _steps(
        self,
        submission: Submission,
        asked: Mapping[str, GradedItem],
        expected: Mapping[str, Expected],
        barred: set[int],
    ) -> tuple[list[dict], list[tuple[int | None, str | None]]]:
        """The job, and what each step is: (cell, item) for one that runs, (None, item) for one that asks."""
        steps: list[dict] = []
        means: list[tuple[int | None, str | None]] = []
        for source in self._begin(asked):
            steps.append({"do": "run", "source": source})
            means.append((None, None))
        late = [name for name in asked if name in submission.elsewhere]
        last = max((n for n, cell in enumerate(submission.cells) if late or cell.item in asked), default=-1)
        cells = submission.cells[: last + 1]
        if AHEAD not in barred and (sources := [cell.source for cell in cells if "import" in cell.source]):
            steps.append({"do": "import", "sources": sources, "seconds": IMPORTS})
            means.append((AHEAD, None))
        for number, cell in enumerate(cells):
            if number not in barred and cell.source:
                steps.append(self._cell_step(number, cell, asked))
                means.append((number, cell.item if cell.item in asked else None))
            if cell.item is not None and cell.item in asked:
                steps.append(_question(asked[cell.item], expected))
                means.append((None, cell.item))
        for name in late:
            steps.append(_question(asked[name], expected))
            means.append((LATE, name))
        return steps, means

    def _begin(self, asked: Mapping[str, GradedItem]) -> list[str]:
        """The author's code that comes first."""
        begin = [self.quiz.setup, *(item.stand_in for item in asked.values() if hasattr(item, "stand_in"))]
        return [source for source in begin if source]

    def _cell_step(self, number: int, cell: Cell, asked: Mapping[str, GradedItem]) -> dict:
        limit = getattr(asked.get(cell.item or ""), "limit", self.own_limit)
        return {"do": "run", "source": cell.source, "cell": number + 1, "seconds": limit}


@singledispatch
def _question(item: GradedItem, expected: Mapping[str, Expected]) -> dict:
    """The step that asks for what an item's answer is: of most kinds, letters, a number or a few words."""
    return {"do": "read", "name": answer_name(item), "seconds": LIMIT, "most": MOST_ANSWER}


@_question.register
def _(item: GradedCode, expected: Mapping[str, Expected]) -> dict:
    asked = {"name": item.name, "seconds": item.limit}
    if not item.inputs:
        return asked | {"do": "read"}
    return asked | {"do": "call", "inputs": expected[item.id].inputs, "raises": bool(item.raises)}


@_question.register
def _(item: GradedModel, expected: Mapping[str, Expected]) -> dict:
    return {"do": "scores", "name": item.name, "inputs": expected[item.id].inputs, "seconds": item.limit}


def _was_held_up(came: Replies) -> bool:
    """Whether something failed that may go well on a machine with nothing else to do."""
    if came.end == "crashed" or (came.end == "timeout" and came.busy < AT_WORK * came.seconds):
        return True
    late = [reply for reply in came.replies if reply.get("timeout") is True]
    return any(type(busy := reply.get("busy")) is float and busy < AT_WORK for reply in late)
