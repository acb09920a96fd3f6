"""Questions that answer in the page, by mouse or keyboard; each builds under ipywidgets 7.7 (Colab) and 8."""

import asyncio
import warnings
from collections.abc import Callable

import ipywidgets as widgets

from course_utils.display.widgets import show_control
from course_utils.errors import CourseError
from course_utils.quiz import progress
from course_utils.quiz.answers import Verdict, judge, read_number
from course_utils.quiz.inputs import STYLE, Choice, Line, Ticks, Written
from course_utils.quiz.items import Code, Model, OneChoice, Order, Prediction, SeveralChoices
from course_utils.quiz.reading import item as item_of
from course_utils.quiz.text import (
    answer_html,
    explanation_html,
    hints_html,
    inline,
    said_html,
    shuffled,
    static_html,
    static_text,
    stem_html,
    verdict_html,
    where_html,
)

# While a kernel is busy, the page keeps a text or a choice back until the last one was taken, but sends Enter and
# clicks at once.
MOMENT = 0.1  # seconds between Enter, or the click on Check, and the text or the choice that it ended
LATE = 0.5  # seconds that a text may come after the click on Check that it was meant for
ENOUGH = 2  # wrong tries after which the answer may be shown
AGAIN = "your answers come back"
AGAIN_TODAY = "You got this right before, after a miss. Today it is asked again."
# A kernel hears nothing while a cell runs. The page itself shows this beside the buttons in use as long as it does.
WAITS = "A cell is running: your click counts as soon as it ends."

Asked = OneChoice | SeveralChoices | Written


