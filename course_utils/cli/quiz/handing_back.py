"""`course quiz export, feedback, report, regrade-request`: what happens with marks once they are there."""

from pathlib import Path
from typing import Annotated

import typer

from course_utils.errors import CourseError

Numbers = Annotated[list[str] | None, typer.Argument(help="Assignments by number, e.g. 04; all when left out.")]
StoreFile = Annotated[Path, typer.Option("--store", help="The file that holds the marks.")]
Bank = Annotated[Path | None, typer.Option(help="The folder of the graded items.", envvar="COURSE_ITEM_BANK")]
Out = Annotated[Path, typer.Option(help="The folder to write to.")]
Released = Annotated[Path, typer.Option(help="The folder that release wrote.")]
Key = Annotated[Path | None, typer.Option("--key", help="The private key that opens a locked item bank.")]
CourseKey = Annotated[Path | None, typer.Option(help="The course's key.", envvar="COURSE_KEY")]
MARKS, RELEASED = Path("marks.sqlite"), Path("released")
NAMED = 10  # students that a line names


def export(
    form: Annotated[str, typer.Argument(help="nbgrader, canvas, moodle, gradescope or lti.")],
    out: Annotated[Path, typer.Option(help="The file to write; for gradescope a folder.")],
    store: StoreFile = MARKS,
    gradebook: Annotated[
        Path | None, typer.Option(help="The file exported from canvas or moodle; for nbgrader a roster with names.")
    ] = None,
    assignment: Annotated[str | None, typer.Option(help="One assignment, e.g. 04_frozen; all when left out.")] = None,
    title: Annotated[str, typer.Option(help="What Canvas calls the assignment, if it uses another name.")] = "",
) -> None:
    """Write the marks for a gradebook; unknown points stay empty, and are never a zero."""
    from course_utils.grading import exports
    from course_utils.grading.gradebook.store import Store
    from course_utils.grading.names import shown

    with Store(_there(store)) as marks:
        results = marks.results(assignment)
        comments = exports.comments_of(marks, sorted({result.assignment for result in results}))
    done = exports.export(form, results, out, gradebook, title, comments)
    typer.echo(f"{done.path}: {done.rows} students, {done.empty} of them without points yet (left empty).")
    if done.unmatched:
        named = ", ".join(shown(student) for student in done.unmatched[:NAMED])
        more = f" and {len(done.unmatched) - NAMED} more" if len(done.unmatched) > NAMED else ""
        typer.echo(f"{len(done.unmatched)} match no row, or more than one: {named}{more}. Enter them by hand.")
    for remark in done.remarks:
        typer.echo(remark)


def feedback(
    out: Out,
    numbers: Numbers = None,
    store: StoreFile = MARKS,
    bank: Bank = None,
    released: Released = RELEASED,
    key: Key = None,
    course_key: CourseKey = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show explanations; only when nobody can hand in any more.")
    ] = False,
    form: Annotated[
        str | None, typer.Option("--zip", help="Also pack all pages in a zip for moodle, canvas or ilias.")
    ] = None,
    most_mb: Annotated[
        float | None,
        typer.Option("--max-mb", help="MB that the platform accepts per upload; larger zips are split.", min=0.1),
    ] = None,
    gradebook: Annotated[
        Path | None, typer.Option(help="For moodle, its grading worksheet, when ids aren't participants' numbers.")
    ] = None,
) -> None:
    """Write a page for each student, and index.csv, which says whose is whose; with --zip also to be uploaded."""
    from course_utils.grading.bank.variants import read_course_key
    from course_utils.grading.gradebook.store import Store
    from course_utils.grading.release.manifest import as_released
    from course_utils.grading.returning.feedback import feedback as write

    with Store(_there(store)) as marks:
        quizzes = _graded(marks, bank, numbers, key)
        assignments = [as_released(quiz, released, read_course_key(course_key, quiz)) for quiz in quizzes]
        pages = write(marks, assignments, out, explain, bank)
    typer.echo(
        f"{len(pages)} pages in {out}; {out / 'index.csv'} says whose is whose. Give each student only their own page."
    )
    if form is not None:
        _zipped(form, pages, out, most_mb, gradebook)


def _zipped(form: str, pages: list, out: Path, most_mb: float | None, gradebook: Path | None) -> None:
    from course_utils.grading.names import shown
    from course_utils.grading.returning.bulk import zipped

    for files, left_out in zipped(form, pages, out, most_mb, gradebook):
        for file, count in files:
            size = file.stat().st_size / 2**20
            told = f"{size:.1f} MB" if size > 0.1 else "less than 0.1 MB"
            too_large = " A single page is already larger than the limit." if most_mb and size > most_mb else ""
            typer.echo(f"{file}: {count} page{'s' if count > 1 else ''}, {told}, ready to upload.{too_large}")
        for student, why in list(left_out.items())[:NAMED]:
            typer.echo(f"  {shown(student)} is in none: {why}.")
        if len(left_out) > NAMED:
            typer.echo(f"  … and {len(left_out) - NAMED} more. Send these their pages by hand.")


def report(
    out: Out,
    numbers: Numbers = None,
    store: StoreFile = MARKS,
    bank: Bank = None,
    released: Released = RELEASED,
    key: Key = None,
    course_key: CourseKey = None,
) -> None:
    """Write a report on the class for each assignment: states, points, items to look at, similar code."""
    from course_utils.grading.bank.variants import read_course_key
    from course_utils.grading.gradebook.store import Store
    from course_utils.grading.release.manifest import as_released
    from course_utils.grading.returning.report import report as write

    with Store(_there(store)) as marks:
        for quiz in _graded(marks, bank, numbers, key):
            results = marks.results(quiz.lesson)
            page = write(results, as_released(quiz, released, read_course_key(course_key, quiz)), out)
            typer.echo(f"{page}: {len(results)} submissions. It names students: keep it private.")


def regrade_request(
    assignment: Annotated[str, typer.Argument(help="E.g. 04_frozen.")],
    student: Annotated[str, typer.Argument(help="The student's id.")],
    item: Annotated[str, typer.Argument(help="E.g. 04.2.")],
    text: Annotated[str, typer.Argument(help="What the student wrote.")],
    store: StoreFile = MARKS,
) -> None:
    """Record a student's regrade request; it waits in the review until a person has marked the item."""
    from course_utils.grading.gradebook.store import Store
    from course_utils.grading.names import shown

    if not text.strip():
        raise CourseError("The request is empty: give the student's own words.", code="quiz.empty-request")
    with Store(_there(store)) as marks:
        marks.request_regrade(assignment, student, item, text)
    typer.echo(f"Noted: {item} of {shown(student)} waits in the review.")


def _graded(marks, bank: Path | None, numbers: list[str] | None, key: Path | None) -> list:
    """The item bank's assignments that have results. CourseError when there are none."""
    from course_utils.grading.bank.reading import open_bank

    if bank is None:
        raise CourseError(
            "Name the folder of the graded items with --bank, or in COURSE_ITEM_BANK.", code="quiz.no-bank"
        )
    if found := [quiz for quiz in open_bank(bank, numbers, key) if marks.results(quiz.lesson)]:
        return found
    raise CourseError(
        f"{marks.path} has no results of the assignments in {bank}: grade the submissions first.",
        code="quiz.no-results",
    )


def _there(store: Path) -> Path:
    """The store's file; a new and empty one is never wanted here."""
    if not store.is_file():
        raise CourseError(f"{store} isn't there: name the file that grading wrote the marks to.", code="quiz.no-store")
    return store
