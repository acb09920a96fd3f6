"""From what a worker sent back to a mark: letters, numbers and words as in practice, code and networks by values."""

import ast
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from course_utils.grading.bank.items import FreeText, GradedCode, GradedItem, GradedModel, answer_name
from course_utils.grading.records import LONGEST_ANSWER, Mark, Outcome, State
from course_utils.quiz.answers import judge
from course_utils.quiz.comparing import same
from course_utils.quiz.items import Number, OneChoice, Order, SeveralChoices, ShortText
from course_utils.quiz.text import shuffled

LETTERED = (OneChoice, SeveralChoices, Order)


def answer_of(item: GradedItem, value: Any, whose: str) -> Any:
    """What an answer cell bound, as `judge` takes it: letters become places, in the order that the student saw."""
    if not isinstance(item, LETTERED):
        return value
    letters = [sign for sign in value.upper() if sign not in " ,;.()"] if type(value) is str else []
    order = shuffled(item, whose)
    return [order[n] if (n := ascii_uppercase.find(letter)) in range(len(order)) else -1 for letter in letters]


def is_blank(item: GradedItem, value: Any) -> bool:
    """Whether an answer was left as it was handed out."""
    return value is None or value is ... or (type(value) is str and not value.strip())


def judged(
    item: OneChoice | SeveralChoices | Number | ShortText | Order, value: Any, whose: str
) -> tuple[Outcome, tuple[str, ...]]:
    """The outcome and the feedback of a question that practice knows as well."""
    if is_blank(item, value):
        return Outcome.BLANK, ()
    verdict = judge(item, answer_of(item, value, whose))
    return (Outcome.RIGHT if verdict.right else Outcome.WRONG), verdict.feedback


def agrees(item: GradedCode, expected: Any, given: Any) -> bool:
    """Whether a code item's value is right; both are decoded, so that no method of the student's is called."""
    return same(expected, given, item.tolerance)


def network_judged(item: GradedModel, scores: Any, truth: Sequence[int]) -> tuple[Outcome, tuple[str, ...]]:
    """The outcome of a network by its scores, (N, classes), for inputs whose truth stayed here."""
    import numpy as np

    if type(scores) is not np.ndarray or scores.ndim != 2 or len(scores) != len(truth) or scores.shape[1] < 2:
        return Outcome.WRONG, (f"{item.name} should give one row of two scores or more for each input.",)
    if not np.isfinite(scores).all():
        return Outcome.WRONG, (f"{item.name} gave scores that are not finite.",)
    share = float((scores.argmax(1) == np.asarray(truth)).mean())
    said = f"{item.name} is right for {share:.0%} of the inputs"
    if share < item.at_least:
        return Outcome.WRONG, (f"{said}; {item.at_least:.0%} are asked for.",)
    return Outcome.RIGHT, (f"{said}.",)


POINTS = {Outcome.WAITING: None, Outcome.MISSING: None, Outcome.UNKNOWN: None}


def mark(item: GradedItem, digest: str, outcome: Outcome, feedback: Sequence[str] = (), answer: str = "") -> Mark:
    """The mark of an item that ended so: all its points when it is right, 0 when it is not, None when nobody knows."""
    points = float(item.points) if outcome is Outcome.RIGHT else POINTS.get(outcome, 0.0)
    return Mark(item.id, outcome, points, float(item.points), tuple(feedback), answer[:LONGEST_ANSWER], digest)


def written(item: GradedItem, source: str) -> str:
    """What a student wrote into an answer cell: the value where it is a plain one, else the source.

    Taken from the text alone: nothing that a worker sends is shown to anybody. A long one isn't parsed: megabytes of it
    would take gigabytes.
    """
    if not isinstance(item, (GradedCode, GradedModel, FreeText)) and len(source) <= LONGEST_ANSWER:
        try:
            for node in ast.parse(source).body:
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == answer_name(item):
                    return str(ast.literal_eval(node.value))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            pass
    return source


def state_of(marks: Sequence[Mark], trouble: str = "") -> State:
    """How a submission with these marks ended."""
    outcomes = {mark.outcome for mark in marks}
    if trouble:
        return State.UNREADABLE
    if Outcome.UNKNOWN in outcomes:
        return State.INFRASTRUCTURE
    if Outcome.MISSING in outcomes:
        return State.MISSING_CELL
    for outcome, state in ((Outcome.TIMEOUT, State.TIMEOUT), (Outcome.CRASHED, State.CRASHED)):
        if outcomes == {outcome}:
            return state
    return State.PARTIAL if outcomes & {Outcome.TIMEOUT, Outcome.CRASHED, Outcome.WAITING} else State.GRADED