class Question:
    """One item in the page; made by `ask` and `predict`, and by `review`, which asks anew."""

    def __init__(self, item: Asked, anew: bool = False):
        self.item = item
        self.input: Choice | Ticks | Line
        if isinstance(item, OneChoice):
            self.input = Choice(item, shuffled(item))
        elif isinstance(item, SeveralChoices):
            self.input = Ticks(item, shuffled(item))
        else:
            self.input = Line(item, shuffled(item) if isinstance(item, Order) else None)
        self.hints = self.wrong = self.times = 0
        self.done = False
        self.checked = ""
        self.check = _button("Note my guess" if isinstance(item, Prediction) else "Check", self._click)
        self.hint = _button("Hint", self._hint)
        self.show = _button("Show the answer", self._show)
        self.show.layout.display = "none"
        self.said, self.hinted = widgets.HTMLMath(), widgets.HTMLMath()
        if isinstance(self.input, Line):
            _on_enter(self.input.field, self._enter)
        waits = widgets.HTML(f'<span aria-live="polite">{WAITS}</span>')
        waits.add_class("course-waits")
        shown = [self.check, self.hint, self.show, waits]
        buttons = widgets.HBox(shown, layout=widgets.Layout(flex_flow="row wrap"))
        stem = widgets.HTMLMath(STYLE + stem_html(item))
        self.box = widgets.VBox([stem, self.input.view, buttons, self.said, self.hinted])
        self.box.add_class("course-question")
        if not anew:
            self._restore()

    def _restore(self) -> None:
        """Show the last answer, what was said of it, and the hints; but a right answer that is due is asked again."""
        self.hints = min(progress.hints_seen(self.item.id), len(self.item.hints))
        self._show_hints()
        if isinstance(self.item, Prediction):
            if (guess := progress.guess_of(self.item.id)) is not None:
                self.input.answer = f"{guess:g}"
                self._say(f"<strong>Noted.</strong> Your guess is {guess:g}. You may change it.")
            return
        last = progress.last_answer(self.item.id)
        if last is None or last[1] is None:
            return
        if last[0] and self.item.id in progress.due_items():
            self._say(AGAIN_TODAY)
            return
        verdict = judge(self.item, last[1], self.input.order)
        if verdict.right is not None:  # an answer to what the item was before it was changed
            self.input.answer = last[1]
            self.wrong = progress.misses(self.item.id)
            self._tell(verdict, again=True)

    def _enter(self, _: object = None) -> None:
        """Check what was written, a moment later: browsers tell of Enter before the text that it ends."""
        self._later(MOMENT)

    def _click(self, _: object = None) -> None:
        """Check what is chosen a moment later, and a text at once unless it was checked before: a new one may come."""
        if not isinstance(self.input, Line):
            self._later(MOMENT)
        elif self.input.field.value == self.checked:
            self._later(LATE)
        else:
            self._check()

    def _later(self, seconds: float) -> None:
        try:
            asyncio.get_running_loop().call_later(seconds, self._check)
        except RuntimeError:  # no kernel, no browser
            self._check()

    def _check(self) -> None:
        if isinstance(self.input, Line):
            self.checked = self.input.field.value
        if isinstance(self.item, Prediction):
            self._note(self.item)
            return
        answer = self.input.answer
        verdict = judge(self.item, answer, self.input.order)
        if verdict.right is not None and not self.done:  # once it is right, more looking around is no new try
            progress.record(self.item.id, verdict.right, answer, self.hints)
            self.wrong += not verdict.right
        self._tell(verdict)

    def _note(self, item: Prediction) -> None:
        guess, trouble = read_number(self.input.answer, item.unit)
        if not trouble and not item.low <= guess <= item.high:
            trouble = f"A guess lies between {item.low:g} and {item.high:g}."
        if trouble:
            self._say(f"<strong>Not noted.</strong> {inline(trouble)}")
            return
        progress.keep_guess(item.id, guess)
        self._say(f"<strong>Noted:</strong> {guess:g}. A cell below compares it with what it finds.")

    def _tell(self, verdict: Verdict, again: bool = False) -> None:
        told = " ".join(inline(part) for part in verdict.feedback)
        before = "You answered this before. " if again else ""
        if verdict.right is None:
            self._say(told)
        elif verdict.right:
            self.done = True
            self.show.layout.display = "none"
            self.hinted.value = ""
            self._say(verdict_html(True, f"{told} {explanation_html(self.item)}", before))
        else:
            if self.wrong >= ENOUGH:
                self.show.layout.display = ""
            told = f"{told} {where_html(self.item)}"
            self._say(verdict_html(False, told, before))

    def _hint(self, _: object = None) -> None:
        self.hints = min(self.hints + 1, len(self.item.hints))
        progress.keep_hints(self.item.id, self.hints)
        self._show_hints()

    def _show_hints(self) -> None:
        self.hinted.value = said_html(hints_html(self.item, self.hints))

    def _show(self, _: object = None) -> None:
        self.done = True
        self._say(answer_html(self.item))

    def _say(self, page: str) -> None:
        self.result, self.times = page, self.times + 1
        self.said.value = f"{said_html(page)}<!-- {self.times} -->"  # the page hears of the same answer, too

    def _ipython_display_(self) -> None:
        show_control(self.box, static_html(self.item), static_text(self.item), AGAIN)


def ask(identifier: str) -> Question:
    """Show a question.

    Parameters
    ----------
    identifier : str
        The item's id, "04.2".

    Raises
    ------
    CourseError
        `quiz.wrong-call` for an exercise; `quiz.item-name`, `quiz.unknown-lesson` or `quiz.unknown-item` for an id
        that no item has.
    """
    item = item_of(identifier)
    if isinstance(item, (Code, Model)):
        raise CourseError(
            f"{identifier} is an exercise: write its cell, then call check({identifier!r}, {item.name}).",
            code="quiz.wrong-call",
        )
    return Question(item)


def predict(identifier: str) -> Question:
    """Ask for a guess that `found` compares with a later cell's finding.

    Parameters
    ----------
    identifier : str
        The id of a prediction, "04.8".

    Raises
    ------
    CourseError
        `quiz.wrong-call` for items of other kinds, and as for `ask`.
    """
    item = item_of(identifier)
    if not isinstance(item, Prediction):
        raise CourseError(
            f"{identifier} is of kind {item.kind!r}: show it with ask({identifier!r}).", code="quiz.wrong-call"
        )
    return Question(item)


def _button(words: str, pressed: Callable[..., None]) -> widgets.Button:
    button = widgets.Button(description=words, layout=widgets.Layout(width="auto"))
    button.on_click(pressed)
    return button


def _on_enter(field: widgets.Text, pressed: Callable[..., None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what ipywidgets 8 offers instead also fires on leaving
        field.on_submit(pressed)
