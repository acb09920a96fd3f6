"""`course run`: execute the lessons, each in a fresh kernel, and print a table of what came out."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from course_utils import lessons
from course_utils.cli.stopping import one_line
from course_utils.errors import CourseError

if TYPE_CHECKING:
    from nbformat import NotebookNode

Names = Annotated[list[str] | None, typer.Argument(help="Lessons by slug or number, e.g. 01; all when left out.")]
Network = Annotated[str, typer.Option(help="small or large.")]
Images = Annotated[str | None, typer.Option(help="photographs or drawings; when left out, the setup cell chooses.")]
Strict = Annotated[bool, typer.Option(help="Fail on what is otherwise a warning: limits passed, stderr.")]

app = typer.Typer(add_completion=False)


@app.command()
def run(
    names: Names = None,
    folder: Annotated[Path, typer.Option(help="The folder of the notebooks.")] = Path("lessons"),
    network: Network = "small",
    images: Images = None,
    strict: Strict = False,
) -> None:
    """Execute each lesson in a fresh kernel and print a table; exit status 1 when one fails. No file is changed."""
    missing = [name for name in ("ipykernel", "nbclient", "nbformat") if not find_spec(name)]
    if missing:
        raise CourseError(
            f"{', '.join(missing)} can't be imported, and lessons run in Jupyter's kernel: install the extra lab at "
            'the top of your clone, with pip install -e ".[lab]".',
            code="cli.missing-packages",
        )
    from course_utils.cli import running

    chosen = choose(folder, names)
    slugs = [lesson.slug for lesson in chosen]
    typer.echo(running.heading(slugs))
    good, left = True, slugs
    with one_line(lambda: rest(slugs, left, "course run")):
        for done, slug in enumerate(slugs):
            left = slugs[done:]
            notebook = read_notebook(folder / f"{slug}.ipynb")
            solutions = folder / "solutions" / f"{slug}.ipynb"
            solved = read_notebook(solutions) if solutions.exists() else None
            report = running.run(slug, folder, notebook, solved, network, images)
            typer.echo(running.row(report, slugs))
            good = good and report.passed(strict)
    raise typer.Exit(0 if good else 1)


def rest(slugs: list[str], left: list[str], command: str) -> str:
    """What a stopped run says: how many lessons it has finished, and which command runs the others."""
    numbers = " ".join(slug.partition("_")[0] for slug in left)
    count = f"{len(slugs) - len(left)} of {len(slugs)} lessons were run"
    return f"{count}; `{command} {numbers}`, with the same options, goes on from there."


def choose(folder: Path, names: list[str] | None = None) -> list[lessons.Lesson]:
    """The lessons to run, in order: all, or those named by slug ("01_first_finetune") or number ("01").

    Raises
    ------
    CourseError
        When the folder has no notebooks of lessons ("cli.no-lessons") or a name fits none ("lessons.unknown").
    """
    wanted = {lessons.find_lesson(name) for name in names} if names else set(lessons.LESSONS)
    if not any((folder / f"{lesson.slug}.ipynb").is_file() for lesson in lessons.LESSONS):
        raise CourseError(
            f"There are no lessons in {folder}: run this at the top of a clone of the course, or name the folder of "
            "the notebooks with --folder.",
            code="cli.no-lessons",
        )
    return [lesson for lesson in lessons.LESSONS if lesson in wanted]


def read_notebook(file: Path) -> "NotebookNode":
    """A notebook, validated; CourseError when it is missing or no notebook ("cli.no-notebook")."""
    import nbformat

    try:
        return nbformat.read(file, as_version=4)
    except FileNotFoundError:
        reason = "is missing"
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, AttributeError):
        reason = "isn't a valid notebook"
    raise CourseError(f"{file} {reason}: restore it with git checkout {file}.", code="cli.no-notebook")
