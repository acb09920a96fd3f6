"""How a figure reaches the notebook: a small PNG inside HTML, because JupyterLab drops the alt text of PNG outputs."""

import base64
import html
import io
import textwrap

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

from course_utils.errors import CourseError

MOST_BYTES = 60_000  # of one figure's HTML in a committed notebook
SCREEN_DPI = 100  # CSS pixels an inch: a figure keeps its size on the page whatever resolution its file has
LEAST_DPI = 40
TITLE_CHARACTERS = 7.5  # an inch


def show(figure: Figure, alt: str) -> None:
    """Display a figure with its alternative text and close it. An empty text raises CourseError."""
    display({"text/html": figure_html(figure, alt), "text/plain": alt}, raw=True)


def figure_html(figure: Figure, alt: str) -> str:
    """Return HTML that embeds the figure with its alternative text, and close the figure.

    The PNG is finer than the screen, or as coarse as it takes to keep the HTML within MOST_BYTES.
    """
    plt.close(figure)  # or the notebook would show it again at the end of the cell
    if not alt.strip():
        raise CourseError("The figure has no alt text: say in a sentence what it shows, for those who can't see it.")
    width = round(figure.get_figwidth() * SCREEN_DPI)
    dpi = 1.6 * SCREEN_DPI
    while True:
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=dpi, pil_kwargs={"compress_level": 1})
        page = f'<figure style="margin:0">{image_html(Image.open(drawn), alt, width)}</figure>'
        if len(page) <= MOST_BYTES or dpi < LEAST_DPI:
            return page
        figure.set_layout_engine("none")  # the layout is settled: only the resolution changes now
        dpi *= 0.9 * (MOST_BYTES / len(page)) ** 0.5


def add_title(figure: Figure, title: str) -> None:
    """Put the title over the whole figure, broken into lines that its width holds."""
    style = plt.rcParams
    lines = textwrap.fill(title, int(TITLE_CHARACTERS * figure.get_figwidth()))
    figure.suptitle(lines, x=0.01, ha="left", fontsize=style["axes.titlesize"], fontweight=style["axes.titleweight"])


def image_html(image: Image.Image, alt: str, width: int) -> str:
    """Return an `<img>` element that embeds the picture in at most 256 colours, `width` CSS pixels wide."""
    png = io.BytesIO()
    image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(png, "png", optimize=True)
    source = "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
    return f'<img alt="{html.escape(alt)}" width="{width}" style="max-width:100%" src="{source}">'
