"""What was handed out binds: another key, or other questions, grade nobody."""

import hashlib
import json
from dataclasses import replace

import pytest
from example_quiz import KEY, changed, with_item
from support.errors import refused

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.intake.matching import Plan, match
from course_utils.grading.intake.notebooks import Block, Notebook
from course_utils.grading.release import handout
from course_utils.grading.release.handout import given, handed_out
from course_utils.grading.release.manifest import as_released, roster_of
from course_utils.grading.release.releasing import notebook, release
from course_utils.grading.release.wording import HOW_OF_FORM_1

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


OLD = {"title": "# One item of each kind\n\nOther words.", "try": "other = 1"}


def version(quiz, student):
    return Assignment(quiz, KEY, personal=student is not None).for_student(student)


def of_form_1(quiz, place):
    """The release as a version of before wrote it: its words, its ids, its manifest."""
    file = place / f"{quiz.lesson}.manifest.json"
    manifest = json.loads(file.read_text()) | {"form": 1}
    for name, note in manifest["notebooks"].items():
        cells = [one for one in given(version(quiz, note["student"])) if one.id != "try"]
        title = f"# {quiz.title}\n\n{' '.join(HOW_OF_FORM_1.split())}"
        cells[0] = replace(cells[0], source=title)
        content = json.dumps([note["student"], [[one.id, one.source, one.points] for one in cells]])
        number = hashlib.sha256(content.encode()).hexdigest()[:16]
        written = notebook(quiz, cells, number)
        (place / name).write_bytes(written)
        note |= {"release": number, "sha256": hashlib.sha256(written).hexdigest()}
        manifest["cells"]["title"] = {"locked": True, "sha256": hashlib.sha256(title.encode()).hexdigest()}
    file.write_text(json.dumps(manifest))
    return manifest


def test_a_release_of_before_goes_on(released):
    quiz, place = released
    before = of_form_1(quiz, place)
    books = {name: (place / name).read_bytes() for name in before["notebooks"]}
    assert roster_of(quiz, place, KEY) in ({"ada", "grace"}, None)
    release(quiz, place, KEY, [*ROSTER, "eve"] if before["personal"] else None)
    assert {name: (place / name).read_bytes() for name in books} == books, "what is out stays as it is"
    assert roster_of(quiz, place, KEY) in ({"ada", "grace", "eve"}, None)
    with refused("grading.changed-since-release", "90-3-question"):
        roster_of(with_item(quiz, "90.3", stem="Another question?"), place, KEY)
    with refused("grading.other-key"):
        roster_of(quiz, place, OTHER)


def test_other_words_around_the_questions_are_no_other_release(released, monkeypatch):
    quiz, place = released
    notes = json.loads((place / f"{quiz.lesson}.manifest.json").read_text())["notebooks"]
    monkeypatch.setattr(handout, "title_cell", lambda title: f"# {title}\n\nOther words.")
    monkeypatch.setattr(handout, "trial_cell", lambda assignment: "other = 1")
    assert roster_of(quiz, place, KEY) in ({"ada", "grace"}, None)
    personal = any(note["student"] for note in notes.values())
    release(quiz, place, KEY, [*ROSTER, "eve"] if personal else None)
    now = json.loads((place / f"{quiz.lesson}.manifest.json").read_text())["notebooks"]
    assert {name: now[name] for name in notes} == notes
    if personal:
        assert b"Other words." in (place / "eve" / "90_example.ipynb").read_bytes()
    (place / next(iter(notes))).write_bytes(b"{}")
    with pytest.raises(CourseError, match="differs from what would be handed out"):
        release(quiz, place, KEY, ROSTER if personal else None)


def test_notebooks_with_other_words_are_read_without_a_remark(quiz):
    handed = handed_out(version(quiz, "ada"))
    book = [one for one in given(version(quiz, "ada")) if one.id != "try"]
    blocks = tuple(Block(one.code, OLD.get(one.id, one.source), one.id, one.id, one.nbgrader) for one in book)
    assert match(Notebook(blocks, ""), Plan(quiz), handed).remarks == []
    blocks += (Block(True, OLD["try"], "try", "try", {}),)
    found = match(Notebook(blocks, ""), Plan(quiz), handed)
    assert found.remarks == [] and not any(one.source == OLD["try"] for one in found.cells)


def test_without_a_manifest_nobody_knows_what_was_seen(tmp_path, quiz):
    with refused("grading.no-manifest", "--released"):
        as_released(quiz, tmp_path, KEY)
