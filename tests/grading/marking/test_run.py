"""A whole run, as the command does it: who is graded, who is passed over, who is marked anew."""

import stat
import sys
from pathlib import Path

import pytest
from needs import bwrap, run

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.bank.variants import PUBLIC
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


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are another thing there")
def test_marks_and_backups_are_for_their_owner_alone(tmp_path):
    release(QUIZ, tmp_path / "released", PUBLIC, ["ada"])
    write_samples(Assignment(QUIZ, personal=True), tmp_path / "back", ["ada"], shares=HONEST)
    graded(tmp_path)
    files = list(tmp_path.glob("marks*"))
    assert len(files) >= 2 and all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
