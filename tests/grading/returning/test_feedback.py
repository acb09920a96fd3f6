"""A student's page: all that helps, no key, nobody else, and nothing that a hostile answer could do to it."""

import csv
import re
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedCode, GradedModel
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.gradebook.store import Store
from course_utils.grading.records import Mark, Outcome, Result, State, Timing
from course_utils.grading.returning.feedback import OUTCOMES, STATES, feedback, in_words, page

(QUIZ,) = open_bank(Path(__file__).parents[3] / "docs" / "example_bank")
OURS = Assignment(QUIZ)
NASTY = "</pre><script>alert(1)</script><img src=http://evil/x onerror=alert(2)>{{ 7 * 7 }}"
VOID = {"meta", "img", "br", "hr", "rect"}


class Page(HTMLParser):
    """What a page holds; fails on tags that don't close."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open, self.words = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def result(student="ada", answers=None, outcome=Outcome.WRONG, points=0.0, **other):
    answers = answers or {}
    marks = tuple(
        Mark(item.id, outcome, points, float(item.points), ("Think of `freeze`.",), answers.get(item.id, ""), "i")
        for item in QUIZ.items
    )
    return Result(student, QUIZ.lesson, f"of {student}", "/secret/place.zip", State.GRADED, marks, **other)


def test_a_page_is_whole_and_needs_nothing_else():
    text = page(OURS, result(answers={"90.1": "B", "90.A": "def balanced(t, g):\n    return 1 < 2"}), {})
    shown = Page(text)
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    csp = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert ("content", csp) in shown.attributes and ("lang", "en") in shown.attributes
    assert "script" not in shown.tags and "link" not in shown.tags and "iframe" not in shown.tags
    assert not [name for name, _ in shown.attributes if name.startswith("on") or name == "src"]
    assert shown.tags.count("h1") == 1 and shown.tags.count("h2") == len(QUIZ.items)
    assert {"caption", "svg", "title", "desc"} <= set(shown.tags) and ("scope", "col") in shown.attributes
    assert "return 1 &lt; 2" in text and "0 of 18 points" in text


def test_a_page_tells_no_key():
    text = page(OURS, result(remarks=("copied from grace",)), {})
    for item in QUIZ.items:
        assert item.explanation not in text and item.explanation.split(";")[0] not in text
        secrets = [getattr(item, name, None) for name in ("reference", "inputs", "held_out", "variant", "stand_in")]
        secrets += [mistake.code for mistake in item.mistakes] if isinstance(item, (GradedCode, GradedModel)) else []
        for secret in filter(None, secrets):
            assert max(secret.strip().splitlines(), key=len).strip() not in text, item.id
    for secret in ("86.67", "tolerance", "evaluation", "names a target far", "/secret/place", "copied from grace"):
        assert secret not in text
    assert "recall looks at what is" not in text  # the feedback of a mistake that was not made


def test_explanations_come_when_asked_for():
    text = page(OURS, result(), {}, explain=True)
    assert "BatchNorm layers are spared" in text and Page(text).tags.count("h3") == len(QUIZ.items)


@pytest.mark.parametrize(
    "nasty", [NASTY, "\x00\x1b[31m\u202e", "\ud800", "]]><!--", "&lt;b&gt;", "a\r\nb", "A" * 10_000]
)
def test_hostile_answers_names_and_comments_are_text(nasty):
    marks = {item.id: nasty for item in QUIZ.items}
    calm = Page(page(OURS, result("ada", {item.id: "x" for item in QUIZ.items}), {"90.1": "x"}))
    text = page(OURS, result(nasty, marks), {"90.1": nasty})
    shown = Page(text)
    assert shown.tags == calm.tags, "an answer changed the page's structure"
    assert "alert(1)" not in text.replace("&lt;script&gt;alert(1)&lt;/script&gt;", "")
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff]", text)
    if nasty == NASTY:
        assert "{{ 7 * 7 }}" in "".join(shown.words) and nasty in "".join(shown.words)


def test_feedback_with_a_students_words_is_markdown_without_html_or_pictures():
    marks = tuple(replace(mark, feedback=("<b>x</b> ![p](http://evil/p.png)",)) for mark in result().marks)
    text = page(OURS, replace(result(), marks=marks), {})
    assert "<b>" not in text and "&lt;b&gt;x" in text and "<img" not in text and "evil" not in text


def test_letters_are_told_with_what_the_student_saw():
    item = QUIZ.item("90.1")
    for student in ("eve", "ada", "grace"):
        version = OURS.for_student(student)
        for letter, words in version.lettered(item):
            assert in_words(item, letter.lower(), version) == f"{letter} — {words}"
    version, several = OURS.for_student("ada"), QUIZ.item("90.2")
    both = [" — ".join(pair) for pair in version.lettered(several)]
    assert in_words(several, "c, A", version) == f"{both[0]}\n{both[2]}"
    order = QUIZ.item("90.6")
    steps = dict(version.lettered(order))
    assert in_words(order, "C A B", version) == "\n".join(f"{letter} — {steps[letter]}" for letter in "CAB")
    for odd in ("", "D", "the head", "1", "A" * 5000 + "Z"):
        assert in_words(item, odd, version) == odd


def test_a_page_of_a_roster_has_the_students_own_numbers():
    ada, grace = (page(OURS, result(student), {}) for student in ("ada", "grace"))
    stem = re.compile(r"A linear head maps (\d+) features to (\d+) classes")
    assert stem.search(ada).groups() != stem.search(grace).groups()
    secret = page(Assignment(QUIZ, b"secret" * 6), result("ada"), {})
    assert stem.search(secret).groups() != stem.search(ada).groups()
    graded = QUIZ.model_copy(update={"bank": "graded"})
    with pytest.raises(CourseError, match="needs the course's key"):
        Assignment(graded)


def test_states_and_outcomes_are_told_in_words():
    assert set(STATES) == set(State) and set(OUTCOMES) == set(Outcome)
    for state in State:
        text = page(OURS, replace(result(), state=state), {})
        assert STATES[state][0] in text and STATES[state][1] in text
    for outcome in Outcome:
        assert OUTCOMES[outcome] in page(OURS, result(outcome=outcome), {})


def test_unknown_points_are_no_zero():
    whole = result(points=1.0)
    marks = (replace(whole.marks[0], points=None, outcome=Outcome.UNKNOWN), *whole.marks[1:])
    text = page(OURS, replace(whole, marks=marks, state=State.INFRASTRUCTURE), {})
    assert "no total yet" in text and "This doesn't mean zero" in text
    assert "not yet of 1" in text and "Not known yet" in text
    assert "You have" not in text and "0 of 1" not in text and text.count("<rect") == 1
    assert page(OURS, whole, {}).count("<rect") == 2


def test_an_unreadable_notebook_gets_a_page_and_no_points():
    text = page(OURS, Result("ada", QUIZ.lesson, "d", "here", State.UNREADABLE, ()), {})
    assert "could not be read" in text and "no total yet" in text and not re.search(r"\d+ of \d+ points", text)
    Page(text)


def test_hints_are_for_those_who_need_them():
    item = QUIZ.item("90.3").model_copy(update={"hints": ["First hint.", "Second hint.", "Third hint."]})
    quiz = QUIZ.model_copy(update={"items": [item]})

    def hinted(points):
        text = page(Assignment(quiz), replace(result(), marks=(Mark("90.3", Outcome.WRONG, points, 1.0),)), {})
        return [hint for hint in item.hints if hint in text]

    assert hinted(1.0) == hinted(None) == []
    assert hinted(0.5) == ["First hint."] and hinted(0.0) == ["First hint.", "Second hint."]


def test_an_item_that_left_the_pool_is_still_shown():
    marks = (Mark("90.99", Outcome.WRONG, 0.0, 1.0, ("Told.",), "my answer"),)
    text = page(OURS, replace(result(), marks=marks), {})
    assert "90.99" in text and "my answer" in text and "Told." in text


def test_each_student_gets_a_folder_and_the_index_says_whose(tmp_path):
    students = ["ada", "Ada", "../../evil", "=1+1", "Zoë", "<b>"]
    with Store(tmp_path / "marks.sqlite") as store:
        store.save([result(student, {"90.7": f"only {n} wrote this"}) for n, student in enumerate(students)])
        store.mark(QUIZ.lesson, "ada", "90.7", 2.5, "Good\nthought <i>.", by="teacher")
        assert len(feedback(store, [OURS], tmp_path / "out")) == len(students)
    with (tmp_path / "out" / "index.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["student"] for row in rows} == {"ada", "Ada", "../../evil", "'=1+1", "Zoë", "<b>"}
    files = sorted(file for file in tmp_path.rglob("*.html"))
    assert sorted(tmp_path / "out" / row["file"] for row in rows) == files and len(files) == len(students)
    assert len({str(file).lower() for file in files}) == len(students)
    for row in rows:
        text = (tmp_path / "out" / row["file"]).read_text(encoding="utf-8")
        own = students.index(row["student"].removeprefix("'"))
        assert re.findall(r"only (\d) wrote this", text) == [str(own)]
        assert ("thought &lt;i&gt;." in text and "marked by a person" in text) == (row["student"] == "ada")
        assert Path(row["file"]).name == "90_example.html"


def test_a_second_run_renews_the_pages_and_leaves_no_rest(tmp_path):
    with Store(tmp_path / "marks.sqlite") as store:
        store.save([result("ada", points=0.5)])
        feedback(store, [OURS], tmp_path / "out")
        store.save([result("ada", points=1.0)])
        feedback(store, [OURS], tmp_path / "out")
    files = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert sorted(file.name for file in files) == ["90_example.html", "index.csv"]
    assert "9 of 18 points" in (tmp_path / "out" / "ada" / "90_example.html").read_text(encoding="utf-8")


def test_a_figure_is_within_the_page_or_told_in_words(tmp_path):
    from course_utils.quiz.items import Figure

    (tmp_path / "dot.svg").write_text("<svg/>")
    (tmp_path / "bank").mkdir()
    for file, held in (("dot.svg", True), ("gone.png", False), ("../dot.svg", False)):
        item = QUIZ.item("90.3").model_copy(update={"figure": Figure(file=file, alt="A dot <b>.")})
        quiz = QUIZ.model_copy(update={"items": [item]})
        folder = tmp_path if held else tmp_path / "bank"
        text = page(Assignment(quiz), replace(result(), marks=result().marks[2:3]), {}, figures=folder)
        assert ("data:image/svg+xml;base64," in text) is held and "A dot &lt;b&gt;." in text


def test_a_page_says_how_late_it_was_and_what_that_costs():
    due = datetime(2026, 12, 4, 23, 59, 59, tzinfo=ZoneInfo("Europe/Berlin"))
    late = timedelta(hours=25)
    one = result(points=1.0)
    assert "deadline" not in page(OURS, one, {})
    timing = Timing(due, due + late, late, "Moodle's worksheet", True, 2.0)
    text = page(OURS, replace(one, timing=timing), {})
    assert "1 day 1 h after the deadline, 2026-12-04 23:59 CET: 2 of 9 points are taken off." in text
    assert "7 of 18 points" in text
    text = page(OURS, replace(one, timing=replace(timing, penalty=None)), {})
    assert "may have come after the deadline" in text and "no total yet" in text
