"""How a figure reaches the notebook: a small PNG inside HTML, because JupyterLab drops the alt text of PNG outputs."""

import base64
import html
import io
import textwrap

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

from course_utils import settings
from course_utils.errors import CourseError

SCREEN_DPI = 100  # CSS pixels an inch: a figure keeps its size on the page whatever resolution its file has
TITLE_CHARACTERS = 7.5  # an inch


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


def figure_html(figure: Figure, alt: str) -> str:
    """Return HTML that embeds the figure with its alternative text, and close the figure.

    The PNG is finer than the screen and has all its colours. Where its bytes are limited, as in committed notebooks, it
    gets fewer colours, and then fewer pixels, until it fits.
    """
    plt.close(figure)  # or the notebook would show it again at the end of the cell
    if not alt.strip():
        raise CourseError(
            "The figure has no alt text: say in a sentence what it shows, for those who can't see it.",
            code="display.no-alt-text",
        )
    png, dpi, limit = b"", 1.6 * SCREEN_DPI, settings.figure_limit()
    while not png or (limit and len(png) > limit):
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=dpi, pil_kwargs={"compress_level": 1})
        if limit is None:
            png = drawn.getvalue()
            break
        # Images of few pixels grow cheaply: fewer colours save more bytes than fewer dots, and leave the text sharp.
        for colours in (256, 128, 64):
            png = _small_png(Image.open(drawn), colours)
            if len(png) <= limit:
                break
        figure.set_layout_engine("none")  # the layout is settled: only the resolution changes now
        dpi *= 0.8
    return f'<figure style="margin:0">{_img(png, alt, round(figure.get_figwidth() * SCREEN_DPI))}</figure>'


def add_title(figure: Figure, title: str) -> None:
    """Put the title over the whole figure, broken into lines that its width holds."""
    style = plt.rcParams
    lines = textwrap.fill(title, int(TITLE_CHARACTERS * figure.get_figwidth()))
    figure.suptitle(lines, x=0.01, ha="left", fontsize=style["axes.titlesize"], fontweight=style["axes.titleweight"])


def image_html(image: Image.Image, alt: str, width: int) -> str:
    """Return an `<img>` element that embeds the image, `width` CSS pixels wide."""
    return _img(_small_png(image, 256 if settings.figure_limit() else None), alt, width)


def _small_png(image: Image.Image, colours: int | None) -> bytes:
    png, image = io.BytesIO(), image.convert("RGB")
    image = image.quantize(colours, dither=Image.Dither.NONE) if colours else image
    image.save(png, "png", optimize=True)
    return png.getvalue()


def _img(png: bytes, alt: str, width: int) -> str:
    source = "data:image/png;base64," + base64.b64encode(png).decode()
    return f'<img alt="{html.escape(alt)}" width="{width}" style="max-width:100%" src="{source}">'
