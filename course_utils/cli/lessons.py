"""`course lessons run`, the name that `course run` had before: kept for the fingers that know it."""

import typer

from course_utils.cli.run import run

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def lessons() -> None:
    """Execute the lessons: this is now `course run`."""


app.command("run", help="Execute each lesson in a fresh kernel: this is now `course run`.")(run)
