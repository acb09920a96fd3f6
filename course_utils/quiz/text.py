"""Items as HTML: with the answer folded away for pages without a kernel, and the pieces that widgets are made of."""

import base64
import html
import random
import re
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING

from course_utils.errors import CourseError
from course_utils.quiz import reading
from course_utils.quiz.items import (
    Code,
    Figure,
    Item,
    Model,
    Number,
    OneChoice,
    Option,
    Order,
    Prediction,
    SeveralChoices,
    ShortText,
    Step,
)

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}
PRACTICE = "page"  # what practice is shuffled by: alike in a stored page, a live one, after a restart, and on the site
MARGIN = "margin:.4em 0"
CARD = "border:1px solid var(--jp-border-color1,#9e9e9e);border-radius:4px;padding:.2em 1em;max-width:60em"
# Right and wrong differ in word, sign and colour. Where no Lab sets its theme's colours, these do on light and on dark.
SIGNS = {
    True: ("Right.", "✓", "var(--jp-success-color1,#388e3c)"),
    False: ("Not yet.", "✗", "var(--jp-error-color1,#e53935)"),
}
WAYS = {False: "Reread", True: "Read on in"}  # by whether the answer comes after the question
# 1e-3, which a browser would break after the hyphen
EXPONENT = re.compile(r"(?<![\w.])\d+(?:\.\d+)?e-\d+\b")
WithParts = OneChoice | SeveralChoices | Order


def shuffled(item: WithParts, whose: str = PRACTICE) -> list[int]:
    """Order the options or steps: always the same for `whose`, and never the right order of steps."""
    order = list(range(len(_parts(item))))
    rng = random.Random(f"{whose} {item.id}")
    while True:
        rng.shuffle(order)
        if not isinstance(item, Order) or order != sorted(order):
            return order


def lettered(item: WithParts, order: Sequence[int]) -> list[tuple[str, str]]:
    """Give (letter, text) of each option or step, in the order shown."""
    parts = _parts(item)
    return [(letter, parts[index].text) for letter, index in zip(ascii_uppercase, order, strict=False)]


def _parts(item: WithParts) -> Sequence[Option | Step]:
    return item.steps if isinstance(item, Order) else item.options


def stem_html(item: Item) -> str:
    """Render the heading, the question and its figure."""
    return f'<p style="{MARGIN}"><strong>{inline(item.label)}</strong></p>{markdown(item.stem)}{figure_html(item)}'


def static_html(item: Item) -> str:
    """Render the whole item for a page without a kernel."""
    parts = [stem_html(item), how_html(item)]
    if isinstance(item, (OneChoice, SeveralChoices, Order)):
        shown = lettered(item, shuffled(item))
        parts.append(
            "<ul>" + "".join(f"<li><strong>{letter}</strong> — {inline(text)}</li>" for letter, text in shown) + "</ul>"
        )
    parts.append(f"<details><summary>Answer</summary>{answer_html(item)}</details>")
    return f'<div class="course-question" style="{CARD}">{"".join(parts)}</div>'


def how_html(item: Item) -> str:
    """Say how many options to choose, for a choice."""
    how = {OneChoice: "Choose one.", SeveralChoices: "Choose all that apply."}.get(type(item))
    return f'<p style="{MARGIN}"><em>{how}</em></p>' if how else ""


def verdict_html(right: bool | None, told: str, before: str = "") -> str:
    """Render what an answer is told, HTML, with a word, a sign and a colour for right or wrong; with none for None."""
    if right is None:
        return told
    word, sign, colour = SIGNS[right]
    return (
        f'<div style="border-left:4px solid {colour};padding-left:.7em">{before}'
        f'<span aria-hidden="true" style="color:{colour};font-weight:bold">{sign}</span> '
        f"<strong>{word}</strong> {told}</div>"
    )


def static_text(item: Item) -> str:
    """Write the item for a terminal, without its answer."""
    lines = [item.label, item.stem, *re.findall("<em>(.+)</em>", how_html(item))]
    if isinstance(item, (OneChoice, SeveralChoices, Order)):
        lines += [f"{letter} — {text}" for letter, text in lettered(item, shuffled(item))]
    return "\n".join(lines)


def answer_html(item: Item) -> str:
    """Render the right answer and why."""
    return f"<p style='{MARGIN}'><strong>{inline(right_answer(item))}</strong></p>{explanation_html(item)}"


