"""Grades submissions: proves the item bank, passes over what is done, and marks and keeps batch by batch."""

import ast
import asyncio
import hashlib
import json
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedModel, GradedQuiz
from course_utils.grading.gradebook.store import Store
from course_utils.grading.marking import selftest
from course_utils.grading.marking.marker import Marker
from course_utils.grading.records import Arrival, Mark, Outcome, Result, State, Submission
from course_utils.grading.sandbox.worker_pool import WorkerPool

STOPPED = (Outcome.TIMEOUT, Outcome.CRASHED)
BATCH = 100  # submissions that are marked and kept together: what a kill can cost
LARGE = 10_000_000  # characters of a batch's cells: notebooks of many megabytes are kept few at a time
TRAINED = 20  # those of a quiz with networks to train, which take longer
PACKAGES = ("numpy", "torch", "torchvision", "fastai", "pandas", "scikit-learn", "scipy", "fine-tuning-course")


@dataclass
class Summary:
    """How a run of grading stands: submissions seen, passed over since they were done, and ended in each state."""

    seen: int = 0
    passed_over: int = 0
    states: Counter[State] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Submissions a second."""
        return self.seen / max(time.monotonic() - self.began, 1e-9)


def imports_of(quizzes: Iterable[GradedQuiz]) -> list[str]:
    """The modules that the authors' code imports and that are here: they are imported once, before the first fork."""
    sources = []
    for quiz in quizzes:
        sources.append(quiz.setup)
        for item in quiz.executed:
            sources += [item.stand_in, item.reference or "", item.starter, getattr(item, "held_out", "")]
    names = {"numpy"}
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    found = sorted(name for name in names if find_spec(name))
    return [*found, "torch._dynamo"] if "torch" in found else found  # else each optimizer's first step imports it


def environment() -> str:
    """Digest of what submissions are run with: with another Python, torch or numpy they are graded again."""
    versions = [platform.python_version()]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return hashlib.sha256(json.dumps(versions).encode()).hexdigest()[:16]


class Grading:
    """A run of grading: assignments, a sandbox, a store.

    local: where the authors' own code runs, which holds the keys: the sandbox of this machine when `pool` is a cluster
    again: mark anew what timed out or crashed
    """

    def __init__(
        self,
        assignments: Iterable[Assignment],
        pool: WorkerPool,
        store: Store,
        local: WorkerPool | None = None,
        again: bool = False,
    ):
        self.again = again
        self.store, self.environment = store, environment()
        self.markers = {
            assignment.name: Marker(assignment, pool, self.environment, local) for assignment in assignments
        }
        self.pool = pool
        self.batches = {
            name: TRAINED if any(isinstance(item, GradedModel) for item in marker.quiz.items) else BATCH
            for name, marker in self.markers.items()
        }
        self.summary = Summary()
        self.known: dict[str, dict[tuple[str, str], dict[str, Mark]]] = {}
        self.current: dict[str, dict[str, str]] = {}  # assignment → student → digest of what counts now
        self.marked: dict[str, dict[str, int]] = {}  # the same → how many items that was marked for

    async def prove(self) -> None:
        """Run the self-test. CourseError with every fault: nothing is marked by a faulty bank."""
        found = []
        for name, marker in self.markers.items():
            found += [f"{name}: {fault}" for fault in await selftest.faults(marker)]
        if found:
            raise CourseError(
                "\n".join(["The item bank fails its self-test, so nothing was graded:", *found]),
                code="grading.self-test",
            )

    async def grade(
        self, submissions: Iterable[Submission], progress: Callable[[Summary], None] = lambda _: None
    ) -> Summary:
        """Mark submissions and keep their marks batch by batch: after a kill, `undone` tells what is left."""
        summary = self.summary
        under_way: set[asyncio.Task] = set()
        for name, part in self._batches(submissions):
            under_way.add(asyncio.create_task(self._mark(name, part, summary, progress)))
            if len(under_way) >= self.pool.at_once:  # several, so that no worker waits for a batch's last one
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        await asyncio.gather(*under_way)
        progress(summary)
        return summary

    def undone(self, submissions: Iterable[Submission]) -> Iterator[Submission]:
        """What isn't marked yet; the others are counted. When each came is kept, also of what was marked before."""
        came: list[tuple[str, str, str, Arrival]] = []
        for one in submissions:
            self.summary.seen += not one.superseded
            if one.digest and one.assignment in self.markers:
                came.append((one.assignment, one.student, one.digest, one.arrival))
            if len(came) >= BATCH:
                self.store.note_arrivals(came)
                came = []
            if self._is_done(one):
                self.summary.passed_over += not one.superseded
            else:
                yield one
        if came:
            self.store.note_arrivals(came)

    def _batches(self, submissions: Iterable[Submission]) -> Iterator[tuple[str, list[Submission]]]:
        """(assignment, submissions) of what is to be marked, in the order in which they come."""
        gathered: dict[str, list[Submission]] = {}
        sizes: Counter[str] = Counter()
        for one in submissions:
            part = gathered.setdefault(one.assignment, [])
            part.append(one)
            sizes[one.assignment] += sum(len(cell.source) for cell in one.cells)
            if len(part) == self.batches.get(one.assignment, BATCH) or sizes[one.assignment] > LARGE:
                del sizes[one.assignment]
                yield one.assignment, gathered.pop(one.assignment)
        yield from gathered.items()

    def _is_done(self, one: Submission) -> bool:
        if one.assignment not in self.markers:
            return False
        known = self._known(one.assignment).get((one.student, one.digest), {})
        if one.trouble:
            return one.superseded or self.current[one.assignment].get(one.student) == one.digest
        items = set(self.markers[one.assignment].digests.values())
        if one.superseded or not items <= known.keys():
            return items <= known.keys()
        # an item that was taken out of the bank is taken out of the totals
        counts = self.current[one.assignment].get(one.student) == one.digest
        return counts and self.marked[one.assignment].get(one.student) == len(items)

    def _known(self, assignment: str) -> dict[tuple[str, str], dict[str, Mark]]:
        if assignment not in self.known:
            known = self.store.known(assignment, self.environment)
            if self.again:
                known = {
                    who: {one: mark for one, mark in marks.items() if mark.outcome not in STOPPED}
                    for who, marks in known.items()
                }
            self.known[assignment] = known
            self.current[assignment] = self.store.current(assignment)
            self.marked[assignment] = self.store.marked(assignment)
        return self.known[assignment]

    async def _mark(
        self, name: str, part: list[Submission], summary: Summary, progress: Callable[[Summary], None]
    ) -> None:
        if name in self.markers:
            results = await self.markers[name].mark(part, self._known(name))
        else:
            results = [_unreadable(one, self.environment) for one in part]
        self.store.save(results)
        summary.states.update(result.state for result in results if not result.superseded)
        progress(summary)


def _unreadable(one: Submission, environment: str) -> Result:
    """The result of what answers no assignment that is graded here."""
    remarks = (*one.remarks, one.trouble or "It answers none of the assignments that are graded.")
    return Result(
        one.student, one.assignment, one.digest, one.source, State.UNREADABLE, (), remarks, environment=environment
    )
