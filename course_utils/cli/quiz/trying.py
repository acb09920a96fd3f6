"""`course quiz try`: a dry run of one's own notebook, before it is handed in."""

from pathlib import Path
from typing import Annotated

import typer


def try_out(
    notebook: Annotated[Path, typer.Argument(help="Your notebook.")],
    seconds: Annotated[float, typer.Option(help="Seconds that one cell may take.", min=1)] = 10.0,
) -> None:
    """Run your notebook from the top as it will be graded, and say which answers are found; no key is needed."""
    from course_utils.grading.marking.dry_run import dry_run, summary

    lines, troubles = dry_run(notebook, seconds)
    for line in lines:
        typer.echo(line)
    typer.echo(summary(troubles))
    raise typer.Exit(1 if troubles else 0)
