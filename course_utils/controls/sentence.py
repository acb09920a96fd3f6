"""A control that classifies a sentence of the learner's own."""

import html
from collections.abc import Callable, Mapping

import ipywidgets as widgets

from course_utils.display.widgets import shares_html, show_control
from course_utils.errors import CourseError

Classify = Callable[[str], Mapping[str, float]]
MOST_CHARACTERS = 2000


class SentenceControl:
    """A line to write in, and what the classifier says of it; made by `sentence_control`."""

    def __init__(self, classify: Classify, example: str) -> None:
        self.classify = classify
        self.result = ""
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
        try:
            self.answer.value = self._answer(text)
        except CourseError as problem:
            self._refuse(str(problem))
        except Exception as problem:  # a callback's traceback would vanish in the log and leave the old answer
            self._refuse(f"This sentence can't be classified: {' '.join(str(problem).split())}.")

    def _refuse(self, sentence: str) -> None:
        self.result = sentence
        self.answer.value = f'<p role="alert"><strong>No answer.</strong> {html.escape(sentence)}</p>'

    def _answer(self, text: str) -> str:
        if not text.strip():
            raise CourseError("There is nothing to classify: write a sentence.", code="controls.no-sentence")
        if len(text) > MOST_CHARACTERS:
            raise CourseError(
                f"The sentence has {len(text):,} characters: write at most {MOST_CHARACTERS:,}.",
                code="controls.long-sentence",
            )
        shares = sorted(self.classify(text).items(), key=lambda item: -item[1])
        self.result = f"{shares[0][0]} ({shares[0][1]:.0%})"
        said = f'<p role="status">{html.escape(text)}: <strong>{html.escape(self.result)}</strong></p>'
        return said + shares_html(shares)

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
