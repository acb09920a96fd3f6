"""What the setup cell changes in a notebook: Stop says one line, and training tables keep to the page's theme."""

import traceback
from types import TracebackType
from typing import Any

# fastprogress (1.1.6) paints rows nearly white and leaves the letters to the page: in a dark theme, white on white.
READABLE = """<style>
table.fastprogress thead tr, table.fastprogress tbody tr:nth-of-type(even) {background: rgba(128, 128, 128, .12)}
table.fastprogress th, table.fastprogress td {border-color: rgba(128, 128, 128, .4)}
</style>"""
AGAIN = "What was done before that line is kept; run the cell again to start that line over."


def prepare() -> None:
    """Prepare the notebook that this runs in, if it is one."""
    from IPython import get_ipython

    if shell := get_ipython():
        shell.set_custom_exc((KeyboardInterrupt,), _say_stopped)
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


def _where(trace: TracebackType) -> str:
    """The learner's own line that was running, since the rest is the libraries'."""
    mine = [
        frame
        for frame in traceback.extract_tb(trace)
        if "ipykernel_" in frame.filename or frame.filename.startswith("<ipython")
    ]
    return f"Stopped in line {mine[0].lineno}, {mine[0].line}." if mine and mine[0].line else "Stopped."
