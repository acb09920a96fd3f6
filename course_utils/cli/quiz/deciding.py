"""`course quiz decide`: an item is dropped or its points given to everybody, a submission is voided."""

from pathlib import Path
from typing import Annotated

import typer


def decide(
    assignment: Annotated[str, typer.Argument(help="E.g. 04_frozen.")],
    kind: Annotated[str, typer.Argument(help="drop or give, about an item; void, about a student's submission.")],
    about: Annotated[str, typer.Argument(help="The item, e.g. 04.2, or the student's id.")],
    why: Annotated[str, typer.Option(help="The reason, for the history.")],
    store: Annotated[Path, typer.Option(help="The file that holds the marks.")] = Path("marks.sqlite"),
    by: Annotated[str, typer.Option(help="Who decides; your user name when left out.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Reverse it.")] = False,
) -> None:
    """Drop an item, give everybody its points, or void a submission."""
    from course_utils.cli.quiz.standing import existing, user
    from course_utils.grading.names import shown

    with existing(store) as marks:
        marks.decide(assignment, kind, about, why, by or user(), undo)
        count = len(marks.results(assignment))
    said = "taken back" if undo else {"drop": "dropped", "give": "given to everybody", "void": "voided"}[kind]
    typer.echo(f"{shown(about)}: {said}. {count} submissions of {shown(assignment)} count. Export and hand back again.")
