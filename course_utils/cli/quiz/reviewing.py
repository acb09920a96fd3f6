"""`course quiz review`: a notebook in which people mark what waits for them."""

from pathlib import Path
from typing import Annotated

import typer

from course_utils.errors import CourseError

CELL = """from course_utils.grading.returning.review import open_review

open_review(
    store={store!r},
    bank={bank!r},
    released={released!r},
    key={key!r},
    course_key={course_key!r},
    submissions={submissions!r},
    by="",  # your name, for the history of the marks
)"""


def review(
    bank: Annotated[
        Path | None, typer.Option(help="The folder of the graded items.", envvar="COURSE_ITEM_BANK")
    ] = None,
    store: Annotated[Path, typer.Option(help="The file of the marks.")] = Path("marks.sqlite"),
    released: Annotated[Path, typer.Option(help="The folder that release wrote.")] = Path("released"),
    key: Annotated[Path | None, typer.Option("--key", help="The private key that opens a locked item bank.")] = None,
    course_key: Annotated[Path | None, typer.Option(help="The course's key.", envvar="COURSE_KEY")] = None,
    submissions: Annotated[
        Path | None, typer.Option(help="The folder or zip that was graded: each whole notebook is then one click away.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The notebook to write.")] = Path("review.ipynb"),
) -> None:
    """Write a notebook in which answers in sentences and regrade requests are marked one by one, by keyboard."""
    import nbformat

    if bank is None:
        raise CourseError(
            "Name the folder of the graded items with --bank, or in COURSE_ITEM_BANK.", code="quiz.no-bank"
        )
    if not store.is_file():
        raise CourseError(
            f"{store} isn't there: grade first, or name the file of the marks with --store.", code="quiz.no-store"
        )
    if out.exists():
        raise CourseError(f"{out} is there: open it, or name another file with --out.", code="quiz.already-there")
    paths = {"store": store, "bank": bank, "released": released, "key": key, "course_key": course_key}
    paths["submissions"] = submissions
    code = CELL.format(**{name: str(path.resolve()) if path else None for name, path in paths.items()})
    title = "# Review\n\nRun the cell below; marks are kept at once, and running it again goes on where you stopped."
    cells = [nbformat.v4.new_markdown_cell(title), nbformat.v4.new_code_cell(code)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), out)
    typer.echo(f"Next: jupyter lab {out}")
