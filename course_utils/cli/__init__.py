"""The `course` command: each subcommand is the `app` (a typer.Typer) of a module here, imported when it is called."""

import sys
from importlib import import_module

import typer
from typer.core import TyperGroup

from course_utils.errors import CourseError

COMMANDS = {
    "data": "List, fetch and verify the data sets.",
    "doctor": "Check this machine, and say what to do about each failure.",
    "lessons": "Build, run and check the lessons.",
    "links": "Derive every badge and install line from the address in pyproject.toml.",
    "progress": "Show how you stand in the quizzes; export or erase it.",
    "quiz": "Check the quizzes.",
    "tune": "Search for the settings of a lesson's fine-tuning.",
}


class LazyGroup(TyperGroup):
    """A group that shows its commands' help lines without importing their modules."""

    def resolve_command(self, ctx, args):
        if args[0] in COMMANDS:
            self.commands[args[0]] = typer.main.get_command(import_module(f"{__name__}.{args[0]}").app)
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, help="The fine-tuning course's command.")
for name, summary in COMMANDS.items():
    app.command(name, help=summary)(lambda: None)


def main() -> None:
    """Run the command; a CourseError becomes its sentence on stderr and exit status 1."""
    try:
        app()
    except CourseError as error:
        sys.exit(f"course {' '.join(sys.argv[1:2])}: {error}")
