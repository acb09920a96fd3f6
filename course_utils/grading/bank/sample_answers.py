"""Answer cells that are right, and those that known mistakes lead to: for self-tests and sample submissions."""

from collections.abc import Iterable
from functools import singledispatch
from string import ascii_uppercase

from course_utils.grading.bank.assignments import Version
from course_utils.grading.bank.items import (
    FreeText,
    GradedCode,
    GradedItem,
    GradedModel,
    GradedNumber,
    GradedOneChoice,
    GradedOrder,
    GradedSeveral,
    GradedText,
    Lettered,
    VariedNumber,
    answer_name,
)


@singledispatch
def right(item: GradedItem, version: Version) -> str:
    """An answer cell that should get all points of the student whose version it is."""
    raise TypeError(f"no kind of item: {item!r}")


@singledispatch
def mistaken(item: GradedItem, version: Version) -> list[tuple[str, str]]:
    """(answer cell, feedback that it should get) of each mistake that the author names."""
    raise TypeError(f"no kind of item: {item!r}")


def _bound(item: GradedItem, value: object) -> str:
    return f"{answer_name(item)} = {value!r}"


def _letters(item: Lettered, parts: Iterable[int], version: Version) -> str:
    """An answer cell that names those options or steps."""
    order = version.order(item)
    return _bound(item, " ".join(ascii_uppercase[order.index(part)] for part in parts))


@right.register
def _(item: GradedOneChoice | GradedSeveral, version: Version) -> str:
    return _letters(item, sorted(item.key), version)


@mistaken.register
def _(item: GradedOneChoice | GradedSeveral, version: Version) -> list[tuple[str, str]]:
    wrong = [(n, option) for n, option in enumerate(item.options) if n not in item.key]
    return [(_letters(item, [n], version), option.feedback) for n, option in wrong]


@right.register
def _(item: GradedOrder, version: Version) -> str:
    return _letters(item, range(len(item.steps)), version)


@mistaken.register
def _(item: GradedOrder, version: Version) -> list[tuple[str, str]]:
    return [(_letters(item, reversed(range(len(item.steps))), version), "")]


@right.register
def _(item: GradedNumber, version: Version) -> str:
    return _bound(item, item.answer)


@mistaken.register
def _(item: GradedNumber, version: Version) -> list[tuple[str, str]]:
    return [(_bound(item, mistake.answer), mistake.feedback) for mistake in item.mistakes]


@right.register
def _(item: VariedNumber, version: Version) -> str:
    return right(version.number(item), version)


@mistaken.register
def _(item: VariedNumber, version: Version) -> list[tuple[str, str]]:
    return mistaken(version.number(item), version)


@right.register
def _(item: GradedText, version: Version) -> str:
    return _bound(item, item.accept[0])


@mistaken.register
def _(item: GradedText, version: Version) -> list[tuple[str, str]]:
    return [(_bound(item, text), mistake.feedback) for mistake in item.mistakes for text in mistake.answers]


@right.register
def _(item: GradedCode | GradedModel, version: Version) -> str:
    return item.reference or ""


@mistaken.register
def _(item: GradedCode, version: Version) -> list[tuple[str, str]]:
    return [(mistake.code, mistake.feedback) for mistake in item.mistakes]


@mistaken.register
def _(item: GradedModel, version: Version) -> list[tuple[str, str]]:
    return [(mistake.code, "") for mistake in item.mistakes]  # each share that is right is told alike


@right.register
def _(item: FreeText, version: Version) -> str:
    return "Words."


@mistaken.register
def _(item: FreeText, version: Version) -> list[tuple[str, str]]:
    return []
