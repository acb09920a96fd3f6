"""Questions without a browser: what they say, keep and show, under today's ipywidgets and under Colab's."""

import asyncio
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ipywidgets as widgets
import pytest
from support.errors import refused

from course_utils.lessons import Lesson
from course_utils.quiz import ask, check, exercises, found, predict, progress, progress_table, reading, review, summary
from course_utils.quiz import widgets as quiz_widgets
from course_utils.quiz.inputs import Choice
from course_utils.quiz.text import SIGNS, section_html, shuffled, static_html, static_text, where_html

HERE = Path(__file__).parent
BEFORE = ('padding-left:.7em">', 'padding-left:.7em">You answered this before. ')  # in a reply, and in one brought back


@pytest.fixture(autouse=True)
def quiz(tmp_path, monkeypatch):
    """Lesson 90 with an item of every kind, and a progress of its own."""
    (tmp_path / "90_kinds.yaml").write_text((HERE / "kinds.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(reading, "FOLDER", tmp_path)
    monkeypatch.setattr("course_utils.lessons.LESSONS", (Lesson("90_kinds", "Which kinds are there?"),))
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.sqlite"))
    reading.lesson_quiz.cache_clear()
    elsewhere = asyncio._get_running_loop()  # browser tests that came before leave one in this thread
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(elsewhere)
    reading.lesson_quiz.cache_clear()
    progress._watching.clear()


@pytest.fixture
def said(monkeypatch):
    """What check and found display."""
    shown = []
    monkeypatch.setattr(exercises, "display", lambda data, raw: shown.append(data))
    return shown


def tick(question, *texts):
    if isinstance(question.input, Choice):
        (question.input.answer,) = [[n] for n, option in enumerate(question.item.options) if option.text in texts]
        return
    for place, box in zip(question.input.order, question.input.boxes, strict=True):
        box.value = question.item.options[place].text in texts


def test_one_choice_answers_each_option_and_counts_the_tries():
    question = ask("90.1")
    question.check.click()
    assert question.result == "Choose one answer first." and not progress.standings()
    tick(question, "nothing at all")
    question.check.click()
    assert "Not yet." in question.result and "<code>requires_grad</code>" in question.result
    assert "A section" in question.result and "spares BatchNorm" not in question.result
    tick(question, "the head and BatchNorm")
    question.check.click()
    assert "Right." in question.result and "since fastai spares BatchNorm" in question.result
    tick(question, "everything")
    question.check.click()  # looking around after the right answer is no new try
    standing = progress.standings()["90.1"]
    assert (standing.tries, standing.first_right, standing.last_right) == (2, False, True)


def test_one_answer_has_radio_buttons_and_several_have_checkboxes():
    one, several = ask("90.1"), ask("90.2")
    assert type(one.input.buttons) is widgets.RadioButtons and one.input.answer == []
    assert {label[4:] for label, _ in one.input.buttons.options} == {option.text for option in one.item.options}
    for box in several.input.boxes:
        box.value = True
    assert several.input.answer == [0, 1, 2]
    assert "Choose one." in static_html(one.item) and "Choose one." in static_text(one.item)
    assert "Choose all that apply." in static_html(several.item)


def test_the_section_is_a_link_where_a_page_can_follow_it(monkeypatch):
    item = reading.item("90.1")
    assert section_html(item) == '<a href="#A-section"><em>A section</em></a>'
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    assert section_html(item) == "<em>A section</em>"


def test_right_and_wrong_differ_in_sign_colour_and_words(said):
    question = ask("90.1")
    tick(question, "nothing at all")
    question.check.click()
    wrong = question.result
    tick(question, "the head and BatchNorm")
    question.check.click()
    check("90.A", lambda x: x**2)
    check("90.A", lambda x: 2 * x)
    pages = [[wrong, said[-2]["text/html"]], [question.result, said[-1]["text/html"]]]
    for alike, (word, sign, colour) in zip(pages, (SIGNS[False], SIGNS[True]), strict=True):
        for page in alike:
            assert f"<strong>{word}</strong>" in page and sign in page and page.count(colour) == 2
    assert not {*SIGNS[True]} & {*SIGNS[False]}


@pytest.mark.parametrize(("below", "words"), [(False, "Reread"), (True, "Read on in")])
def test_a_wrong_answer_leads_back_or_on_to_what_answers_it(below, words):
    item = reading.item("90.2").model_copy(update={"below": below})
    assert where_html(item) == f'{words} <a href="#A-section"><em>A section</em></a> and try again.'


def test_several_choices_say_what_is_missing():
    question = ask("90.2")
    tick(question, "running statistics")
    question.check.click()
    assert "1 true answer is still missing." in question.result and "the head" not in question.result
    tick(question, "running statistics", "the head")
    question.check.click()
    assert "Right.</strong> <strong>A</strong> — True: it trains. <strong>B</strong> — True: they" in question.result


@pytest.mark.parametrize(
    ("item", "given", "told"),
    [
        ("90.3", "about 80", "Write a number, like 12.5 or 12.5%."),
        ("90.3", "85,61 %", "averages over batches"),
        ("90.3", "86.65%", "Right."),
        ("90.4", "", "Write a word"),
        ("90.4", "Fit", "That one calls it."),
        ("90.4", " TRAIN. ", "Right."),
        ("90.5", "A A", "each of the 3 letters"),
        ("90.5", "A B Z", "each of the 3 letters"),
    ],
)
def test_lines_answer(item, given, told):
    question = ask(item)
    question.input.field.value = given
    question.check.click()
    assert told in question.result


def test_an_order_is_given_in_the_letters_that_are_shown():
    question = ask("90.5")
    right = " ".join("ABC"[question.input.order.index(step)] for step in range(3))
    question.input.field.value = right[::-1]
    question.check.click()
    assert "Not yet." in question.result and "comes last" in question.result
    question.input.field.value = right.lower().replace(" ", ",")
    question.check.click()
    assert "Right." in question.result


def in_a_loop(work):
    """asyncio.run, in a thread: where browser tests came before, this one has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


def enter(question):
    question.input.field._handle_string_msg(question.input.field, {"event": "submit"}, [])


def test_enter_checks_a_line():
    question = ask("90.4")
    question.input.field.value = "train"
    enter(question)
    assert "Right." in question.result


def test_enter_in_a_kernel_waits_for_the_text_that_it_ends():
    question = ask("90.4")
    question.input.field.value = "fit"

    async def written():
        enter(question)
        question.input.field.value = "train"
        await asyncio.sleep(2 * quiz_widgets.MOMENT)

    in_a_loop(written())
    assert "Right." in question.result
    assert progress.standings()["90.4"].tries == 1


def test_a_click_waits_for_a_text_that_is_late():
    question = ask("90.4")
    question.input.field.value = "fit"
    question.check.click()
    assert "Not yet." in question.result

    async def written():
        question.check.click()
        await asyncio.sleep(quiz_widgets.LATE / 5)
        question.input.field.value = "train"
        await asyncio.sleep(quiz_widgets.LATE)

    in_a_loop(written())
    assert "Right." in question.result
    assert progress.standings()["90.4"].tries == 2


@pytest.mark.parametrize("item", ["90.1", "90.2"])
def test_a_click_waits_for_a_choice_that_is_late(item):
    """A busy kernel gets the click before the second of two choices, which the page held back."""
    question = ask(item)
    wrong, right = {"90.1": (["nothing at all"], ["the head and BatchNorm"])}.get(
        item, (["the labels"], ["running statistics", "the head"])
    )
    tick(question, *wrong)

    async def chosen():
        question.check.click()
        await asyncio.sleep(quiz_widgets.MOMENT / 5)
        tick(question, *right)
        await asyncio.sleep(2 * quiz_widgets.MOMENT)

    in_a_loop(chosen())
    assert "Right." in question.result and progress.standings()[item].tries == 1


def test_leaving_a_line_checks_nothing():
    question = ask("90.4")
    question.input.field.value = "fit"
    assert not progress.standings()


def test_hints_one_by_one_and_the_answer_after_two_misses():
    question = ask("90.1")
    for told in ("Hint 1 of 2", "Hint 2 of 2", "That was the last hint"):
        question.hint.click()
        assert told in question.hinted.value
    assert question.show.layout.display == "none"
    for text in ("nothing at all", "everything"):
        tick(question, text)
        question.check.click()
    assert question.show.layout.display == ""
    question.show.click()
    assert "the head and BatchNorm" in question.result


def test_a_hint_and_the_reply_to_a_wrong_answer_stand_beside_each_other():
    question = ask("90.1")
    tick(question, "nothing at all")
    question.check.click()
    question.hint.click()
    question.hint.click()
    assert "Not yet." in question.said.value
    assert "Hint 1 of 2" in question.hinted.value and "Hint 2 of 2" in question.hinted.value
    tick(question, "everything")
    question.check.click()
    assert "Not yet." in question.said.value and "Hint 2 of 2" in question.hinted.value
    tick(question, "the head and BatchNorm")
    question.check.click()
    assert "Right." in question.said.value and not question.hinted.value  # the explanation takes their place


def test_a_wrong_answer_comes_back_with_its_reply_and_hints():
    question = ask("90.1")
    for text in ("nothing at all", "everything"):
        tick(question, text)
        question.check.click()
        question.hint.click()
    again = ask("90.1")
    assert again.input.answer == question.input.answer
    assert again.result == question.result.replace(BEFORE[0], BEFORE[1], 1)
    assert again.hinted.value == question.hinted.value and "Hint 2 of 2" in again.hinted.value
    assert again.show.layout.display == ""  # two misses are enough, whenever they were
    again.check.click()
    assert progress.last_answer("90.1") == (False, again.input.answer) and progress.standings()["90.1"].tries == 3


def test_an_answer_is_shown_again_unless_it_is_due(monkeypatch):
    question = ask("90.3")
    question.input.field.value = "86.67"
    question.check.click()
    again = ask("90.3")
    assert again.input.field.value == "86.67" and "You answered this before." in again.result
    wrong = ask("90.4")
    wrong.input.field.value = "fit"
    wrong.check.click()
    assert ask("90.4").input.field.value == "fit"
    assert review().due == ["90.4"]
    (anew,) = review().questions
    assert anew.input.field.value == "" and not anew.said.value
    wrong.input.field.value = "train"
    wrong.check.click()
    assert ask("90.4").input.field.value == "train"
    monkeypatch.setattr(progress, "due_items", lambda: ["90.4"])  # tomorrow
    assert ask("90.4").input.field.value == "" and "asked again" in ask("90.4").result


def test_a_guess_is_noted_and_compared(said):
    found("90.6", 5.5)
    assert "You didn't note a guess" in said[-1]["text/plain"]
    question = predict("90.6")
    for given, told in (("many", "Write a number"), ("1000", "between 1 and 100"), ("4", "Noted:")):
        question.input.field.value = given
        question.check.click()
        assert told in question.result
    assert "Your guess is 4" in predict("90.6").result
    found("90.6", 5.5)
    assert "You guessed 4×; the cell found 5.5×. That is near." in said[-1]["text/plain"]
    found("90.6", 50)
    assert "too low by 46" in said[-1]["text/plain"]
    table = summary("90")  # a guess that was far off isn't wrong, and doesn't count as right
    assert "guess compared" in table.shown.value and table.result.startswith("0 of ")
    assert progress.due_items() == []


def test_exercises_are_checked_in_words(said):
    check("90.A", ...)
    assert said[-1]["text/plain"].startswith("To do. double isn't written yet.") and not progress.standings()
    assert said[-1]["text/html"].startswith('<div role="status"><strong>To do.</strong> double')
    check("90.A", lambda x: x**2)
    assert said[-1]["text/plain"] == "Not yet. That is the square."
    assert "<details><summary>A hint</summary>" in said[-1]["text/html"]
    check("90.A", lambda x: 2 * x)
    assert said[-1]["text/plain"].startswith("Right.")
    assert 'role="status"' in said[-1]["text/html"] and "<details>" not in said[-1]["text/html"]
    assert progress.standings()["90.A"].tries == 2


def test_wrong_calls_say_what_to_do():
    for call, problem, fact in (
        (lambda: ask("90.A"), "wrong-call", "check('90.A', double)"),
        (lambda: check("90.1", 1), "wrong-call", "ask('90.1')"),
        (lambda: predict("90.1"), "wrong-call", "ask('90.1')"),
        (lambda: found("90.1", 1), "wrong-call", "only a prediction"),
        (lambda: ask("90.9"), "unknown-item", "choose one of 90.1, 90.2"),
        (lambda: ask("91.1"), "unknown-lesson", "'91': choose one of 90"),
        (lambda: ask("frozen"), "item-name", "like '04.2'"),
        (lambda: summary("7"), "unknown-lesson", "choose one of 90"),
    ):
        with refused(f"quiz.{problem}", fact):
            call()


def test_summary_and_table_follow_the_answers():
    shown, table = summary("90"), progress_table()
    assert "0 of 6 right so far." in shown.shown.value
    question = ask("90.4")
    question.input.field.value = "train"
    question.check.click()
    assert "1 of 6 right so far." in shown.shown.value and "right at the first try" in shown.shown.value
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in table.shown.value.split("<tr>")]
    assert any(row[:6] == ["90", "1", "of", "6", "1", "100%"] for row in rows) and "width:16.7%" in table.shown.value


def test_a_static_page_reads_without_a_kernel():
    for item in reading.lesson_quiz("90").items:
        page = static_html(item)
        assert item.topic in page and "<details><summary>Answer</summary>" in page
        question, answer = page.split("<details>")
        assert item.topic in static_text(item) and item.explanation not in static_text(item)
        assert item.explanation.split()[0] in answer and item.explanation not in question


def test_options_stand_in_one_order_live_stored_and_for_every_learner(tmp_path, monkeypatch):
    for n, identifier in enumerate(("90.1", "90.2", "90.5")):
        monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / f"learner {n}.sqlite"))
        question = ask(identifier)
        parts = getattr(question.item, "options", None) or question.item.steps
        live = [parts[index].text for index in question.input.order]
        for page in (static_html(question.item), static_text(question.item)):
            places = [page.index(f" — {text}") for text in live]
            assert places == sorted(places)


def test_what_is_handed_out_is_shuffled_alike_for_one_student_and_differently_for_others():
    item = reading.item("90.1")
    orders = {tuple(shuffled(item, f"learner {n}")) for n in range(30)}
    assert len(orders) == 6 and all(shuffled(item, "me") == shuffled(item, "me") for _ in range(3))
    steps = reading.item("90.5")
    assert all(shuffled(steps, f"learner {n}") != [0, 1, 2] for n in range(30))


def test_a_question_shows_and_checks_at_once():
    ask("90.1")  # imports
    shown, checked = [], []
    for item in ("90.2", "90.3", "90.4"):  # the fastest of three: other tests run beside this one
        start = time.perf_counter()
        question = ask(item)
        shown.append(time.perf_counter() - start)
        if item == "90.2":
            tick(question, "the labels")
        else:
            question.input.field.value = "7"
        start = time.perf_counter()
        question.check.click()
        checked.append(time.perf_counter() - start)
        assert "Not yet." in question.result
    assert min(shown) < 0.3 and min(checked) < 0.05


def test_questions_bring_no_torch():
    code = "import sys\nfrom course_utils.quiz import ask, predict, summary, review, found, check\n"
    code += "print(sorted({'torch', 'fastai', 'matplotlib', 'pandas', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
