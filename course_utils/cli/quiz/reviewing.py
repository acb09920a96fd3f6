"""`course quiz review`: a notebook in which people mark what waits for them."""

from pathlib import Path
from typing import Annotated

import typer

from course_utils.errors import CourseError

CELL = """from course_utils.grading.returning.review import open_review

open_review(
    store={store!r},
    pool={pool!r},
    released={released!r},
    key={key!r},
    course_key={course_key!r},
    submissions={submissions!r},
    by="",  # your name, for the history of the marks
)"""


def review(
    pool: Annotated[
        Path | None, typer.Option(help="The folder of the graded items.", envvar="COURSE_GRADED_POOL")
    ] = None,
    store: Annotated[Path, typer.Option(help="The file of the marks.")] = Path("marks.sqlite"),
    released: Annotated[Path, typer.Option(help="The folder that release wrote.")] = Path("released"),
    key: Annotated[Path | None, typer.Option("--key", help="The private key that opens a locked pool.")] = None,
    course_key: Annotated[Path | None, typer.Option(help="The course's key.", envvar="COURSE_KEY")] = None,
    submissions: Annotated[
        Path | None, typer.Option(help="The folder or zip that was graded: each whole notebook is then one click away.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The notebook to write.")] = Path("review.ipynb"),
) -> None:
    """Write a notebook in which answers in sentences and appeals are marked, one after another, by keyboard."""
    import nbformat

    if pool is None:
        raise CourseError("Name the folder of the graded items with --pool, or in COURSE_GRADED_POOL.")
    if not store.is_file():
        raise CourseError(f"{store} isn't there: grade first, or name the file of the marks with --store.")
    if out.exists():
        raise CourseError(f"{out} is there: open it, or name another file with --out.")
    places = {"store": store, "pool": pool, "released": released, "key": key, "course_key": course_key}
    places["submissions"] = submissions
    code = CELL.format(**{name: str(place.resolve()) if place else None for name, place in places.items()})
    title = "# Review\n\nRun the cell below; marks are kept at once, and running it again goes on where you stopped."
    cells = [nbformat.v4.new_markdown_cell(title), nbformat.v4.new_code_cell(code)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), out)
    typer.echo(f"Next: jupyter lab {out}")
