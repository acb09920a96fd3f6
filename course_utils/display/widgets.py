"""How a control reaches the notebook, what stands in for it, and what its answers are made of."""

import html
from collections.abc import Iterable

import ipywidgets as widgets
from IPython.display import display


def show_control(box: widgets.VBox, static: str, text: str) -> None:
    """Show the widget where a kernel serves it, the HTML where none does, the text in a terminal."""
    live = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    display(
        {"application/vnd.jupyter.widget-view+json": live, "text/html": static, "text/plain": text},
        raw=True,
    )


def status_html(sentence: str) -> str:
    """Return a paragraph that screen readers read out when it changes."""
    return f'<p role="status">{html.escape(sentence)}</p>'


def marked_html(figure: str, marks: Iterable[str]) -> str:
    """Return a figure with marks upon it: it is drawn once, and whatever is chosen, only the marks change."""
    return f'<div style="position:relative;display:inline-block;line-height:0">{figure}{"".join(marks)}</div>'


def mark_html(left: float, top: float, width: str, height: str, extra: str = "") -> str:
    """Return a black outline for `marked_html`; left and top are shares of the figure's width and height."""
    # It only repeats what the sentence beside the figure says, so screen readers pass over it.
    return (
        f'<span aria-hidden="true" style="position:absolute;left:{left:.2%};top:{top:.2%};width:{width};'
        f'height:{height};box-sizing:border-box;border:3px solid black;{extra}"></span>'
    )
