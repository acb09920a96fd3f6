"""The commands that say where grading stands, and that mark by hand."""

import json
from dataclasses import replace

import pytest
import typer
from graded import NAME, marks, result
from typer.testing import CliRunner

from course_utils.cli.quiz import standing
from course_utils.errors import CourseError
from course_utils.grading.records import Outcome, State


@pytest.fixture
def course(path):
    app = typer.Typer()
    app.command()(standing.status)
    app.command()(standing.mark)

    def run(*words):
        return CliRunner().invoke(app, [words[0], "--store", str(path), *words[1:]])

    return run


def test_status_counts_and_says_what_to_do(course, store):
    whole = marks(Outcome.RIGHT, Outcome.RIGHT, Outcome.RIGHT)
    store.save([result(), result("bob", given=whole, state=State.GRADED), result("cid", state=State.INFRASTRUCTURE)])
    store.request_regrade(NAME, "bob", "04.1", "!")
    said = course("status").output
    assert "04_frozen: 3 submissions" in said
    failed = "1 infrastructure error: a failure on our side, no mark yet: grade again"
    for line in ("1 graded: ", "1 partial: ", failed):
        assert line in said
    assert "3 items of 3 students wait" in said and "1 regrade request open" in said
    store.save([result("dan", state=State.UNREADABLE, remarks=("It is \x1b[2J no notebook.",))])
    said = course("status", "--assignment", NAME).output
    assert "  dan: unreadable. It is \\x1b[2J no notebook.\n" in said and "ada:" not in said
    odd = (
        replace(whole[0], outcome=Outcome.LOOK, points=None, feedback=("A package isn't installed here.",)),
        *whole[1:],
    )
    store.save([result("eva", given=odd, state=State.LOOK)])
    said = course("status", "--assignment", NAME).output
    assert f"  eva: look at this. {odd[0].item}: A package isn't installed here.\n" in said
    assert set(standing.NEXT) == set(State), "each state has its next step"
    assert isinstance(course("status", "--assignment", "05_x").exception, CourseError)


def test_status_makes_no_store(course, path):
    assert isinstance(course("status").exception, CourseError)
    assert not path.exists()


def test_mark_gives_points_by_hand(course, store):
    store.save([result()])
    said = course("mark", NAME, "ada", "04.7", "1.5", "--comment", "good", "--by", "prof")
    assert (said.exit_code, said.output) == (0, "ada, 04.7: 1.5 points, by prof.\n")
    assert store.results()[0].marks[2].points == 1.5
    for words in (["ada"], ["ada", "04.7"], [], ["ada", "04.7", "1", "--missing", "0"]):
        assert isinstance(course("mark", NAME, *words).exception, CourseError)


def test_missing_cells_are_marked_as_a_group_once_confirmed(course, store):
    gap = marks(Outcome.MISSING, Outcome.RIGHT, Outcome.WAITING)
    store.save([result(given=gap), result("bob", given=gap), result("cid")])
    store.mark(NAME, "bob", "04.1", 1.0)
    said = course("mark", NAME, "--missing", "0")
    assert said.exit_code == 1 and "1 missing cell of 1 student" in said.output and "--yes" in said.output
    assert len(store.manual(NAME)) == 1
    assert course("mark", NAME, "--missing", "0", "--yes").exit_code == 0
    assert {key: one.points for key, one in store.manual(NAME).items()} == {("ada", "04.1"): 0, ("bob", "04.1"): 1}
    assert "nothing to mark" in course("mark", NAME, "--missing", "0", "--yes").output


def test_who_handed_in_nothing_is_named(course, store, tmp_path):
    notes = {f"{who}/{NAME}.ipynb": {"student": who} for who in ("ada", "bob", "cid")}
    (tmp_path / f"{NAME}.manifest.json").write_text(json.dumps({"notebooks": notes}))
    store.save([result()])
    store.decide(NAME, "void", "ada", "not their own")
    store.save([result("bob", "b")])
    assert "1 student handed in nothing: cid" in course("status", "--released", str(tmp_path)).output
    assert "nothing" not in course("status", "--released", str(tmp_path / "none")).output
