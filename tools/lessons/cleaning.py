"""What of a lesson's outputs is committed: what a static page can show, and what the next run will repeat."""

import re
from pathlib import Path

from nbformat import NotebookNode

from course_utils.display.widgets import static_part
from course_utils.quiz.exercises import OLDER
from tools.lessons.images import with_small_images

WIDGET = "application/vnd.jupyter.widget-view+json"
# A saved view without its live model shows as nothing on GitHub and as an error in Lab, so a sentence stands for it.
CONTROL = "An interactive control: run this cell to use it."
BAR = re.compile(r"\d+%\|")
EMPTY_HTML = re.compile(r"\s*(<style>[^<]*</style>\s*)*(<div>\s*</div>)?\s*")
TRAINING_TABLE = '<table class="fastprogress">'


def clean(notebook: NotebookNode, home: Path, root: Path) -> None:
    """Clean every code cell in place; paths under `root` become relative, those under `home` begin with ~."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cleaned = (_clean_output(output) for output in cell.outputs)
            cell.outputs = [_without_paths(output, home, root) for output in cleaned if output is not None]


def _clean_output(output: NotebookNode) -> NotebookNode | None:
    if output.output_type == "stream":
        output.text = "".join(line.rsplit("\r", 1)[-1] for line in output.text.splitlines(keepends=True))
        return output if output.name == "stdout" and output.text else None
    if output.output_type == "error":
        output.traceback = [f"{output.ename}: {output.evalue}"]  # the frames name files of the machine that ran it
        return output
    return _clean_data(output)


def _clean_data(output: NotebookNode) -> NotebookNode | None:
    data = output.data
    html = data.get("text/html")
    if html is not None:
        html = output.data["text/html"] = html.replace(OLDER, "")  # pages that nothing runs in show what is hidden
        if (static := static_part(html)) is not None:
            output.data["text/html"] = static
        elif EMPTY_HTML.fullmatch(html) or "<progress" in html:
            return None
        if TRAINING_TABLE in html:
            output.data = _training_table(html)
        output.data["text/html"] = with_small_images(output.data["text/html"])
    elif WIDGET in data:
        if set(data) == {WIDGET} or BAR.search(data.get("text/plain", "")):
            return None
        output.data = {"text/html": f"<p><em>{CONTROL}</em></p>", "text/plain": CONTROL}
    output.data.pop(WIDGET, None)
    return output


def _training_table(html: str) -> dict[str, str]:
    """Return fastai's table of epochs, without its seconds, in HTML and as text."""
    rows = [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html, re.S)]
    if rows[0][-1] == "time":
        rows = [row[:-1] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(value.rjust(width) for value, width in zip(row, widths, strict=True)) for row in rows]
    head, *body = ["".join(f"<{tag}>{value}</{tag}>" for value in row) for tag, row in _tagged(rows)]
    table = "".join(f"<tr>{row}</tr>" for row in body)
    return {
        "text/html": f"<table><thead><tr>{head}</tr></thead><tbody>{table}</tbody></table>",
        "text/plain": "\n".join(lines),
    }


def _tagged(rows: list[list[str]]) -> list[tuple[str, list[str]]]:
    return [("th", rows[0]), *(("td", row) for row in rows[1:])]


def _without_paths(output: NotebookNode, home: Path, root: Path) -> NotebookNode:
    if "text" in output:
        output.text = _shorten(output.text, home, root)
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/"):
            output.data[kind] = _shorten(value, home, root)
    return output


def _shorten(text: str, home: Path, root: Path) -> str:
    text = text.replace(f"{root}/", "").replace(f"{root}\\", "")
    return text if home == home.parent else re.sub(rf"(?<![\w/]){re.escape(str(home))}(?![\w-])", "~", text)
