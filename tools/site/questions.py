"""An item as a form that answers in the page by itself; where no script runs, its answer is folded beneath it."""

import html
import json
import re
from collections.abc import Mapping
from typing import Any

from docutils.nodes import make_id
from docutils.utils.math.latex2mathml import tex2mathml

from course_utils.quiz import text as quiz_text
from course_utils.quiz.answers import unit_names
from course_utils.quiz.items import (
    Code,
    Item,
    Model,
    Number,
    OneChoice,
    Order,
    Prediction,
    SeveralChoices,
    ShortText,
    plain,
)
from course_utils.quiz.text import WAYS, figure_html, lettered, right_answer, shuffled

HOW = {
    "one choice": "Choose one answer.",
    "several choices": "Choose all that apply.",
    "order": "Put the steps in order with the arrows.",
}
Question = OneChoice | SeveralChoices | Number | ShortText | Order | Prediction
FORMULA = re.compile(r"\$([^$<>]+)\$")


def anchor(identifier: str) -> str:
    """The id of an item's element in its page: "question-04-2"."""
    return f"question-{identifier.replace('.', '-')}"


def question_html(item: Question) -> str:
    """Render a question as a form; see static/practice.js for what makes it answer."""
    heading = f'<span class="course-number">Question {item.id}</span> {_inline(item.topic)}'
    how = HOW.get(item.kind, "")
    return (
        f'<form class="course-question" id="{anchor(item.id)}" data-item="{item.id}" '
        f'data-label="{_label(item)}" novalidate>'
        f'<p class="course-heading">{heading}</p>'
        f'<div class="course-stem">{_markdown(item.stem)}{figure_html(item)}</div>'
        f"<fieldset><legend>{how or 'Your answer'}</legend>{_input(item)}</fieldset>"
        '<p class="course-buttons" hidden>'
        f"<button>{'Note my guess' if isinstance(item, Prediction) else 'Check'}</button>"
        '<button type="button" data-does="hint">Hint</button></p>'
        '<div class="course-said" role="status"></div>'
        f'<p class="course-again" hidden>{WAYS[item.below]} <a href="#{make_id(item.section)}">'
        f"<em>{html.escape(item.section)}</em></a> and try again.</p>"
        '<div class="course-hinted" role="status"></div>'
        f'<details class="course-answer"><summary>{_fold(item)}</summary>{_answer(item)}</details>'
        f'<script type="application/json">{_json(_key(item))}</script></form>'
    )


def _label(item: Item) -> str:
    return html.escape(item.label, quote=True)


def _fold(item: Item) -> str:
    return "What to think of" if isinstance(item, Prediction) else "Answer"


def _answer(item: Item) -> str:
    """The right answer and why; a guess has none."""
    right = "" if isinstance(item, Prediction) else f"<p><strong>{_inline(_right(item))}</strong></p>"
    return f'{right}<div class="course-explanation">{_explanation(item)}</div>'


def _right(item: Item) -> str:
    """The right answer in words: steps have no letters here."""
    if isinstance(item, Order):
        return "; ".join(f"{number}. {step.text}" for number, step in enumerate(item.steps, 1))
    return right_answer(item)


def _input(item: Item) -> str:
    if isinstance(item, (OneChoice, SeveralChoices)):
        kind = "radio" if isinstance(item, OneChoice) else "checkbox"
        return "".join(
            f'<label class="course-option"><input type="{kind}" name="answer" value="{index}">'
            f"<span>{letter} — {_inline(text)}</span></label>"
            for index, (letter, text) in zip(shuffled(item), lettered(item, shuffled(item)), strict=True)
        )
    if isinstance(item, Order):
        rows = "".join(
            f'<li data-step="{index}"><span>{_inline(item.steps[index].text)}</span></li>' for index in shuffled(item)
        )
        return f'<ol class="course-steps">{rows}</ol>'
    unit = getattr(item, "unit", "")
    numeric = 'inputmode="decimal" size="12"' if isinstance(item, (Number, Prediction)) else 'size="24"'
    after = f' <span class="course-unit">{html.escape(unit)}</span>' if unit else ""
    label = "Your guess" if isinstance(item, Prediction) else "Your answer"
    return f'<input type="text" name="answer" aria-label="{label}{_in(unit)}" autocomplete="off" {numeric}>{after}'


def _in(unit: str) -> str:
    return f", in {html.escape(unit, quote=True)}" if unit else ""


def _key(item: Question) -> dict[str, Any]:
    """What the page's script judges by: practice items' keys are public."""
    shared = {"kind": item.kind, "hints": [_inline(hint) for hint in item.hints]}
    match item:
        case OneChoice() | SeveralChoices():
            feedback = [_inline(option.feedback) for option in item.options]
            return shared | {"key": sorted(item.key), "feedback": feedback, "shown": shuffled(item)}
        case Order():
            return shared | {"feedback": [_inline(step.feedback) for step in item.steps]}
        case Number():
            mistakes = [
                {"answer": wrong.answer, "tolerance": wrong.tolerance, "feedback": _inline(wrong.feedback)}
                for wrong in item.mistakes
            ]
            own = {"answer": item.answer, "tolerance": item.tolerance, "mistakes": mistakes}
            return shared | own | _unit(item.unit)
        case Prediction():
            return shared | {"low": item.low, "high": item.high} | _unit(item.unit)
        case ShortText():
            texts = [
                {"answers": [plain(text) for text in wrong.answers], "feedback": _inline(wrong.feedback)}
                for wrong in item.mistakes
            ]
            return shared | {"accept": [plain(text) for text in item.accept], "mistakes": texts}


def _unit(unit: str) -> dict[str, Any]:
    return {"unit": unit, "units": sorted(unit_names(unit))}


def exercise_html(item: Code | Model, launch: str, solution: str) -> str:
    """Render what stands below an exercise's cell: where to run it, hints and the solution, folded."""
    hints = "".join(f"<li>{_inline(hint)}</li>" for hint in item.hints)
    return (
        f'<div class="course-exercise" id="{anchor(item.id)}" data-item="{item.id}" data-label="{_label(item)}">'
        f"<p>The check runs your code, so it needs a notebook: {launch}.</p>"
        f"<details><summary>Hints</summary><ul>{hints}</ul></details>"
        f"<details><summary>Solution</summary>{solution}{_explanation(item)}</details></div>"
    )


def found_html(item: Prediction, found: float, said: str) -> str:
    """Render what a cell found, to stand beside the reader's guess."""
    unit = html.escape(item.unit, quote=True)
    return (
        f'<div class="course-found" data-item="{item.id}" data-found="{found:g}" {_near(item)} '
        f'data-unit="{unit}"><p class="course-said" role="status">{html.escape(said)}</p>{_explanation(item)}</div>'
    )


def _near(item: Prediction) -> str:
    return f'data-factor="{item.factor:g}"' if item.factor else f'data-within="{item.within:g}"'


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False).replace("</", "<\\/")


def _inline(text: str) -> str:
    return _formulas(quiz_text.inline(text))


def _markdown(text: str) -> str:
    return _formulas(quiz_text.markdown(text))


def _explanation(item: Item) -> str:
    return _formulas(quiz_text.explanation_html(item))


def _formulas(page: str) -> str:
    """Formulas as MathML, which browsers show without a script."""
    return FORMULA.sub(lambda match: " ".join(tex2mathml(html.unescape(match[1])).split()), page)
