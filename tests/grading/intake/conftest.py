"""Two assignments, a notebook as it was handed out, and what intake takes of it."""

import json

import pytest
import yaml
from handed_in import KEY, write

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedQuiz
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.intake.submissions import submissions
from course_utils.grading.release.handout import given, handed_out
from course_utils.grading.release.releasing import notebook


@pytest.fixture(scope="module")
def quiz(request):
    (one,) = open_bank(request.config.rootpath / "docs" / "example_bank")
    return one


@pytest.fixture(scope="module")
def other(quiz):
    """A second assignment with the same kinds of items."""
    text = yaml.safe_dump(quiz.model_dump(mode="json", exclude_none=True)).replace("90.", "91.")
    return GradedQuiz.model_validate({**yaml.safe_load(text), "lesson": "91_other"})


@pytest.fixture
def book(quiz):
    """The notebook as it was handed out, as JSON has it."""
    return json.loads(notebook(quiz, given(Assignment(quiz, KEY, personal=True).for_student("ada")), "release"))


@pytest.fixture
def handed(quiz):
    return lambda quiz, student: handed_out(Assignment(quiz, KEY, personal=True).for_student("ada"))


@pytest.fixture
def taken(tmp_path, quiz, handed):
    """Of one student's notebook or bytes, the submission."""

    def take(book, handed_out=handed, **more):
        place = write(tmp_path / "in" / "ada.ipynb", book).parent
        (found,) = submissions(place, [quiz], handed_out, **more)
        assert found.student == "ada"
        return found

    return take