def right_answer(item: Item, whose: str = PRACTICE) -> str:
    """Say the right answer in words, with the letters of the order for `whose`."""
    if isinstance(item, (OneChoice, SeveralChoices)):
        order = shuffled(item, whose)
        return "; ".join(
            f"{ascii_uppercase[n]} — {item.options[index].text}" for n, index in enumerate(order) if index in item.key
        )
    if isinstance(item, Order):
        order = shuffled(item, whose)
        letters = " ".join(ascii_uppercase[order.index(step)] for step in range(len(item.steps)))
        return f"{letters}: {'; '.join(step.text for step in item.steps)}"
    if isinstance(item, Number):
        about = f" ± {item.tolerance:g}" if item.tolerance else ""
        return f"{item.answer:g}{about}{f' {item.unit}' if item.unit else ''}"
    if isinstance(item, ShortText):
        return item.accept[0]
    if isinstance(item, Prediction):
        return "The next cells find it."
    assert isinstance(item, (Code, Model))
    return "The solution stands in the folder solutions."


def hints_html(item: Item, seen: int) -> str:
    """Render the hints that were asked for, the first `seen`; "" for none."""
    hints = item.hints[:seen]
    rows = [f"<strong>Hint {n} of {len(item.hints)}.</strong> {inline(hint)}" for n, hint in enumerate(hints, 1)]
    last = " That was the last hint." if hints and seen == len(item.hints) else ""
    return "".join(f'<p style="{MARGIN}">{row}{last if n == seen else ""}</p>' for n, row in enumerate(rows, 1))


def folded_hints(item: Item) -> str:
    """Render all hints, each folded away, for a page without buttons."""
    names = ("A hint", *["Another hint"] * (len(item.hints) - 1))
    return "".join(
        f"<details><summary>{name}</summary>{inline(hint)}</details>"
        for name, hint in zip(names, item.hints, strict=True)
    )


def said_html(page: str) -> str:
    """Wrap what a question says, for screen readers to read out, its links and code as in Lab; "" for nothing."""
    return f'<div role="status" class="jp-RenderedHTMLCommon">{page}</div>' if page else ""


def explanation_html(item: Item) -> str:
    """Render the explanation and where the fact stands."""
    source = "" if item.source in ("", "measured") else f'<p style="{MARGIN}">Source: {inline(item.source)}</p>'
    return markdown(item.explanation) + source


def where_html(item: Item) -> str:
    """Say what to read before the next try."""
    return f"{WAYS[item.below]} {section_html(item)} and try again."


def section_html(item: Item) -> str:
    """Link to the section that answers the item; JupyterLab follows it within the notebook, and Colab can't."""
    if "google.colab" in sys.modules:  # an output is a page of its own there
        return f"<em>{html.escape(item.section)}</em>"
    return f'<a href="#{html.escape(item.section.replace(" ", "-"))}"><em>{html.escape(item.section)}</em></a>'


def markdown(text: str) -> str:
    """Render Markdown as HTML; formulas stay as they are, for MathJax."""
    return _parser().render(text)


def inline(text: str) -> str:
    """Render one line of Markdown as HTML, without a paragraph around it."""
    return _parser().renderInline(text)


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("text", _text)
    return parser


def _text(self: object, tokens: Sequence["Token"], index: int, *_: object) -> str:
    from markdown_it.common.utils import escapeHtml

    return EXPONENT.sub(r"<nobr>\g<0></nobr>", escapeHtml(tokens[index].content))


def figure_html(item: Item) -> str:
    """Render the item's figure; nothing when it has none."""
    if not item.figure:
        return ""
    file = figure_file(item, item.figure)
    kind = TYPES[file.suffix]
    source = base64.b64encode(file.read_bytes()).decode()
    alt = html.escape(item.figure.alt, quote=True)
    return (
        f'<figure style="margin:0"><img alt="{alt}" style="max-width:100%" src="data:{kind};base64,{source}"></figure>'
    )


def figure_file(item: Item, figure: Figure) -> Path:
    """Find an item's image.

    Raises
    ------
    CourseError
        `quiz.figure` when it isn't there or of no kind that a page can show.
    """
    name = figure.file
    file = (reading.FOLDER / name).resolve()
    if file.suffix not in TYPES:
        raise CourseError(
            f"The figure {name!r} of item {item.id} should be one of {', '.join(TYPES)}.", code="quiz.figure"
        )
    if not file.is_relative_to(reading.FOLDER.resolve()) or not file.is_file():
        raise CourseError(
            f"The figure {name!r} of item {item.id} isn't in the folder quizzes: put it there.", code="quiz.figure"
        )
    return file
