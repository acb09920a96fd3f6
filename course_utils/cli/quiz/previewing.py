"""`course quiz preview`: a student's notebook before anything is released."""

from pathlib import Path
from typing import Annotated

import typer

from course_utils.errors import CourseError


def preview(
    assignment: Annotated[str, typer.Argument(help="E.g. 04 or 04_frozen.")],
    student: Annotated[str | None, typer.Option(help="Whose notebook to show; everybody's when left out.")] = None,
    bank: Annotated[
        Path | None, typer.Option(envvar="COURSE_ITEM_BANK", help="The folder of the graded items.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("preview"),
    course_key: Annotated[Path | None, typer.Option(help="The course's key.", envvar="COURSE_KEY")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Your private key, when the item bank is locked.")] = None,
) -> None:
    """Write the notebook that a student would get, without releasing it; no key is needed as long as there is none."""
    from course_utils.grading.bank.assignments import Assignment
    from course_utils.grading.bank.reading import open_bank
    from course_utils.grading.bank.variants import PUBLIC, read_course_key
    from course_utils.grading.release.releasing import preview as write

    if bank is None:
        raise CourseError(
            "Name the folder of the graded items with --bank, or in COURSE_ITEM_BANK.", code="quiz.no-bank"
        )
    (quiz,) = open_bank(bank, [assignment.partition("_")[0]], key)
    if "_" in assignment and assignment != quiz.lesson:
        raise CourseError(f"{bank} has no assignment {assignment!r}: it has {quiz.lesson}.", code="grading.unknown")
    without = course_key is None and quiz.bank == "graded"
    secret = PUBLIC if without else read_course_key(course_key, quiz)
    shown = Assignment(quiz, secret, personal=student is not None)
    who = student or ("a student" if shown.personal else None)  # numbers that vary are somebody's
    file = write(shown.for_student(who), out, figures=bank)
    typer.echo(f"{file}: {quiz.lesson} as {who or 'everybody'} would get it. This doesn't release anything.")
    if without:
        typer.echo("Without the course's key, its numbers and the order of its options differ from the final ones.")
    typer.echo(f"Next: jupyter lab {file}")
