"""From what a worker sent back to a mark: letters, numbers and words as in practice, code and networks by values."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from course_utils.grading.bank.assignments import Version
from course_utils.grading.bank.items import (
    GradedCode,
    GradedItem,
    GradedModel,
    GradedNumber,
    GradedOneChoice,
    GradedOrder,
    GradedSeveral,
    GradedText,
    VariedNumber,
)
from course_utils.grading.marking import reasons
from course_utils.grading.marking.comparing import Rules, same
from course_utils.grading.marking.expected import Expected
from course_utils.grading.marking.near import near_results, near_words
from course_utils.grading.marking.reading import number_of, positions_of
from course_utils.grading.records import LONGEST_ANSWER, Mark, Outcome, State
from course_utils.quiz.answers import judge

Asked = GradedOneChoice | GradedSeveral | GradedOrder | GradedNumber | GradedText
LUCK = 0.1  # beyond the most frequent class's share: what a network may reach that has learned nothing
UNREAD = {"number": "a number", "short text": "a word or two"}  # what an answer of that kind is read as, else letters


def is_blank(value: Any) -> bool:
    """Whether an answer was left as it was handed out."""
    return value is None or value is ... or (type(value) is str and not value.strip())


@dataclass(frozen=True)
class Verdict:
    """What a value is found to be, with sentences for its student.

    share: the part of its points that a wrong one earns, where the author gives shares
    """

    outcome: Outcome
    feedback: tuple[str, ...] = ()
    share: float = 0.0


@singledispatch
def verdict(item: GradedItem, value: Any, version: Version, expected: Expected | None = None) -> Verdict:
    """Judge what an answer cell gave to the student whose version it is.

    expected: what it should give, of items that are answered in code
    """
    raise TypeError(f"no value answers {item!r}")


@verdict.register
def _(item: GradedOneChoice, value: Any, version: Version, expected: Expected | None = None) -> Verdict:
    return _as_in_practice(item, value, positions_of(item, value, version.order(item)))


@verdict.register
def _(item: GradedSeveral, value: Any, version: Version, expected: Expected | None = None) -> Verdict:
    chosen = positions_of(item, value, version.order(item))
    share = max(0.0, (len(set(chosen) & item.key) - len(set(chosen) - item.key)) / len(item.key))
    return _as_in_practice(item, value, chosen, share)


@verdict.register
def _(item: GradedOrder, value: Any, version: Version, expected: Expected | None = None) -> Verdict:
    put = positions_of(item, value, version.order(item))
    return _as_in_practice(item, value, put, sum(n == step for n, step in enumerate(put)) / len(item.steps))


@verdict.register
def _(item: GradedNumber | GradedText, value: Any, version: Version, expected: Expected | None = None) -> Verdict:
    return _as_in_practice(item, value, number_of(value))


@verdict.register
def _(item: VariedNumber, value: Any, version: Version, expected: Expected | None = None) -> Verdict:
    return verdict(version.number(item), value, version)


@verdict.register
def _(item: GradedCode, value: Any, version: Version, expected: Expected | None = None) -> Verdict:
    assert expected is not None, "its reference was run"
    if agrees(item, expected.values, value):
        return Verdict(Outcome.RIGHT)
    if near_results(_pairs(item, expected.values, value), rules_of(item)):
        return Verdict(Outcome.LOOK, (f"{item.name} gives results in another form. A person looks at it.",))
    said = reasons.other_results(item, expected.values, value)
    return Verdict(Outcome.WRONG, (said,), _share_of_results(item, value, expected.values))


@verdict.register
def _(item: GradedModel, value: Any, version: Version, expected: Expected | None = None) -> Verdict:
    assert expected is not None, "its inputs were drawn"
    return Verdict(*network_judged(item, value, expected.values))


def _as_in_practice(item: Asked, value: Any, read: Any, share: float = 0.0) -> Verdict:
    """The verdict on a question that practice knows as well. read: the value as it is judged there."""
    if is_blank(value):
        return Verdict(Outcome.BLANK)
    found = judge(item, read)
    if found.right is None or (isinstance(item, GradedText) and not found.right and near_words(item, value)):
        read_as = UNREAD.get(item.kind, "letters")
        return Verdict(Outcome.LOOK, (f"The answer can't be read as {read_as} with certainty. A person looks at it.",))
    if found.right:
        return Verdict(Outcome.RIGHT, found.feedback)
    if isinstance(item, GradedNumber) and not {one.feedback for one in item.mistakes}.issuperset(found.feedback):
        return Verdict(Outcome.WRONG, ("That is another number.",))  # the value could carry what the code was given
    return Verdict(Outcome.WRONG, found.feedback, share if getattr(item, "credit", "all") == "shares" else 0.0)


def _pairs(item: GradedCode, expected: Any, given: Any) -> list[tuple[Any, Any]]:
    """What is expected beside what was given, call by call."""
    if item.inputs is None or type(given) is not list or len(given) != len(expected):
        return [(expected, given)]
    return list(zip(expected, given, strict=True))


def rules_of(item: GradedCode) -> Rules:
    """How closely a code item's values are compared."""
    return Rules(item.tolerance, item.absolute, item.exact, item.dtype, item.order, item.index)


