"""What the setup cell changes in a notebook, and what a kernel knows before.

Stop says one line, a missing name says where the lesson makes it, and training tables keep to the page's theme. Where
the course is installed, IPython calls `await_setup` as a kernel starts (labconfig/course_startup.py): after a restart
a missing name then says what to run first. And `!course` runs the command of the Python that runs the notebook.
"""

import ast
import json
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
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
SETS_UP = re.compile(r"^course = setup\(", re.M)
AGAIN = "What was done before that line is kept; run the cell again to start that line over."


def prepare(lesson: str = "") -> None:
    """Prepare the notebook that this runs in, if it is one; `lesson` is the slug that its file's name begins with."""
    from IPython import get_ipython

    if shell := get_ipython():

        def say(shell: Any, kind: type[BaseException], error: BaseException, *more: Any, **options: Any) -> list[str]:
            if isinstance(error, NameError):
                return _say_missing(_notebooks(lesson), False, shell, kind, error, *more)
            return _say_stopped(shell, kind, error, *more)

        shell.set_custom_exc((KeyboardInterrupt, NameError), say)
    make_commands_found()
    make_training_tables_readable()


def await_setup() -> None:
    """Until a lesson's setup cell has run, let a name that is missing in that lesson say what to run first."""
    from IPython import get_ipython

    if shell := get_ipython():

        def say(shell: Any, kind: type[BaseException], error: NameError, *more: Any, **options: Any) -> list[str]:
            pages = (page for page in _open_notebook(shell) if SETS_UP.search("\n".join(_sources(page))))
            return _say_missing(pages, True, shell, kind, error, *more)

        shell.set_custom_exc((NameError,), say)
    make_commands_found()


def make_commands_found() -> None:
    """Let `!course` find this Python's commands: a Jupyter that was started by its path leaves them off PATH."""
    scripts = sysconfig.get_path("scripts")
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if scripts not in folders:
        os.environ["PATH"] = os.pathsep.join([scripts, *folders])


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
    pages: Iterable[Any],
    fresh: bool,
    shell: Any,
    kind: type[BaseException],
    error: NameError,
    trace: TracebackType,
    tb_offset: int = 1,
) -> list[str]:
    """Show the error as always, and below it where the lesson makes the name: its cell was stopped or passed over."""
    lines = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset or 1)
    if error.name and _is_mine(trace):
        lines += [_advice(error.name, page, fresh) for page in pages if error.name in set(names_made(page))][:1]
    # IPython notes errors of its own for %debug, and starts it after each with %pdb, but none that somebody else shows.
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace
    shell._showtraceback(kind, error, lines)
    if shell.call_pdb:
        shell.debugger(force=True)
    return lines


def _advice(name: str, page: Any, fresh: bool) -> str:
    """What to run for a name that the notebook makes; in a fresh kernel, where no cell has run, setup comes first."""
    imports = re.compile(rf"(?:from|import) .*\b{re.escape(name)}\b.*")
    lines = [line for source in _sources(page) for line in source.splitlines()]
    for line in filter(imports.fullmatch, lines):
        if name not in ("setup", "find_spec"):
            first = "the setup cell, which is the first code cell, and then " if fresh else ""
            return f"{name} comes from a cell above that hasn't run yet: run {first}the cell with `{line}`."
    return f"{name} is made in a cell above{', and none has run since the kernel started' * fresh}: {ABOVE}."


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


def _open_notebook(shell: Any) -> Iterator[Any]:
    """The notebook that this kernel was started for, as Jupyter's server and VS Code name it, or Colab's page."""
    file = os.environ.get("JPY_SESSION_NAME") or shell.user_ns.get("__vsc_ipynb_file__")
    if file or COLAB in sys.modules:
        yield from _notebooks(Path(file).stem if file else "no file")


def _sources(notebook: Any) -> list[str]:
    """The sources of the code cells of a notebook, read from JSON; none where it is none."""
    try:
        return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except (KeyError, TypeError):
        return []


def names_made(notebook: Any) -> Iterator[str]:
    """Give the names that the cells of a notebook, read from JSON, make; none where it is none."""
    for source in _sources(notebook):
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
