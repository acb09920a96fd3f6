"""A whole run, as the command does it: who is graded, who is passed over, who is marked anew."""

import stat
import sys
from pathlib import Path

import pytest
from needs import bwrap, run
from support.errors import refused

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.bank.variants import PUBLIC
from course_utils.grading.gradebook.deadlines import Rule
from course_utils.grading.gradebook.store import Store
from course_utils.grading.marking.run import grade_submissions
from course_utils.grading.records import Outcome, State
from course_utils.grading.release.manifest import roster_of
from course_utils.grading.release.releasing import release
from course_utils.grading.release.sample_submissions import write_samples

BANK = Path(__file__).parents[3] / "docs" / "example_bank"
(WHOLE,) = open_bank(BANK)
QUIZ = WHOLE.model_copy(update={"items": [item for item in WHOLE.items if item.kind not in ("model", "free text")]})
HONEST = {"honest": 1.0}

pytestmark = [bwrap, pytest.mark.timeout(200)]


def graded(folder, **settings):
    asked = {"released": folder / "released", "keys": {QUIZ.lesson: PUBLIC}, "workers": 2, **settings}
    summary, tier = run(grade_submissions(folder / "back", [QUIZ], folder / "marks.sqlite", **asked))
    with Store(folder / "marks.sqlite") as store:
        return summary, tier, {result.student: result for result in store.results()}


def test_who_is_not_of_the_roster_is_unreadable_and_no_zero(tmp_path):
    release(QUIZ, tmp_path / "released", PUBLIC, ["ada", "eve"])
    write_samples(Assignment(QUIZ, personal=True), tmp_path / "back", ["ada", "4711"], shares=HONEST)
    _, _, results = graded(tmp_path)
    assert results["ada"].state is State.GRADED
    assert results["4711"].state is State.UNREADABLE and results["4711"].points is None
    assert "Nobody of this id got a notebook" in results["4711"].remarks[-1]
    release(QUIZ, tmp_path / "released", PUBLIC, ["4711"])  # the roster was not complete
    assert roster_of(QUIZ, tmp_path / "released", PUBLIC) == {"ada", "eve", "4711"}
    summary, _, results = graded(tmp_path)
    assert results["4711"].state is State.GRADED and summary.passed_over == 1


def test_what_timed_out_is_marked_anew_when_asked(tmp_path):
    quiz = QUIZ.model_copy(update={"items": [QUIZ.item("90.A")]})
    release(quiz, tmp_path / "released", PUBLIC, ["ada", "eve"])
    endless = "import time\nwhile True: time.sleep(1)"
    told = write_samples(Assignment(quiz, personal=True), tmp_path / "back", ["ada"], [endless], {"hostile": 1.0})
    told |= write_samples(Assignment(quiz, personal=True), tmp_path / "back", ["eve"], shares=HONEST)
    asked = {"released": tmp_path / "released", "keys": {quiz.lesson: PUBLIC}, "workers": 2}

    def again(**more):
        summary, _ = run(grade_submissions(tmp_path / "back", [quiz], tmp_path / "marks.sqlite", **asked, **more))
        return summary

    assert again().seen == 2 and again().passed_over == 2
    assert again(again=True).passed_over == 1
    with Store(tmp_path / "marks.sqlite") as store:
        by_student = {result.student: result.marks[0].outcome for result in store.results()}
    assert by_student["ada"] is Outcome.TIMEOUT and len(told) == 2


def test_a_second_run_starts_no_sandbox(tmp_path):
    release(QUIZ, tmp_path / "released", PUBLIC, ["ada"])
    write_samples(Assignment(QUIZ, personal=True), tmp_path / "back", ["ada"], shares=HONEST)
    first, tier, before = graded(tmp_path)
    second, none, after = graded(tmp_path)
    assert tier.name == "sandbox" and none is None
    assert (first.passed_over, second.passed_over) == (0, 1) and before == after


