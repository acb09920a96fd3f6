"""`course quiz check`: the faults of the items that authors write."""

from pathlib import Path
from typing import Annotated

import typer

from course_utils.errors import CourseError

Names = Annotated[list[str] | None, typer.Argument(help="Lessons by number, e.g. 04; all when left out.")]


def check(
    names: Names = None,
    lessons: Annotated[Path, typer.Option(help="The folder of the lessons, whose sections items link to.")] = Path(
        "lessons"
    ),
) -> None:
    """Name every fault of the quizzes, with file, line and item; exit status 1 when there is one."""
    from course_utils.quiz import reading, rules

    chosen = names or reading.numbers()
    found = []
    for number in chosen:
        try:
            quiz = reading.lesson_quiz(number)
        except CourseError as error:
            found += str(error).splitlines()
            continue
        text = lessons / "text" / f"{quiz.lesson}.py"
        if not text.is_file():
            raise CourseError(
                f"{text} isn't there: run this at the top of a clone, or name the folder with --lessons.",
                code="quiz.no-lesson",
            )
        for item, fault in rules.faults(quiz, reading.sections(text.read_text(encoding="utf-8"))):
            found.append(f"{quiz.lesson}.yaml{reading.line_of(quiz, item)}: {fault}.")
    for line in found:
        typer.echo(line)
    typer.echo(f"{len(found)} to mend" if found else "nothing to mend")
    raise typer.Exit(1 if found else 0)
