"""What controls share in which a classifier answers: its answer with bars, or one sentence in the answer's place."""

import html
from collections.abc import Callable, Mapping

import ipywidgets as widgets

from course_utils.display.widgets import shares_html
from course_utils.errors import CourseError


class AnsweringControl:
    """A place for the classifier's answer.

    Attributes
    ----------
    answer : HTML widget
        The answer.
    result : str
        The likeliest class with its probability, or the sentence that stands in their place.
    """

    answer: widgets.HTML
    result = ""

    def try_to_answer(self, answer: Callable[[], str], what: str) -> None:
        """Show what `answer` gives, or why it can't; what: is classified, for that sentence."""
        try:
            self.answer.value = answer()
        except CourseError as problem:
            self.refuse(str(problem))
        except Exception as problem:  # a callback's traceback would vanish in the log and leave the old answer
            self.refuse(f"{what} can't be classified: {' '.join(str(problem).split())}.")

    def refuse(self, sentence: str) -> None:
        """Put a sentence in the answer's place."""
        self.result = sentence
        self.answer.value = f'<p role="alert"><strong>No answer.</strong> {html.escape(sentence)}</p>'

    def told(self, name: str, shares: Mapping[str, float]) -> str:
        """Write what the classifier says of something, its probability (0 to 1) of each class, and keep the result."""
        best_first = sorted(shares.items(), key=lambda item: -item[1])
        self.result = f"{best_first[0][0]} ({best_first[0][1]:.0%})"
        said = f'<p role="status">{html.escape(name)}: <strong>{html.escape(self.result)}</strong></p>'
        return said + shares_html(best_first)
