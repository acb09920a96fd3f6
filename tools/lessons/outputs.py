"""What a lesson's committed outputs must be: executed in order, clean, described, small."""

import base64
import io
import re
from collections.abc import Iterator

from nbformat import NotebookNode
from PIL import Image

from course_utils.display.results import NOTE
from course_utils.quiz.items import Item
from course_utils.quiz.text import static_html, static_text
from tools.lessons.cleaning import WIDGET
from tools.lessons.form import Found
from tools.lessons.images import IMAGE_BYTES
from tools.lessons.page import Cell, Images, Page

SHARPNESS = 1.6  # pixels of a figure for each pixel of the page
ALT_WORDS = 3
DATA_URI = re.compile(r"data:[\w/+.-]+;base64,(?P<data>[A-Za-z0-9+/=\s]+)")
MACHINE_PATH = re.compile(
    r"(?<![\w.~/:-])/(?:root|home|work|tmp|Users|usr|opt|mnt|var|private|content)/[^\s'\"<]*|\b[A-Z]:\\+[^\s'\"<]+"
)
DEBRIS = {
    MACHINE_PATH: "machine path",
    re.compile(r"\b\w*Warning\b(?:: .*)?"): "warning",
    re.compile(r" at 0x[0-9a-fA-F]{6,}"): "object's address",
    re.compile(r"\d+%\||\bit/s\b|<progress|class=\"fastprogress\""): "progress bar",
    re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d"): "time of day",
    re.compile(re.escape(NOTE)): "result that isn't what the text says",
}
AGAIN = "`python -m tools lessons run --write`"
BLANK = {"text/plain": " "}  # what stands before outputs that Lab hides


def is_blank(output: NotebookNode) -> bool:
    """Whether an output only keeps the first line of hidden ones out of sight."""
    return output.get("data") == BLANK


def executed(page: Page) -> Found:
    """Every code cell was executed, in order from 1."""
    for expected, cell in enumerate(page.code, 1):
        count = cell.node.get("execution_count")
        if count != expected:
            yield cell.number, f"executed as [{count or ' '}] where [{expected}] is due: {AGAIN}"
            return


def undisturbed(page: Page) -> Found:
    """No stderr, no error but a deliberate one, nothing that a widget or a timer left."""
    for cell in page.cells:
        if "execution" in cell.node.metadata:
            yield cell.number, f"holds times of execution: {AGAIN}"
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                yield cell.number, f"text on stderr: {output.text.strip()[:80]!r}"
            if output.output_type == "error" and "raises-exception" not in cell.tags:
                yield cell.number, f"an error is shown, and the cell isn't tagged raises-exception: {output.ename}"
            if WIDGET in output.get("data", {}):
                yield cell.number, f"a widget's view, which a static page can't show: {AGAIN} puts a sentence there"


def question_data(item: Item) -> dict[str, str]:
    """What stands below a question in a page without a kernel."""
    return {"text/html": static_html(item), "text/plain": static_text(item)}


def questions(page: Page) -> Found:
    """The page of a question is what the quiz says now."""
    for cell, item in page.shown_items:
        shown = [output.get("data", {}) for output in cell.outputs]
        if shown and shown != [question_data(item)]:
            yield cell.number, f"another form of {item.id} is stored than the quiz has: `python -m tools lessons build`"


def debris(page: Page) -> Found:
    """No machine paths in sources or outputs; no warnings, addresses, progress bars or times in outputs."""
    for cell in page.cells:
        if path := MACHINE_PATH.search(cell.source):
            yield cell.number, f"machine path in the source: {path[0]!r}"
        for text in _raw_texts(cell):
            for pattern, name in DEBRIS.items():
                if found := pattern.search(text):
                    yield cell.number, f"{name} in the output: {found[0][:80]!r}"


def _raw_texts(cell: Cell) -> Iterator[str]:
    for output in cell.outputs:
        if output.output_type == "error":
            yield "\n".join(output.traceback)
        if output.output_type == "stream":
            yield output.text
        for kind, value in output.get("data", {}).items():
            if kind.startswith("text/"):
                yield DATA_URI.sub("", value)


FIGURE = re.compile(r'<figure[^>]*><img [^>]*width="(?P<width>\d+)"[^>]*src="data:[\w/+.-]+;base64,(?P<data>[^"]+)"')


def images(page: Page) -> Found:
    """Every image is described and small, and every figure is sharp."""
    for cell in page.cells:
        shown = [("text/markdown", image) for image in cell.images]
        for output in cell.outputs:
            shown += [("text/html", image) for image in Images.of(output.get("data", {}).get("text/html", ""))]
            yield from ((cell.number, message) for message in (*_bare(output), *_blurred(output)))
        for kind, (alt, source) in shown:
            if len(alt.split()) < ALT_WORDS:
                yield cell.number, f"an image ({kind}) has the alt text {alt!r}: say in words what it shows"
            data = DATA_URI.match(source)
            if data and (size := len(base64.b64decode(data["data"]))) > IMAGE_BYTES:
                yield cell.number, f"an image of {size / 1000:.0f} kB: at most {IMAGE_BYTES / 1000:.0f} kB"


def _bare(output: NotebookNode) -> Iterator[str]:
    for kind in output.get("data", {}):
        if kind.startswith("image/"):
            yield f"a bare {kind}, which Lab shows without alt text: use course_utils.plots.show(figure, alt)"


def _blurred(output: NotebookNode) -> Iterator[str]:
    for figure in FIGURE.finditer(output.get("data", {}).get("text/html", "")):
        image = Image.open(io.BytesIO(base64.b64decode(figure["data"])))
        if (pixels := round(image.width / int(figure["width"]), 2)) < SHARPNESS:
            yield f"a figure of {pixels} pixels for each of the page's: at least {SHARPNESS}; {AGAIN}"


RULES = (executed, undisturbed, questions, debris, images)
