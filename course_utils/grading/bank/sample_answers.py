"""Answer cells that are right, and those that known mistakes lead to: for self-tests and sample submissions."""

from collections.abc import Sequence
from string import ascii_uppercase

from course_utils.grading.bank.items import FreeText, GradedCode, GradedItem, GradedModel, VariedNumber, answer_name
from course_utils.grading.bank.variants import varied
from course_utils.quiz.items import Number, OneChoice, Order, SeveralChoices
from course_utils.quiz.text import shuffled


def _letters(item: OneChoice | SeveralChoices | Order, positions: Sequence[int], order_of: str) -> str:
    order = shuffled(item, order_of)
    return " ".join(ascii_uppercase[order.index(position)] for position in positions)


def right(item: GradedItem, order_of: str, course_key: bytes, student: str) -> str:
    """An answer cell that should get all points."""
    if isinstance(item, (GradedCode, GradedModel)):
        return item.reference or ""
    if isinstance(item, FreeText):
        return "Words."
    if isinstance(item, VariedNumber):
        item = varied(item, course_key, student)
    if isinstance(item, (OneChoice, SeveralChoices)):
        value: str | float = _letters(item, sorted(item.key), order_of)
    elif isinstance(item, Order):
        value = _letters(item, range(len(item.steps)), order_of)
    else:
        value = item.answer if isinstance(item, Number) else item.accept[0]
    return f"{answer_name(item)} = {value!r}"


def mistaken(item: GradedItem, order_of: str, course_key: bytes, student: str) -> list[tuple[str, str]]:
    """(answer cell, feedback that it should get) of each mistake that the author names."""
    name = answer_name(item)
    if isinstance(item, VariedNumber):
        item = varied(item, course_key, student)
    if isinstance(item, GradedCode):
        return [(mistake.code, mistake.feedback) for mistake in item.mistakes]
    if isinstance(item, GradedModel):  # judged by the share that is right: each share is told alike
        return [(mistake.code, "") for mistake in item.mistakes]
    if isinstance(item, Number):
        return [(f"{name} = {mistake.answer!r}", mistake.feedback) for mistake in item.mistakes]
    if isinstance(item, OneChoice):
        wrong = [n for n in range(len(item.options)) if n not in item.key]
        return [(f"{name} = {_letters(item, [one], order_of)!r}", item.options[one].feedback) for one in wrong]
    if isinstance(item, SeveralChoices):
        wrong = [n for n in range(len(item.options)) if n not in item.key]
        return [(f"{name} = {_letters(item, [one], order_of)!r}", item.options[one].feedback) for one in wrong]
    if isinstance(item, Order):
        return [(f"{name} = {_letters(item, range(len(item.steps))[::-1], order_of)!r}", "")]
    if isinstance(item, FreeText):
        return []
    return [(f"{name} = {text!r}", mistake.feedback) for mistake in item.mistakes for text in mistake.answers]
