"""`course progress`: how the learner stands; a record to print; export, import and erase what is stored."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.callback(invoke_without_command=True)
def show(context: typer.Context) -> None:
    """Show how you stand in each lesson, and what to see again today."""
    if context.invoked_subcommand:
        return
    from course_utils.quiz import overview, progress

    lessons = overview.lessons()
    typer.echo("lesson  answered     right  first try  due today")
    for one in lessons:
        first = f"{one.first / one.answered:.0%}" if one.answered else "–"
        due = one.due or ""
        typer.echo(f"{one.number:6}  {f'{one.answered} of {one.items}':11}  {one.right:5}  {first:>9}  {due:>9}")
    waiting = progress.due_items()
    again = f"Due again today: {', '.join(waiting)}" if waiting else "Nothing is due again today"
    typer.echo(f"{again}. In a notebook: from course_utils.quiz import review; review()")


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="The JSON file to write; the screen when left out.")] = None,
) -> None:
    """Write everything that is stored about you as JSON."""
    from course_utils.quiz import progress

    content = json.dumps(progress.export(), indent=1)
    if file is None:
        typer.echo(content)
        return
    file.write_text(content + "\n", encoding="utf-8")
    typer.echo(f"Written to {file}.")


@app.command("import")
def bring(
    file: Annotated[Path, typer.Argument(help="A JSON file of `export`, or of the course's site.")],
) -> None:
    """Add the answers that you gave on another machine or on the course's site."""
    from course_utils.errors import CourseError
    from course_utils.quiz import progress

    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CourseError(
            f"{file} can't be read ({error.strerror}): name another file.", code="cli.progress-file"
        ) from None
    except ValueError:
        content = None
    fresh = progress.bring(content)
    typer.echo(f"{fresh} answer{'s are' if fresh != 1 else ' is'} new.")


@app.command()
def record(
    file: Annotated[Path, typer.Argument(help="The page to write.")] = Path("record.html"),
    name: Annotated[str, typer.Option(help="Your name, for the record.")] = "",
) -> None:
    """Write a page to print: what you have done in each lesson, and when."""
    from course_utils.cli.record import Record

    made = Record()
    file.write_text(made.page(name), encoding="utf-8")
    typer.echo(f"{made.sentence}\nWritten to {file}: open it in a browser, and print it.")


@app.command()
def erase(yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False) -> None:
    """Delete everything that is stored about you."""
    from course_utils.quiz import progress

    if not yes:
        typer.confirm("Delete all your answers and guesses?", abort=True)
    typer.echo("Erased." if progress.erase() else "There was nothing to erase.")
