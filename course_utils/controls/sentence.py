"""A control that classifies a sentence of the learner's own."""

from collections.abc import Callable, Mapping

import ipywidgets as widgets

from course_utils.controls.answers import AnsweringControl
from course_utils.display.widgets import show_control
from course_utils.errors import CourseError

Classify = Callable[[str], Mapping[str, float]]
MOST_CHARACTERS = 2000


class SentenceControl(AnsweringControl):
    """A line to write in, and what the classifier says of it; made by `sentence_control`."""

    def __init__(self, classify: Classify, example: str) -> None:
        self.classify = classify
        self.answer = widgets.HTML(self._answer(example))
        self.line = widgets.Text(
            value=example,
            description="Your sentence",
            continuous_update=False,  # Enter or leaving the line asks, not each letter
            style={"description_width": "initial"},
            layout=widgets.Layout(width="90%"),
        )
        self.line.observe(lambda change: self._classify(change["new"]), "value")
        self.box = widgets.VBox([self.line, self.answer])

    def _classify(self, text: str) -> None:
        self.try_to_answer(lambda: self._answer(text), "This sentence")

    def _answer(self, text: str) -> str:
        if not text.strip():
            raise CourseError("There is nothing to classify: write a sentence.", code="controls.no-sentence")
        if len(text) > MOST_CHARACTERS:
            raise CourseError(
                f"The sentence has {len(text):,} characters: write at most {MOST_CHARACTERS:,}.",
                code="controls.long-sentence",
            )
        return self.told(text, self.classify(text))

    def _ipython_display_(self) -> None:
        show_control(
            self.box,
            self.answer.value,
            f"Write a sentence. The example is classified as {self.result}.",
            "it takes a sentence of yours again",
        )


def sentence_control(classify: Classify, example: str) -> SentenceControl:
    """Let the learner write a sentence and read what the classifier says of it; the example is classified at once.

    Parameters
    ----------
    classify : callable
        From a text to the probability (0 to 1) of each class.
    example : str
        The sentence to begin with.

    Raises
    ------
    CourseError
        `controls.no-sentence` and `controls.long-sentence` for an example that is empty or has more than 2,000
        characters; what the learner writes gets the same sentence in the control.
    """
    return SentenceControl(classify, example)
