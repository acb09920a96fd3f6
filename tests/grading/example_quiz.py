"""The example item bank's quiz, and changes to it."""

from pathlib import Path

import nbformat

from course_utils.grading.bank.items import GradedQuiz, VariedNumber
from course_utils.grading.bank.reading import open_bank

BANK = Path(__file__).parents[2] / "docs" / "example_bank"
KEY = bytes(range(32))


def changed(quiz, **parts) -> GradedQuiz:
    return GradedQuiz.model_validate(quiz.model_dump() | parts)


def with_item(quiz, identifier, **parts) -> GradedQuiz:
    items = [one | parts if one["id"] == identifier else one for one in quiz.model_dump()["items"]]
    return changed(quiz, items=items)


def sources(file) -> dict[str, str]:
    return {cell.id: cell.source for cell in nbformat.read(file, 4).cells}


def varying(**parts) -> VariedNumber:
    item = next(one for one in open_bank(BANK)[0].items if isinstance(one, VariedNumber))
    return VariedNumber.model_validate(item.model_dump() | parts)
