"""How a figure reaches the notebook: a small PNG inside HTML, because JupyterLab drops the alt text of PNG outputs."""

import base64
import html
import io
import math
import textwrap

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image

from course_utils.errors import CourseError

SCREEN_DPI = 100  # CSS pixels an inch: a figure keeps its size on the page whatever resolution its file has
SCALE = "Blues"  # the colour map of numbers; every other holds what somebody photographed, or a network saw
# In dark themes of JupyterLab and VS Code, charts are dark too, with what a control marks on them: light turns into
# dark, and colours stay what they are. Photos stay as they are too: what is around them lies over them in dark themes.
CHART = """<style>
:is(body[data-jp-theme-light="false"], body.vscode-dark) :is(.course-chart img, .course-chart ~ span) {
filter: invert(.93) hue-rotate(180deg)}
</style>"""
AROUND = """<style>
:is(body[data-jp-theme-light="false"], body.vscode-dark) .course-around {
display: block !important; filter: invert(.93) hue-rotate(180deg)}
</style>"""
TITLE_CHARACTERS = 7.5  # an inch
SHORT = 20  # characters of a vertical axis's label that fit in any figure of the course


def show(figure: Figure, alt: str) -> None:
    """Display a figure with its alternative text and close it.

    Parameters
    ----------
    figure : matplotlib Figure
        The figure; JupyterLab drops the alternative text of plain PNG outputs, so it travels inside HTML.
    alt : str
        What the figure shows, in a sentence.

    Raises
    ------
    CourseError
        If `alt` is empty.
    """
    display({"text/html": figure_html(figure, alt), "text/plain": alt}, raw=True)


def is_chart(figure: Figure) -> bool:
    """Whether the figure shows numbers alone, so that light and dark may change places."""
    maps = {image.get_cmap().name for axis in figure.axes for image in axis.images}  # an RGB image has the default's
    return not figure.images and maps <= {SCALE}


def figure_html(figure: Figure, alt: str) -> str:
    """Return HTML that embeds the figure with its alternative text, and close the figure.

    The PNG is finer than the screen and has all its colours.
    """
    plt.close(figure)  # or the notebook would show it again at the end of the cell
    if not alt.strip():
        raise CourseError(
            "The figure has no alt text: say in a sentence what it shows, for those who can't see it.",
            code="display.no-alt-text",
        )
    _break_labels(figure)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=1.6 * SCREEN_DPI, pil_kwargs={"compress_level": 1})
    width = round(figure.get_figwidth() * SCREEN_DPI)
    image = _img(drawn.getvalue(), alt, width)
    if is_chart(figure):
        return f'<figure class="course-chart" style="margin:0">{image}{CHART}</figure>'
    if not (boxes := _photo_boxes(figure)):
        return f'<figure style="margin:0">{image}</figure>'
    return f'<figure style="margin:0;position:relative">{image}{_around(drawn, boxes, width)}{AROUND}</figure>'


def _photo_boxes(figure: Figure) -> list[Bbox]:
    """Where the figure, as it was drawn, shows images and what their colours mean, in shares of its size.

    None where an image covers the whole figure.
    """
    if figure.images:
        return []
    shown = [axis for axis in figure.axes if axis.get_visible()]
    return [axis.get_position() for axis in shown if axis.images or axis.get_label() == "<colorbar>"]


def _around(drawn: io.BytesIO, boxes: list[Bbox], width: int) -> str:
    """An element that covers a drawn figure but for these boxes with what it has there, and is seen in dark themes.

    A background image, since a page that removes styles then shows nothing in place of the figure's half.
    """
    pixels = np.array(Image.open(drawn).convert("RGBA"))
    tall, wide = pixels.shape[:2]
    for box in boxes:
        rows = slice(max(0, math.floor((1 - box.y1) * tall)), math.ceil((1 - box.y0) * tall))
        pixels[rows, max(0, math.floor(box.x0 * wide)) : math.ceil(box.x1 * wide)] = 0
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "png", compress_level=1)
    place = f"display:none;position:absolute;left:0;top:0;width:{width}px;max-width:100%;aspect-ratio:{wide}/{tall}"
    return f'<div class="course-around" style="{place};background:url({_uri(png.getvalue())}) 0 0/100% 100%"></div>'


def add_title(figure: Figure, title: str) -> None:
    """Put the title over the whole figure, broken into lines that its width holds."""
    style = plt.rcParams
    lines = textwrap.fill(title, int(TITLE_CHARACTERS * figure.get_figwidth()))
    figure.suptitle(lines, x=0.01, ha="left", fontsize=style["axes.titlesize"], fontweight=style["axes.titleweight"])


def _break_labels(figure: Figure) -> None:
    """Break labels of vertical axes that are longer than their axis, or they run into the title."""
    long = [axis for axis in figure.axes if len(axis.get_ylabel()) > SHORT]
    if long:
        figure.draw_without_rendering()  # settles the layout, and so how long an axis is
    for axis in long:
        label = axis.yaxis.label
        share = axis.get_window_extent().height / label.get_window_extent().height
        if share < 1:
            text = label.get_text()
            label.set_text(textwrap.fill(text, max(1, int(share * len(text)))))


def image_html(image: Image.Image, alt: str, width: int) -> str:
    """Return an `<img>` element that embeds the image, `width` CSS pixels wide."""
    png = io.BytesIO()
    image.convert("RGB").save(png, "png", optimize=True)
    return _img(png.getvalue(), alt, width)


def _img(png: bytes, alt: str, width: int) -> str:
    return f'<img alt="{html.escape(alt)}" width="{width}" style="max-width:100%" src="{_uri(png)}">'


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
