"""A whole run of grading as the command does it: intake, sandbox, self-test, marks kept, progress shown."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedQuiz
from course_utils.grading.gradebook.store import Store
from course_utils.grading.gradebook.timing import Deadlines
from course_utils.grading.intake.arrivals import read_times
from course_utils.grading.intake.submissions import submissions
from course_utils.grading.marking.batches import Grading, Summary, imports_of
from course_utils.grading.records import Submission
from course_utils.grading.release.handout import handed_out
from course_utils.grading.release.manifest import roster_of
from course_utils.grading.sandbox.exposure import with_entries
from course_utils.grading.sandbox.shell import Tier
from course_utils.grading.sandbox.worker_pool import WorkerPool


async def grade_submissions(
    path: Path,
    quizzes: list[GradedQuiz],
    store: Path,
    released: Path,
    keys: dict[str, bytes],
    workers: int,
    scheduler: str | None = None,
    form: str | None = None,
    memory: int = 1 << 30,
    unsafe_local: bool = False,
    again: bool = False,
    secrets: Sequence[Path] = (),
    times: Path | None = None,
) -> tuple[Summary, Tier | None]:
    """Grade a folder or zip, with a progress bar; tell how it went, and how far code was shut in, if any was.

    secrets: what students' code must not see beside that, the store and the release: bank and keys
    times: a platform's list of when each student handed in
    """
    rosters = {quiz.lesson: roster_of(quiz, released, keys[quiz.lesson]) for quiz in quizzes}
    assignments = {
        quiz.lesson: Assignment(quiz, keys[quiz.lesson], personal=rosters[quiz.lesson] is not None) for quiz in quizzes
    }

    @cache
    def everybodys(lesson: str) -> dict[str, str]:
        return handed_out(assignments[lesson].for_student(None))

    def as_handed_out(quiz: GradedQuiz, student: str) -> dict[str, str]:
        assignment = assignments[quiz.lesson]
        return handed_out(assignment.for_student(student)) if assignment.personal else everybodys(quiz.lesson)

    if times and len(quizzes) > 1:
        raise CourseError(
            f"{times} covers one assignment, but several are being graded: name one, as in `grade {path} 04`.",
            code="grading.times-of-which",
        )
    hidden = [path, store, released, *with_entries(secrets)]
    pool = WorkerPool(workers, imports_of(quizzes), unsafe_local=unsafe_local, memory=memory, secrets=hidden)
    listed, deadlines = read_times(times) if times else None, _deadlines_of(store)
    found = submissions(path, quizzes, as_handed_out, form, times=listed, on_time=deadlines.is_on_time)
    with Store(store) as kept, tqdm(unit=" submissions", disable=None) as bar:

        def told(summary: Summary) -> None:
            bar.total = max(bar.total or 0, found.total)
            bar.update(summary.passed_over + summary.states.total() - bar.n)

        async with AsyncExitStack() as stack:
            abroad = None
            if scheduler:
                from course_utils.grading.sandbox.cluster import Cluster

                abroad = Cluster(scheduler, pool)
            # A Cluster does jobs as a WorkerPool does.
            grading = Grading(assignments.values(), abroad or pool, kept, pool, again)  # type: ignore[arg-type]
            undone = grading.undone(_of_the_roster(one, rosters.get(one.assignment)) for one in found)
            if (first := next(undone, None)) is None:  # nothing to do: no sandbox is needed
                return grading.summary, None
            await stack.enter_async_context(pool)
            if abroad:
                await stack.enter_async_context(abroad)
            await grading.prove()
            summary = await grading.grade(chain([first], undone), told)
        kept.backup()
        return summary, pool.tier


def _of_the_roster(one: Submission, roster: set[str] | None) -> Submission:
    """The submission, with its trouble where it is of somebody who got no notebook: their letters can't be known."""
    if one.trouble or roster is None or one.student in roster:
        return one
    said = (
        "Nobody of this id got a notebook, so that the letters and numbers they saw aren't known: is it the roster's?"
    )
    return replace(one, trouble=said)


def _deadlines_of(path: Path) -> Deadlines:
    """The deadlines that a file of marks holds; none where the file is still to be made."""
    if not Path(path).is_file():
        return Deadlines()
    with Store(path) as store:
        return store.deadlines()