def agrees(item: GradedCode, expected: Any, given: Any) -> bool:
    """Whether a code item's value is right; both are decoded, so that no method of the student's is called."""
    rules = rules_of(item)
    if item.inputs is None:
        return same(expected, given, rules)
    if type(given) is not list or len(given) != len(expected):
        return False
    return all(same(one, other, rules) for one, other in zip(expected, given, strict=True))


def _share_of_results(item: GradedCode, given: Any, expected: Any) -> float:
    """What part of the points a function's results have earned, where the author gives shares; else 0."""
    if item.credit != "shares" or item.inputs is None or type(given) is not list or len(given) != len(expected):
        return 0.0
    rules, weights = rules_of(item), item.weights or [1.0] * len(expected)
    pairs = zip(weights, expected, given, strict=True)
    return sum(weight for weight, one, other in pairs if same(one, other, rules)) / sum(weights)


def network_judged(item: GradedModel, scores: Any, truth: Sequence[int]) -> tuple[Outcome, tuple[str, ...]]:
    """The outcome of a network by its scores, (N, classes), for inputs whose truth stayed here."""
    import numpy as np

    if type(scores) is not np.ndarray or scores.ndim != 2 or len(scores) != len(truth) or scores.shape[1] < 2:
        return Outcome.WRONG, (f"{item.name} should give one row of two scores or more for each input.",)
    if not np.isfinite(scores).all():
        return Outcome.WRONG, (f"{item.name} gave scores that are not finite.",)
    share = float((scores.argmax(1) == np.asarray(truth)).mean())
    if share >= item.at_least:
        return Outcome.RIGHT, (f"{item.name} is right for the {item.at_least:.0%} of the inputs that are asked for.",)
    # The share itself, over several hand-ins, would tell the truth row by row.
    most_frequent = float(np.unique(truth, return_counts=True)[1].max()) / len(truth)
    than = "though more often than guessing would be" if share > most_frequent + LUCK else "hardly more than guessing"
    said = f"{item.name} is right for fewer than the {item.at_least:.0%} of the inputs that are asked for, {than}."
    return Outcome.WRONG, (said,)


POINTS = dict.fromkeys((Outcome.WAITING, Outcome.LOOK, Outcome.MISSING, Outcome.UNKNOWN))


def mark(
    item: GradedItem,
    digest: str,
    outcome: Outcome,
    feedback: Sequence[str] = (),
    answer: str = "",
    share: float = 0.0,
) -> Mark:
    """The mark of an item that ended so: all its points when it is right, None when nobody knows, else its share."""
    earned = round(share * item.points, 2) if outcome in (Outcome.WRONG, Outcome.RAISED) else 0.0
    points = float(item.points) if outcome is Outcome.RIGHT else POINTS.get(outcome, earned)
    return Mark(item.id, outcome, points, float(item.points), tuple(feedback), answer[:LONGEST_ANSWER], digest)


def state_of(marks: Sequence[Mark], trouble: str = "") -> State:
    """How a submission with these marks ended."""
    outcomes = {mark.outcome for mark in marks}
    if trouble:
        return State.UNREADABLE
    if Outcome.UNKNOWN in outcomes:
        return State.INFRASTRUCTURE
    if Outcome.MISSING in outcomes:
        return State.MISSING_CELL
    if Outcome.LOOK in outcomes:
        return State.LOOK
    for outcome, state in ((Outcome.TIMEOUT, State.TIMEOUT), (Outcome.CRASHED, State.CRASHED)):
        if outcomes == {outcome}:
            return state
    return State.PARTIAL if outcomes & {Outcome.TIMEOUT, Outcome.CRASHED, Outcome.WAITING} else State.GRADED
