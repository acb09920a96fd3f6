"""`python -m tools lessons`: build the notebooks from their texts, run them, and check them."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from course_utils.cli.run import Images, Names, Network, Strict, rest
from course_utils.cli.stopping import one_line
from course_utils.errors import CourseError

app = typer.Typer(no_args_is_help=True, add_completion=False)

Folder = Annotated[Path, typer.Option(help="The folder of the notebooks; their texts are in its folder text.")]


@app.callback()
def lessons() -> None:
    """Build the notebooks from their texts, run them, and check them."""
    missing = [name for name in ("jupytext", "markdown_it", "nbclient", "psutil", "ruff") if not find_spec(name)]
    if missing:
        raise CourseError(
            f"{', '.join(missing)} can't be imported, and authors' tools are no part of a learner's installation: "
            'install them at the top of your clone with pip install -e ".[lab,test]".',
            code="tools.missing-packages",
        )


@app.command()
def build(
    names: Names = None,
    folder: Folder = Path("lessons"),
    tidy: Annotated[bool, typer.Option("--format", help="Format the text first: code by ruff, blank lines.")] = False,
) -> None:
    """Write each lesson's notebook from its text; unchanged cells keep their ids and outputs."""
    from tools.lessons import building
    from tools.lessons.files import choose

    for lesson in choose(folder, names):
        if tidy:
            building.tidy(lesson)
        changed = building.build(lesson)
        typer.echo(f"{lesson.name}: {'built' if changed else 'unchanged'}")


@app.command()
def run(
    names: Names = None,
    folder: Folder = Path("lessons"),
    network: Network = "small",
    images: Images = None,
    write: Annotated[bool, typer.Option(help="Save the cleaned outputs in the notebooks.")] = False,
    strict: Strict = False,
) -> None:
    """Execute each lesson's text in a fresh kernel and print a table; exit status 1 when one fails."""
    from course_utils.cli.running import heading, row
    from tools.lessons import running
    from tools.lessons.files import choose

    if write and (network != "small" or images == "drawings"):
        raise CourseError(
            "The committed outputs are those of the small network on photographs: leave out --write, or the choice of "
            "another network or of drawings.",
            code="tools.not-committed",
        )
    if write and not running.photographs_are_here():
        raise CourseError(
            "The committed outputs show photographs, and the data folder of a learner here holds none: put their "
            "archives there first (`course data list` names them, and `course data fetch NAME` downloads them).",
            code="tools.no-photographs",
        )
    chosen = choose(folder, names)
    slugs = [lesson.name for lesson in chosen]
    typer.echo(heading(slugs))
    good, left = True, slugs
    with one_line(lambda: rest(slugs, left, "python -m tools lessons run")):
        for done, lesson in enumerate(chosen):
            left = slugs[done:]
            report = running.run(lesson, network, images, write=write)
            typer.echo(row(report, slugs))
            good = good and report.passed(strict)
    raise typer.Exit(0 if good else 1)


@app.command()
def check(names: Names = None, folder: Folder = Path("lessons")) -> None:
    """Lint each lesson's form, prose, numbers and outputs; exit status 1 when something was found."""
    from tools.lessons import checking
    from tools.lessons.files import choose

    found = [finding for lesson in choose(folder, names) for finding in checking.check(lesson)]
    for finding in found:
        typer.echo(str(finding))
    typer.echo(f"{len(found)} to mend" if found else "nothing to mend")
    raise typer.Exit(1 if found else 0)
