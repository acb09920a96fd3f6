"""What the setup cell changes in a notebook.

Stop says one line, a missing name says where the lesson makes it, and training tables keep to the page's theme.
"""

import ast
import json
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

# fastprogress (1.1.6) paints rows nearly white and leaves the letters to the page: in a dark theme, white on white.
READABLE = """<style>
table.fastprogress thead tr, table.fastprogress tbody tr:nth-of-type(even) {background: rgba(128, 128, 128, .12)}
table.fastprogress th, table.fastprogress td {border-color: rgba(128, 128, 128, .4)}
</style>"""
COLAB = "google.colab._message"
ABOVE = "run the cells above first (Run > Run All Above Selected Cell)"
AGAIN = "What was done before that line is kept; run the cell again to start that line over."


def prepare(lesson: str = "") -> None:
    """Prepare the notebook that this runs in, if it is one; `lesson` is the slug that its file's name begins with."""
    from IPython import get_ipython

    if shell := get_ipython():

        def say(shell: Any, kind: type[BaseException], error: BaseException, *more: Any, **options: Any) -> list[str]:
            if isinstance(error, NameError):
                return _say_missing(lesson, shell, kind, error, *more)
            return _say_stopped(shell, kind, error, *more)

        shell.set_custom_exc((KeyboardInterrupt, NameError), say)
    make_training_tables_readable()


def make_training_tables_readable() -> None:
    """Let fastai's tables of epochs have the text's own background, whatever the theme."""
    from fastprogress import fastprogress

    styles = getattr(fastprogress, "html_styles", "")  # before 1.1 there were no colours to mend
    if styles and READABLE not in styles:
        fastprogress.html_styles = styles + READABLE


def _say_stopped(
    shell: Any, kind: type[BaseException], error: BaseException, trace: TracebackType, tb_offset: int | None = None
) -> list[str]:
    """Show one line instead of all the frames that Stop happened to find, and free what those hold."""
    lines = [f"{_where(trace)} {AGAIN}"]
    shell._showtraceback(kind, error, lines)  # as IPython shows its own: the kernel sends it as an error
    traceback.clear_frames(trace)  # or the kernel would keep them, with a DataLoader's processes
    error.__traceback__ = None
    return lines


def _say_missing(
    lesson: str, shell: Any, kind: type[BaseException], error: NameError, trace: TracebackType, tb_offset: int = 1
) -> list[str]:
    """Show the error as always, and below it where the lesson makes the name: its cell was stopped or passed over."""
    lines = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset or 1)
    if error.name and _is_mine(trace) and any(error.name in set(names_made(page)) for page in _notebooks(lesson)):
        lines = [*lines, f"{error.name} is made in a cell above: {ABOVE}."]
    shell._showtraceback(kind, error, lines)
    return lines


def _is_mine(trace: TracebackType) -> bool:
    """Whether a cell itself, and no library, raised the error."""
    return _is_cell(traceback.extract_tb(trace)[-1].filename)


def _is_cell(file: str) -> bool:
    return "ipykernel_" in file or file.startswith("<ipython")


def _notebooks(lesson: str) -> Iterator[Any]:
    """The notebook that this runs in, with copies: Colab keeps it in its page, and others in the working folder."""
    if COLAB in sys.modules:
        with suppress(Exception):  # an interface of Colab's own
            yield import_module(COLAB).blocking_request("get_ipynb", timeout_sec=5)["ipynb"]
    for file in sorted(Path().glob(f"{lesson}*.ipynb")):
        with suppress(OSError, ValueError):
            yield json.loads(file.read_text(encoding="utf-8"))


def names_made(notebook: Any) -> Iterator[str]:
    """Give the names that the cells of a notebook, read from JSON, make; none where it is none."""
    try:
        sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except (KeyError, TypeError):
        return
    for source in sources:
        lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
        try:
            tree = ast.parse("\n".join(lines))
        except SyntaxError:  # the learner is still writing
            continue
        yield from _bound(tree)


def _bound(tree: ast.AST) -> Iterator[str]:
    """The names that a piece of code leaves behind: not those within functions, classes and comprehensions."""
    for part in ast.iter_child_nodes(tree):
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            yield part.name
        elif isinstance(part, (ast.Import, ast.ImportFrom)):
            yield from (one.asname or one.name.partition(".")[0] for one in part.names)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id
        elif not isinstance(part, (ast.comprehension, ast.Lambda)):
            yield from _bound(part)


def _where(trace: TracebackType) -> str:
    """The learner's own line that was running, since the rest is the libraries'."""
    mine = [frame for frame in traceback.extract_tb(trace) if _is_cell(frame.filename)]
    return f"Stopped in line {mine[0].lineno}, {mine[0].line}." if mine and mine[0].line else "Stopped."
