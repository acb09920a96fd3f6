"""`course quiz selftest` and `grade`: prove an item bank, and mark what was handed in."""

from pathlib import Path
from typing import Annotated

import typer

from course_utils.cli.stopping import one_line
from course_utils.errors import CourseError

Numbers = Annotated[list[str] | None, typer.Argument(help="Assignments by number, e.g. 04; all when left out.")]
BankFolder = Annotated[
    Path | None, typer.Option("--bank", help="The folder of the graded items.", envvar="COURSE_ITEM_BANK")
]
CourseKey = Annotated[Path | None, typer.Option(help="The course's key.", envvar="COURSE_KEY")]
PrivateKey = Annotated[Path | None, typer.Option("--key", help="The private key that opens a locked item bank.")]
Workers = Annotated[
    int | None, typer.Option(help="How many submissions run at a time; one per core when left out.", min=1)
]
Unsafe = Annotated[
    bool,
    typer.Option("--unsafe-local", help="Run code without a sandbox: it may read your files."),
]


def selftest(
    numbers: Numbers = None,
    bank: BankFolder = None,
    course_key: CourseKey = None,
    key: PrivateKey = None,
    workers: Workers = None,
    unsafe_local: Unsafe = False,
) -> None:
    """Prove the graded items: references get all points, blanks none, known mistakes their feedback."""
    import asyncio

    from course_utils.grading.bank.assignments import Assignment
    from course_utils.grading.bank.reading import open_bank
    from course_utils.grading.bank.variants import read_course_key
    from course_utils.grading.marking import selftest as proof
    from course_utils.grading.marking.batches import imports_of
    from course_utils.grading.marking.marker import Marker
    from course_utils.grading.sandbox.exposure import with_entries
    from course_utils.grading.sandbox.worker_pool import WorkerPool

    quizzes = open_bank(_named(bank), numbers, key)

    hidden = with_entries(path for path in (bank, key, course_key) if path)

    async def proven() -> list[str]:
        found = []
        async with WorkerPool(_workers(workers), imports_of(quizzes), None, unsafe_local, secrets=hidden) as pool:
            for quiz in quizzes:
                for personal in (True, False):
                    assignment = Assignment(quiz, read_course_key(course_key, quiz), personal)
                    if assignment.personal is personal:  # where numbers vary there are no notebooks for everybody
                        faults = await proof.faults(Marker(assignment, pool))
                        found += [f"{quiz.lesson}: {fault}" for fault in faults]
        return list(dict.fromkeys(found))

    faults = asyncio.run(proven())
    for fault in faults:
        typer.echo(fault)
    items = sum(len(quiz.items) for quiz in quizzes)
    typer.echo(f"{len(faults)} to mend" if faults else f"{items} items are sound: next, course quiz release")
    raise typer.Exit(1 if faults else 0)


def grade(
    submissions: Annotated[Path, typer.Argument(help="A folder, an LMS's zip, or nbgrader's submitted/.")],
    numbers: Numbers = None,
    released: Annotated[Path, typer.Option(help="The folder that release wrote.")] = Path("released"),
    bank: BankFolder = None,
    store: Annotated[Path, typer.Option(help="The file that holds the marks.")] = Path("marks.sqlite"),
    course_key: CourseKey = None,
    key: PrivateKey = None,
    workers: Workers = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler, to grade on its cluster.")] = None,
    form: Annotated[str | None, typer.Option(help="The layout of the submissions, if it isn't recognised.")] = None,
    memory: Annotated[int, typer.Option(help="MB that a submission may use.", min=64)] = 1024,
    times: Annotated[
        Path | None, typer.Option(help="A CSV file with the time of each submission, such as Moodle's worksheet.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Mark again what timed out or crashed.")] = False,
    unsafe_local: Unsafe = False,
) -> None:
    """Mark what isn't marked yet; if a run was interrupted, the next one continues where it stopped."""
    import asyncio

    from course_utils.grading.bank.reading import open_bank
    from course_utils.grading.bank.variants import read_course_key
    from course_utils.grading.marking.run import grade_submissions

    quizzes = open_bank(_named(bank), numbers, key)
    work = grade_submissions(
        submissions,
        quizzes,
        store,
        released=released,
        keys={quiz.lesson: read_course_key(course_key, quiz) for quiz in quizzes},
        workers=_workers(workers),
        scheduler=scheduler,
        form=form,
        memory=memory << 20,
        unsafe_local=unsafe_local,
        again=again,
        times=times,
        secrets=[path for path in (bank, key, course_key) if path],
    )
    with one_line(lambda: "Everything marked so far is kept; run the same command again to continue."):
        summary, tier = asyncio.run(work)
    typer.echo(f"{summary.seen} submissions, {summary.passed_over} of them done before")
    if tier:
        typer.echo(f"isolation: {tier.name} ({tier.means})")
    for state, count in summary.states.most_common():
        typer.echo(f"{count:8} {state}")
    rate = f"{summary.rate:.0f}" if summary.rate >= 10 else f"{summary.rate:.1f}"
    typer.echo(f"{rate} a second; next: course quiz status --store {store}")


def _named(bank: Path | None) -> Path:
    if bank is None:
        raise CourseError(
            "Name the folder of the graded items with --bank, or in COURSE_ITEM_BANK.", code="quiz.no-bank"
        )
    return bank


def _workers(asked: int | None) -> int:
    import joblib

    return asked or joblib.cpu_count()  # within the process's affinity and its container's quota
