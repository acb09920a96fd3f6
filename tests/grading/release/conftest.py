"""The example item bank's quiz, whole and without what varies."""

import pytest
from example_quiz import BANK, changed

from course_utils.grading.bank.reading import open_bank


@pytest.fixture
def quiz():
    (whole,) = open_bank(BANK)
    return whole


@pytest.fixture
def alike(quiz):
    """The items that are the same for everybody."""
    return changed(quiz, items=[one for one in quiz.model_dump()["items"] if one["kind"] != "varied number"])
