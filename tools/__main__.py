"""The authors' command, `python -m tools`: what is built and checked at the top of a clone."""

import sys

import typer

from course_utils.errors import CourseError
from tools import lessons
from tools.links import links
from tools.picture import picture
from tools.recording import record
from tools.site import site

app = typer.Typer(no_args_is_help=True, add_completion=False, help="What authors use; learners have `course`.")
app.add_typer(lessons.app, name="lessons")
app.command()(links)
app.command()(picture)
app.command()(record)
app.command()(site)


def main() -> None:
    """Run the command; a CourseError becomes its sentence on stderr and exit status 1."""
    try:
        app(prog_name="python -m tools")
    except CourseError as error:
        sys.exit(f"tools {' '.join(sys.argv[1:2])}: {error}")


if __name__ == "__main__":
    main()
