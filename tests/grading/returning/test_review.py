"""The page on which people mark, its buttons pressed by the program; and the commands that hand marks back."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from course_utils.cli.quiz import handing_back
from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import answer_name
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.gradebook.store import Store
from course_utils.grading.records import Mark, Outcome, Result, State
from course_utils.grading.returning.review import review

BANK = Path(__file__).parents[3] / "docs" / "example_bank"
(QUIZ,) = open_bank(BANK)
OURS = Assignment(QUIZ)
NASTY = "<script>alert(1)</script>"
STUDENTS = ["ada", "grace", "emmy"]


def result(student, missing=()):
    """All right but the free text, which waits; `missing` cells wait too."""
    marks = []
    for item in QUIZ.items:
        outcome = Outcome.WAITING if item.kind == "free text" else Outcome.RIGHT
        outcome = Outcome.MISSING if item.id in missing else outcome
        points = float(item.points) if outcome is Outcome.RIGHT else None
        answer = f"{NASTY} by {student}" if outcome is Outcome.WAITING else answer_name(item)
        marks.append(Mark(item.id, outcome, points, float(item.points), (), answer, "i"))
    return Result(student, QUIZ.lesson, f"of {student}", "here", State.PARTIAL, tuple(marks))


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "marks.sqlite") as store:
        store.save([result("ada", missing=("90.A",)), result("grace"), result("emmy")])
        yield store


def points(store, student, item="90.7"):
    (one,) = [one for one in store.results(QUIZ.lesson) if one.student == student]
    return {mark.item: mark.points for mark in one.marks}[item]


def test_it_goes_through_what_waits_item_by_item(store):
    page = review(store, [OURS])
    assert [entry.mark.item for entry in page.entries] == ["90.A", "90.7", "90.7", "90.7"]
    assert "1 of 4" in page.progress.value and page.entry.student == "ada" and not page.rubric.children
    page.skip.click()
    assert "2 of 4" in page.progress.value and len(page.rubric.children) == 2
    assert {entry.student for entry in page.entries[1:]} == set(STUDENTS)


def test_the_rubric_adds_up_and_is_saved(store):
    page = review(store, [OURS], by="teacher")
    page.skip.click()
    student = page.entry.student
    for box, total in zip(page.boxes, ("2", "4"), strict=True):
        box.value = True
        assert page.points.value == total
    page.boxes[0].value = False
    page.comment.value = " Good. "
    page.save.click()
    assert points(store, student) == 2 and store.comment_of(QUIZ.lesson, student, "90.7") == "Good."
    assert store.manual(QUIZ.lesson)[student, "90.7"].by == "teacher"
    assert "3 of 4" in page.progress.value and page.entry.student != student
    assert page.comment.value == page.points.value == "" and not any(box.value for box in page.boxes)


def test_nothing_ticked_is_no_zero(store):
    page = review(store, [OURS])
    page.skip.click()
    student = page.entry.student
    page.save.click()
    page.boxes[0].value = True
    page.boxes[0].value = False
    page.save.click()
    assert points(store, student) is None and page.told.startswith("Not saved") and page.entry.student == student
    page.points.value = "0"
    page.save.click()
    assert points(store, student) == 0


@pytest.mark.parametrize("typed", ["-1", "4.5", "nan", "inf", "four", "1,000", "=4", "1e999", "4 points"])
def test_points_that_cannot_be_are_refused(store, typed):
    page = review(store, [OURS])
    page.skip.click()
    page.points.value = typed
    page.save.click()
    assert page.told.startswith("Not saved") and points(store, page.entry.student) is None and len(page.open) == 4


def test_previous_shows_what_was_saved_and_can_change_it(store):
    page = review(store, [OURS])
    assert page.previous.disabled
    page.points.value, page.comment.value = "1,5", "Half."
    page.save.click()
    page.previous.click()
    assert (page.entry.mark.item, page.points.value, page.comment.value) == ("90.A", "1.5", "Half.")
    page.points.value = "3"
    page.save.click()
    assert points(store, "ada", "90.A") == 3
    assert [event["points"] for event in store.history(QUIZ.lesson, "ada", "90.A")] == [None, 1.5, 3.0]


def test_opening_it_again_goes_on(store):
    first = review(store, [OURS])
    for _ in range(2):
        first.points.value = "1"
        first.save.click()
    stopped = first.entry.key
    again = review(store, [OURS])
    assert again.entry.key == stopped and "3 of 4" in again.progress.value and "2 wait" in again.progress.value
    again.previous.click()
    assert again.points.value == "1"


def test_skipped_ones_come_again_at_the_end(store):
    page = review(store, [OURS])
    skipped = page.entry.key
    page.skip.click()
    for _ in range(3):
        page.points.value = "1"
        page.save.click()
    assert page.entry.key == skipped
    page.points.value = "1"
    page.save.click()
    assert "last one" in page.told and not page.open and store.waiting(QUIZ.lesson) == []
    page.skip.click()
    assert page.entry.key == skipped


def test_names_are_hidden_until_asked_for_and_nothing_is_markup(store):
    page = review(store, [OURS])
    while page.entry.mark.item != "90.7":
        page.skip.click()
    seen = page.progress.value + page.question.value
    assert "<strong>Question 90.7 — why</strong>" in page.question.value and "&lt;" not in page.question.value
    assert not any(name in seen for name in STUDENTS) and "Student " in seen
    assert NASTY not in page.answer.value and "&lt;script&gt;" in page.answer.value
    page.names.value = True
    assert page.entry.student in page.progress.value


def test_the_order_tells_nothing_of_names(tmp_path):
    names = [f"s{n:02}" for n in range(30)]
    with Store(tmp_path / "many.sqlite") as store:
        store.save([result(name) for name in names])
        order = [entry.student for entry in review(store, [OURS]).entries]
        assert order != names and order != names[::-1] and sorted(order) == names
        assert order == [entry.student for entry in review(store, [OURS]).entries]


def test_a_regrade_request_waits_with_what_was_found(store):
    store.request_regrade(QUIZ.lesson, "grace", "90.1", f"But B is right! {NASTY}")
    page = review(store, [OURS])
    assert page.entry.key == (QUIZ.lesson, "grace", "90.1")
    assert "But B is right! &lt;script&gt;" in page.answer.value and "right, 1 of 1 points" in page.answer.value
    page.points.value = "1"
    page.save.click()
    assert not [one for one in store.regrade_requests(QUIZ.lesson) if one.open] and len(page.open) == 4


def test_a_regrade_request_shows_the_students_own_numbers(store):
    for student in ("ada", "grace"):
        store.request_regrade(QUIZ.lesson, student, "90.4", "No.")
    page = review(store, [OURS])
    first = page.question.value
    page.skip.click()
    assert "A linear head maps" in first and "{width}" not in first and page.question.value != first


def test_what_could_not_be_saved_is_kept_on_the_page(store, monkeypatch):
    page = review(store, [OURS])
    monkeypatch.setattr(store, "mark_many", lambda *_, **__: (_ for _ in ()).throw(CourseError("The disk is full.")))
    page.points.value, page.comment.value = "1", "long thought"
    page.save.click()
    assert page.told == "Not saved: The disk is full." and page.comment.value == "long thought" and len(page.open) == 4


def test_with_nothing_to_do_it_says_so(tmp_path):
    with Store(tmp_path / "empty.sqlite") as store:
        page = review(store, [OURS])
        assert page.told == "Nothing waits for a person." and page.save.disabled and page.skip.disabled


@pytest.fixture
def course():
    """Run `course quiz ...` with the commands of handing_back alone."""
    app = typer.Typer()
    for command in (handing_back.export, handing_back.feedback, handing_back.report, handing_back.regrade_request):
        app.command()(command)

    def run(*words, fails=False):
        done = CliRunner().invoke(app, [str(word) for word in words])
        if fails:
            assert isinstance(done.exception, CourseError), done.output
            return str(done.exception)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    return run


def test_the_commands_hand_marks_back(store, course, tmp_path):
    (tmp_path / "released").mkdir()
    (tmp_path / "released" / "90_example.manifest.json").write_text(json.dumps({"personal": True, "notebooks": {}}))
    where = ("--store", store.path, "--out")
    said = course("export", "nbgrader", *where, tmp_path / "g.csv")
    assert "3 students, 3 of them without points yet" in said and (tmp_path / "g.csv").is_file()
    bank = ("--bank", BANK, "--released", tmp_path / "released")
    assert course("feedback", "90", *where, tmp_path / "f", *bank).startswith("3 pages in")
    assert (tmp_path / "f" / "ada" / "90_example.html").is_file()
    assert "3 submissions" in course("report", *where, tmp_path / "r", *bank)
    assert (tmp_path / "r" / "90_example_report.html").is_file()
    said = course("regrade-request", "90_example", "ada", "90.1", "Look again.", "--store", store.path)
    assert said == "Noted: 90.1 of ada waits in the review.\n"
    assert store.regrade_requests("90_example")[0].text == "Look again."


def test_the_commands_name_who_matched_nobody(store, course, tmp_path):
    (tmp_path / "c.csv").write_text("Student,ID,example (1)\nA,ada,\n    Points Possible,,18\n", encoding="utf-8")
    said = course(
        *("export", "canvas", "--store", store.path, "--out", tmp_path / "o.csv", "--gradebook", tmp_path / "c.csv")
    )
    assert (
        "1 students, 1 of them without points yet" in said and "2 match no row, or more than one: emmy, grace" in said
    )


def test_the_commands_tell_what_is_missing(store, course, tmp_path):
    nowhere = tmp_path / "typo.sqlite"
    assert "isn't there" in course("export", "lti", "--store", nowhere, "--out", tmp_path / "x", fails=True)
    assert not nowhere.exists()  # a typo makes no empty store
    assert "--bank" in course("report", "--store", store.path, "--out", tmp_path, fails=True)
    assert "no result" in course(
        "regrade-request", "90_example", "nobody", "90.1", "x", "--store", store.path, fails=True
    )
    assert "is empty" in course("regrade-request", "90_example", "ada", "90.1", " ", "--store", store.path, fails=True)


def test_the_command_writes_a_notebook_that_opens_the_page(tmp_path):
    import nbformat

    from course_utils.cli.quiz import app
    from course_utils.grading.release.releasing import release

    (quiz,) = open_bank(BANK)
    release(quiz, tmp_path / "released", roster=["ada"])
    marks = tuple(Mark(item.id, Outcome.WAITING, None, float(item.points), answer="x") for item in quiz.items)
    with Store(tmp_path / "marks.sqlite") as store:
        store.save([Result("ada", quiz.lesson, "d", "here", State.PARTIAL, marks)])
    asked = ["--bank", BANK, "--store", tmp_path / "marks.sqlite", "--released", tmp_path / "released"]
    command = ["review", *map(str, asked), "--out", str(tmp_path / "review.ipynb")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0 and "jupyter lab" in done.output
    (code,) = [cell.source for cell in nbformat.read(tmp_path / "review.ipynb", 4).cells if cell.cell_type == "code"]
    names = {}
    exec(code.replace("open_review(\n", "page = open_review(\n"), names)
    assert len(names["page"].entries) == len(quiz.items)
    assert isinstance(CliRunner().invoke(app, command).exception, CourseError)  # it is there
