"""The `course` command: each subcommand is the `app` (a typer.Typer) of a module here, imported when it is called."""

import errno
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from course_utils.errors import CourseError

COMMANDS = {
    "data": "List, fetch and verify the data sets.",
    "doctor": "Check this machine, and say what to do about each failure.",
    "manifest": "Write down what results were made with, or compare.",
    "new": "Make a folder for a project of your own.",
    "progress": "Show how you stand in the quizzes; export or erase it.",
    "quiz": "Check the quizzes.",
    "run": "Execute the lessons in fresh kernels, and print a table of what came out.",
    "tune": "Search for the settings of a lesson's fine-tuning.",
    "update": "Fetch the newest lessons; what you did in those that change is kept.",
}
DISK = {  # what is said when a file can't be written, wherever that was
    errno.ENOSPC: "The disk is full at {}: free some space, and run the command again.",
    errno.EROFS: "{} lies on a disk that can't be written to: name another place.",
    errno.EACCES: "You may not read or write {}: change its permissions, or name another place.",
}
DISK[errno.EDQUOT] = DISK[errno.ENOSPC]
FORMER = {"lessons": "Execute the lessons: this is now `course run`."}  # not listed, and still understood


class LazyGroup(TyperGroup):
    """A group that shows its commands' help lines without importing their modules."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the module of the command that is called, and of no other."""
        if args[0] in COMMANDS | FORMER:
            self.commands[args[0]] = typer.main.get_command(import_module(f"{__name__}.{args[0]}").app)
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, help="The fine-tuning course's command.")
for name, summary in (COMMANDS | FORMER).items():
    app.command(name, help=summary, hidden=name in FORMER)(lambda: None)


def main() -> None:
    """Run the command; a CourseError, or a disk's trouble, becomes its sentence on stderr and exit status 1."""
    try:
        app()
    except CourseError as error:
        sys.exit(f"course {' '.join(sys.argv[1:2])}: {error}")
    except OSError as error:
        if error.errno not in DISK:
            raise
        sys.exit(f"course {' '.join(sys.argv[1:2])}: {DISK[error.errno].format(error.filename or 'a file')}")
