"""What was handed out binds: another key, or other questions, grade nobody."""

import json

import pytest
from example_quiz import KEY, changed, with_item
from support.errors import refused

from course_utils.grading.release.manifest import as_released, roster_of
from course_utils.grading.release.releasing import release

OTHER = bytes(32)
ROSTER = ["ada", "grace"]


@pytest.fixture(params=["personal", "for everybody"])
def released(request, tmp_path, quiz, alike):
    """(the quiz that was released, where)"""
    own = request.param == "personal"
    one = quiz if own else alike
    release(one, tmp_path, KEY, ROSTER if own else None)
    return one, tmp_path


def test_what_was_released_is_taken(released):
    quiz, place = released
    assert roster_of(quiz, place, KEY) in ({"ada", "grace"}, None)


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "by an older manifest"])
def test_another_key_is_refused(released, noted):
    quiz, place = released
    file = place / f"{quiz.lesson}.manifest.json"
    content = json.loads(file.read_text())
    if not noted:
        del content["key"]
        file.write_text(json.dumps(content))
    with refused("grading.other-key", "--course-key"):
        roster_of(quiz, place, OTHER)
    assert KEY.hex() not in json.dumps(content)


@pytest.mark.parametrize(
    ("item", "parts"),
    [("90.3", {"stem": "Another question?"}), ("90.A", {"points": 7}), ("90.1", {"stem": "Another one?"})],
)
def test_questions_that_changed_are_refused(released, item, parts):
    quiz, place = released
    with refused("grading.changed-since-release", f"{item.replace('.', '-')}-question"):
        roster_of(with_item(quiz, item, **parts), place, KEY)


def test_what_students_do_not_see_may_change(released):
    quiz, place = released
    roster_of(with_item(quiz, "90.3", answer=80.0, tolerance=1.0), place, KEY)
    roster_of(changed(quiz, items=quiz.model_dump()["items"]), place, KEY)


def test_without_a_manifest_nobody_knows_what_was_seen(tmp_path, quiz):
    with refused("grading.no-manifest", "--released"):
        as_released(quiz, tmp_path, KEY)
