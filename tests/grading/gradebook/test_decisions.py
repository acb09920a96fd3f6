"""What is decided for many: totals follow, the history keeps who and why, and it can be taken back."""

import pytest
import typer
from graded import NAME, marks, result
from support.errors import refused
from typer.testing import CliRunner

from course_utils.cli.quiz import deciding, standing
from course_utils.grading.gradebook.store import Store
from course_utils.grading.records import Outcome, State

WRONG = marks(Outcome.RIGHT, Outcome.WRONG, Outcome.WAITING)


@pytest.fixture
def graded(store):
    store.save([result(given=WRONG), result("bob", "b", WRONG)])
    return store


def test_a_dropped_item_leaves_the_totals(graded):
    graded.decide(NAME, "drop", "04.7", "not taught", "prof")
    (one, _) = graded.results()
    assert (one.points, one.most, one.state) == (2.0, 4.0, State.GRADED)
    assert graded.waiting(NAME) == []
    graded.decide(NAME, "drop", "04.7", "it was", "prof", undo=True)
    assert graded.results()[0].most == 6.0 and len(graded.waiting(NAME)) == 2


def test_everybody_gets_an_items_points(graded):
    graded.decide(NAME, "give", "04.2", "two were right", "prof")
    assert [[mark.points for mark in one.marks] for one in graded.results()] == [[2.0, 2.0, None]] * 2


def test_a_voided_submission_counts_as_none(graded):
    graded.decide(NAME, "void", "ada", "somebody else's", "prof")
    assert [one.student for one in graded.results()] == ["bob"]
    assert graded.current(NAME)["ada"], "it is known, and not graded again"


def test_a_decision_outlives_grading_again_and_opening_again(graded, path):
    graded.decide(NAME, "drop", "04.7", "not taught", "prof")
    graded.save([result("cid", "c", WRONG)])
    with Store(path) as again:
        assert {one.most for one in again.results()} == {4.0} and len(again.results()) == 3


def test_the_history_says_who_and_why(graded):
    graded.decide(NAME, "give", "04.2", "two were right", "prof")
    graded.decide(NAME, "give", "04.2", "no", "dean", undo=True)
    told = [(one["what"], one["by"], one["text"]) for one in graded.history(NAME, "ada", "04.2")]
    assert told[1:] == [("give", "prof", "two were right"), ("undo give", "dean", "no")]
    assert graded.decisions() == []


def test_what_makes_no_sense_is_refused(graded):
    with refused("grading.unknown", "04.9"):
        graded.decide(NAME, "drop", "04.9", "x")
    with refused("grading.unknown", "eve"):
        graded.decide(NAME, "void", "eve", "x")
    with refused("grading.no-decision", "drop"):
        graded.decide(NAME, "forget", "04.7", "x")
    with refused("grading.no-reason"):
        graded.decide(NAME, "drop", "04.7", " ")


def test_the_commands(graded, path):
    app = typer.Typer()
    app.command()(deciding.decide)
    app.command()(standing.status)

    def run(*words):
        return CliRunner().invoke(app, [words[0], "--store", str(path), *words[1:]]).output

    assert "dropped. 2 submissions" in run("decide", NAME, "drop", "04.7", "--why", "not taught", "--by", "prof")
    assert "drop 04.7: not taught (prof)" in run("status")
