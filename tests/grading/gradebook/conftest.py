"""A store of marks, and its file."""

import pytest

from course_utils.grading.gradebook.store import Store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "marks.sqlite"


@pytest.fixture
def store(path):
    with Store(path) as one:
        yield one
