"""What a question is answered with: radio buttons, checkboxes, or a line to write in."""

from importlib.resources import files
from string import ascii_uppercase
from typing import Any

import ipywidgets as widgets

from course_utils.quiz.items import Number, OneChoice, Order, Prediction, SeveralChoices, ShortText
from course_utils.quiz.text import how_html, inline, lettered

STYLE = f"<style>{files('course_utils.display').joinpath('question.css').read_text(encoding='utf-8')}</style>"
WIDE = {"description_width": "initial"}

Written = Number | ShortText | Order | Prediction


class Choice:
    """A radio button for each option."""

    def __init__(self, item: OneChoice, order: list[int]):
        self.order = order
        self.buttons = widgets.RadioButtons(
            options=[
                (_label(letter, text), index)
                for (letter, text), index in zip(lettered(item, order), order, strict=True)
            ],
            value=None,
            layout=widgets.Layout(width="100%", height="auto"),
        )
        self.buttons.add_class("course-options")
        self.view = widgets.VBox([widgets.HTML(how_html(item)), self.buttons])

    @property
    def answer(self) -> list[int]:
        """The chosen option's index in the item, in a list; empty while none is chosen."""
        return [] if self.buttons.value is None else [self.buttons.value]

    @answer.setter
    def answer(self, indices: Any) -> None:
        (self.buttons.value,) = indices


class Ticks:
    """A checkbox for each option."""

    def __init__(self, item: SeveralChoices, order: list[int]):
        self.order = order
        self.boxes = [
            widgets.Checkbox(
                description=_label(letter, text),
                indent=False,
                layout=widgets.Layout(width="100%", height="auto"),
                style=WIDE,
            )
            for letter, text in lettered(item, order)
        ]
        options = widgets.VBox(self.boxes)
        options.add_class("course-options")
        self.view = widgets.VBox([widgets.HTML(how_html(item)), options])

    @property
    def answer(self) -> list[int]:
        """The ticked options' indices in the item."""
        return sorted(index for index, box in zip(self.order, self.boxes, strict=True) if box.value)

    @answer.setter
    def answer(self, indices: Any) -> None:
        for index, box in zip(self.order, self.boxes, strict=True):
            box.value = index in indices


class Line:
    """A line to write in: a number, a word or two, or the letters of steps in their order."""

    def __init__(self, item: Written, order: list[int] | None):
        self.order = order
        label, example = _asked(item)
        self.field = widgets.Text(
            continuous_update=False,  # or, while a cell trains, Check would arrive before the last letters do
            description=label,
            placeholder=example,
            layout=widgets.Layout(width="100%", max_width="26em"),
            style=WIDE,
        )
        steps = [widgets.HTMLMath(_steps_html(item, order))] if isinstance(item, Order) and order else []
        self.view = widgets.VBox([*steps, self.field])

    @property
    def answer(self) -> str | list[int]:
        """What was written; for an order, the steps' indices, -1 for a letter that names no step."""
        if self.order is None:
            return self.field.value
        letters = [letter for letter in self.field.value.upper() if letter in ascii_uppercase]
        return [self.order[n] if (n := ascii_uppercase.index(letter)) < len(self.order) else -1 for letter in letters]

    @answer.setter
    def answer(self, answer: Any) -> None:
        if self.order is None:
            self.field.value = str(answer)
        else:
            self.field.value = " ".join(ascii_uppercase[self.order.index(step)] for step in answer)


def _label(letter: str, text: str) -> str:
    return f"{letter} — {text.replace('`', '')}"  # a label holds no code font


def _asked(item: Written) -> tuple[str, str]:
    """A line's label and the example within it."""
    if isinstance(item, Order):
        return "The letters in order:", " ".join(ascii_uppercase[: len(item.steps)])
    if isinstance(item, ShortText):
        return "Your answer:", "a word or two"
    unit = f" ({item.unit})" if item.unit else ""
    return (f"Your guess{unit}:" if isinstance(item, Prediction) else f"Your answer{unit}:"), "a number"


def _steps_html(item: Order, order: list[int]) -> str:
    rows = (f"<li><strong>{letter}</strong> — {inline(text)}</li>" for letter, text in lettered(item, order))
    return f"<ul style='line-height:1.5'>{''.join(rows)}</ul>"
