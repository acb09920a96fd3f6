"""Items as HTML: with the answer folded away for pages without a kernel, and the pieces that widgets are made of."""

import base64
import html
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import ascii_uppercase

from course_utils.errors import CourseError
from course_utils.quiz import reading
from course_utils.quiz.items import Code, Item, Model, Number, OneChoice, Order, Prediction, SeveralChoices, ShortText

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}
STATIC = "page"  # the shuffle of a page that belongs to no learner
MARGIN = "margin:.4em 0"


def shuffled(item: Item, whose: str) -> list[int]:
    """The order in which a learner sees the options or steps: always the same, and never the right order of steps."""
    parts = item.steps if isinstance(item, Order) else item.options
    order = list(range(len(parts)))
    dice = random.Random(f"{whose} {item.id}")
    while True:
        dice.shuffle(order)
        if not isinstance(item, Order) or order != sorted(order):
            return order


def lettered(item: Item, order: Sequence[int]) -> list[tuple[str, str]]:
    """(letter, text) of each option or step, in the order shown."""
    parts = item.steps if isinstance(item, Order) else item.options
    return [(letter, parts[place].text) for letter, place in zip(ascii_uppercase, order, strict=False)]


def stem_html(item: Item) -> str:
    """The heading, the question and its figure."""
    return f'<p style="{MARGIN}"><strong>{inline(item.label)}</strong></p>{markdown(item.stem)}{_figure(item)}'


def static_html(item: Item) -> str:
    """The whole item for a page without a kernel."""
    parts = [stem_html(item)]
    if isinstance(item, (OneChoice, SeveralChoices, Order)):
        shown = lettered(item, shuffled(item, STATIC))
        parts.append(
            "<ul>" + "".join(f"<li><strong>{letter}</strong> — {inline(text)}</li>" for letter, text in shown) + "</ul>"
        )
    parts.append(f"<details><summary>Answer</summary>{answer_html(item, STATIC)}</details>")
    return "".join(parts)


def static_text(item: Item) -> str:
    """The item for a terminal, without its answer."""
    lines = [item.label, item.stem]
    if isinstance(item, (OneChoice, SeveralChoices, Order)):
        lines += [f"{letter} — {text}" for letter, text in lettered(item, shuffled(item, STATIC))]
    return "\n".join(lines)


def answer_html(item: Item, whose: str) -> str:
    """The right answer and why."""
    return f"<p style='{MARGIN}'><strong>{inline(right_answer(item, whose))}</strong></p>{explanation_html(item)}"


def right_answer(item: Item, whose: str) -> str:
    """The right answer in words, with the letters that this learner sees."""
    if isinstance(item, (OneChoice, SeveralChoices)):
        order = shuffled(item, whose)
        return "; ".join(
            f"{ascii_uppercase[n]} — {item.options[place].text}" for n, place in enumerate(order) if place in item.key
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


def explanation_html(item: Item) -> str:
    """The explanation and where the fact stands."""
    source = "" if item.source == "measured" else f'<p style="{MARGIN}">Source: {inline(item.source)}</p>'
    return markdown(item.explanation) + source


def section_html(item: Item) -> str:
    """A link to the section that answers the item; JupyterLab follows it within the notebook."""
    return f'<a href="#{html.escape(item.section.replace(" ", "-"))}">{html.escape(item.section)}</a>'


def markdown(text: str) -> str:
    """Markdown as HTML; formulas stay as they are, for MathJax."""
    return _parser().render(text)


def inline(text: str) -> str:
    """One line of Markdown as HTML, without a paragraph around it."""
    return _parser().renderInline(text)


@cache
def _parser():
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _figure(item: Item) -> str:
    if not item.figure:
        return ""
    file = figure_file(item)
    kind = TYPES[file.suffix]
    source = base64.b64encode(file.read_bytes()).decode()
    alt = html.escape(item.figure.alt, quote=True)
    return (
        f'<figure style="margin:0"><img alt="{alt}" style="max-width:100%" src="data:{kind};base64,{source}"></figure>'
    )


def figure_file(item: Item) -> Path:
    """The item's image. CourseError when it isn't there or of no kind that a page can show."""
    name = item.figure.file
    file = (reading.FOLDER / name).resolve()
    if file.suffix not in TYPES:
        raise CourseError(f"The figure {name!r} of item {item.id} should be one of {', '.join(TYPES)}.")
    if not file.is_relative_to(reading.FOLDER.resolve()) or not file.is_file():
        raise CourseError(f"The figure {name!r} of item {item.id} isn't in the folder quizzes: put it there.")
    return file
