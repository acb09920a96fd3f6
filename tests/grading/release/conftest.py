"""The example pool's quiz, whole and without what varies."""

import pytest
from example_quiz import POOL, changed

from course_utils.grading.bank.pool import open_pool


@pytest.fixture
def quiz():
    (whole,) = open_pool(POOL)
    return whole


@pytest.fixture
def alike(quiz):
    """The items that are the same for everybody."""
    return changed(quiz, items=[one for one in quiz.model_dump()["items"] if one["kind"] != "varied number"])