def test_who_hands_in_late_again_keeps_the_points_of_what_came_in_time(tmp_path):
    quiz = QUIZ.model_copy(update={"items": [QUIZ.item("90.1"), QUIZ.item("90.2")]})
    ours = Assignment(quiz, personal=True)
    release(quiz, tmp_path / "released", PUBLIC, ["ada"])
    (tmp_path / "back").mkdir()
    most = 0.0
    for name, share in (("2026-12-04-20-00-00", "honest"), ("2026-12-05-20-00-00", "blank")):
        told = write_samples(ours, tmp_path / name, ["ada"], shares={share: 1.0})
        most = most or sum(quiz.item(item).points for item in told["ada"]["right"])
        (tmp_path / name / "ada.ipynb").rename(tmp_path / "back" / f"Q_ada_attempt_{name}_90_example.ipynb")
    asked = {"released": tmp_path / "released", "keys": {quiz.lesson: PUBLIC}, "workers": 1}

    def points(**more):
        summary, _ = run(grade_submissions(tmp_path / "back", [quiz], tmp_path / "marks.sqlite", **asked, **more))
        with Store(tmp_path / "marks.sqlite") as store:
            (one,) = store.results()
            return one.points, one.raw, summary.seen, summary.passed_over

    rule = Rule(due="2026-12-04 23:59", zone="Europe/Berlin", penalty="10%", per="day")
    with Store(tmp_path / "marks.sqlite") as store:
        store.decide(quiz.lesson, "deadline", quiz.lesson, "as told", value=rule.model_dump_json())
    assert points() == (most, most, 1, 0)  # the file in time was graded beside it
    assert points() == (most, most, 1, 1)
    (tmp_path / "times.csv").write_text("student,handed_in\nada,2026-12-04 23:30\n", encoding="utf-8")
    assert points(times=tmp_path / "times.csv")[:2] == (
        None,
        None,
    )  # the newest, blank, came in time after all: a person looks
    both = {"released": tmp_path / "released", "keys": {QUIZ.lesson: PUBLIC}, "workers": 1}
    with refused("grading.times-of-which", "times.csv"):
        run(grade_submissions(tmp_path / "back", [quiz, quiz], tmp_path / "x", **both, times=tmp_path / "times.csv"))


def test_an_item_that_is_taken_out_leaves_the_totals(tmp_path):
    two, one = (
        QUIZ.model_copy(update={"items": [QUIZ.item(name) for name in names]})
        for names in (("90.1", "90.2"), ("90.1",))
    )
    write_samples(Assignment(two, personal=True), tmp_path / "back", ["ada"], shares=HONEST)
    asked = {"keys": {QUIZ.lesson: PUBLIC}, "workers": 1}
    release(two, tmp_path / "released", PUBLIC, ["ada"])
    run(grade_submissions(tmp_path / "back", [two], tmp_path / "marks.sqlite", released=tmp_path / "released", **asked))
    with refused("grading.changed-since-release", "course quiz decide"):  # the way that needs no new release
        run(grade_submissions(tmp_path / "back", [one], tmp_path / "x", released=tmp_path / "released", **asked))
    release(one, tmp_path / "other", PUBLIC, ["ada"])
    for passed_over in (0, 1):
        summary, _ = run(
            grade_submissions(tmp_path / "back", [one], tmp_path / "marks.sqlite", released=tmp_path / "other", **asked)
        )
        assert summary.passed_over == passed_over
        with Store(tmp_path / "marks.sqlite") as store:
            (result,) = store.results()
        assert [mark.item for mark in result.marks] == ["90.1"] and result.most == QUIZ.item("90.1").points


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are another thing there")
def test_marks_and_backups_are_for_their_owner_alone(tmp_path):
    release(QUIZ, tmp_path / "released", PUBLIC, ["ada"])
    write_samples(Assignment(QUIZ, personal=True), tmp_path / "back", ["ada"], shares=HONEST)
    graded(tmp_path)
    files = list(tmp_path.glob("marks*"))
    assert len(files) >= 2 and all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
