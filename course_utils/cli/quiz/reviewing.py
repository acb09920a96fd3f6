"""`course quiz review`: a notebook, or a page in the browser, in which people mark what waits for them."""

from contextlib import suppress
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
    by={by!r},  # your name, for the history of the marks
)"""


def review(
    bank: Annotated[
        Path | None, typer.Option(help="The folder of the graded items.", envvar="COURSE_ITEM_BANK")
    ] = None,
    store: Annotated[Path, typer.Option(help="The file that holds the marks.")] = Path("marks.sqlite"),
    released: Annotated[Path, typer.Option(help="The folder that release wrote.")] = Path("released"),
    key: Annotated[Path | None, typer.Option("--key", help="The private key that opens a locked item bank.")] = None,
    course_key: Annotated[Path | None, typer.Option(help="The course's key.", envvar="COURSE_KEY")] = None,
    submissions: Annotated[
        Path | None, typer.Option(help="The folder or zip that was graded: each whole notebook is then one click away.")
    ] = None,
    by: Annotated[str, typer.Option(help="Who marks; your user name when left out.")] = "",
    browser: Annotated[bool, typer.Option("--browser", help="Mark in the browser, without JupyterLab.")] = False,
    port: Annotated[int, typer.Option(help="With --browser: the port; a free one when left out.", max=65535)] = 0,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="With --browser: print the address and don't open a browser.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The notebook to write, without --browser.")] = Path("review.ipynb"),
) -> None:
    """Mark written answers, regrade requests and everything else that waits for a person."""
    from course_utils.cli.quiz.standing import user

    if bank is None:
        raise CourseError(
            "Name the folder of the graded items with --bank, or in COURSE_ITEM_BANK.", code="quiz.no-bank"
        )
    if not store.is_file():
        raise CourseError(
            f"{store} doesn't exist: grade first, or name the file that holds the marks with --store.",
            code="quiz.no-store",
        )
    paths = {"store": store, "bank": bank, "released": released, "key": key, "course_key": course_key}
    paths["submissions"] = submissions
    where = {name: str(path.resolve()) if path else None for name, path in paths.items()} | {"by": by or user()}
    if browser:
        _serve(where, port, no_open)
        return
    import nbformat

    if out.exists():
        raise CourseError(f"{out} already exists: open it, or name another file with --out.", code="quiz.already-there")
    title = "# Review\n\nRun the cell below; each mark is saved at once. To continue later, run it again."
    cells = [nbformat.v4.new_markdown_cell(title), nbformat.v4.new_code_cell(CELL.format(**where))]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), out)
    typer.echo(f"Next: jupyter lab {out}")


def _serve(where: dict, port: int, no_open: bool) -> None:
    import asyncio
    import webbrowser

    from course_utils.grading.returning.queue import open_queue

    try:
        from course_utils.grading.returning.browser.server import serve
    except ImportError as error:
        raise CourseError(
            f"The review in the browser needs {error.name}: install the course with its extra `lab`.",
            code="grading.no-browser",
        ) from None

    def opened(address: str) -> None:
        typer.echo(
            f"The review is at {address}\nThe address works once, and only on this machine. Press Ctrl-C to stop."
        )
        if not no_open:
            webbrowser.open(address)

    queue = open_queue(**where)
    with suppress(KeyboardInterrupt):  # the server says that it stopped
        asyncio.run(serve(queue, port, opened, typer.echo))
