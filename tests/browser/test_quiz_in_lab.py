"""Practice in a real JupyterLab: every kind of question by mouse and keyboard, kept over a reload, readable for all."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
KINDS = Path(__file__).parents[1] / "quiz" / "kinds.yaml"
FIRST = """\
from pathlib import Path
from course_utils import lessons
from course_utils.quiz import ask, check, found, predict, reading, summary
reading.FOLDER = Path({folder!r})
lessons.LESSONS = (lessons.Lesson("90_kinds", "Which kinds are there?"),)"""
ASKED = {f"90.{n}": f'ask("90.{n}")' for n in range(1, 6)} | {"90.6": 'predict("90.6")'}
REST = ['found("90.6", 5.5)', "def double(x):\n    return x**2", 'check("90.A", double)', 'summary("90")']
# A wrong answer and its feedback, then a right one: what is ticked or written.
ANSWERS = {
    "90.1": ("nothing at all", "Look at requires_grad of BatchNorm", "the head and BatchNorm"),
    "90.2": ("the labels", "they are given", ("running statistics", "the head")),
    "90.3": ("85,61 %", "averages over batches", "86.67"),
    "90.4": ("Fit", "That one calls it", " TRAIN. "),
}

ONE, SEVERAL = ["90.1"], ["90.2"]
FOCUS_SHOWS = "it => it.matches(':focus-visible') && parseFloat(getComputedStyle(it).outlineWidth) >= 2"
# What overflows, in a question's card: it would get a scrollbar, or be cut off.
OVERFLOWING = """card => [card, ...card.querySelectorAll('*')].filter(it =>
    !it.closest('mjx-container') && getComputedStyle(it).display !== 'inline' &&
    (it.scrollWidth > it.clientWidth + 1 || it.scrollHeight > it.clientHeight + 1) &&
    getComputedStyle(it).overflow !== 'visible').map(it => it.outerHTML.slice(0, 200))"""
# How far above or below the middle of its option's first line a button stands, in pixels.
OFF = """card => [...card.querySelectorAll('.course-options label:has(input)')].map(label => {
    const button = label.querySelector('input'), box = button.getBoundingClientRect(), text = document.createRange();
    text.selectNodeContents([...label.childNodes].find(node => node !== button));
    const line = text.getClientRects()[0];
    return (box.top + box.bottom - line.top - line.bottom) / 2;
})"""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def quiz(lab, page, tmp_path, monkeypatch):
    """The notebook of all kinds, run in Lab, with a progress of its own."""
    shutil.copy(KINDS, tmp_path / "90_kinds.yaml")
    answers = f'import os\nos.environ["COURSE_PROGRESS"] = {str(tmp_path / "progress.sqlite")!r}\n'
    sources = [answers + FIRST.format(folder=str(tmp_path)), *ASKED.values(), *REST]
    cells = [nbformat.v4.new_markdown_cell("# Kinds\n\n## A section"), *map(nbformat.v4.new_code_cell, sources)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    file = lab.write("kinds", nbformat.v4.new_notebook(cells=cells, metadata=kernel))
    notebook = lab.open(page, file)
    notebook.run_all(seconds=300)
    assert notebook.problems() == []
    return notebook


def block(page, item: str) -> Locator:
    """The card of one question, the one that is in sight."""
    return page.locator(".course-question:visible").filter(has_text=f"Question {item}").first


def answer(page, item: str, given, by_keyboard: bool) -> Locator:
    """Give an answer and have it checked; the place where the feedback stands."""
    where = block(page, item)
    options = where.get_by_role("radio" if item in ONE else "checkbox")
    wanted = [given] if isinstance(given, str) else list(given)
    if item in ONE + SEVERAL:
        for option in options.all():
            label = option.evaluate("option => option.closest('label').innerText").strip()
            chosen = any(label.endswith(f"— {text}") for text in wanted)
            if option.is_checked() != chosen and (chosen or item in SEVERAL):
                option.focus() if by_keyboard else option.click()
                if by_keyboard:
                    option.press("Space")
                    assert option.evaluate(FOCUS_SHOWS)
    else:
        field = where.get_by_role("textbox")
        field.fill("")
        field.focus() if by_keyboard else field.click()
        page.keyboard.type(given)
        if by_keyboard:
            field.press("Enter")
            return where.locator("[role=status]")
    button = where.get_by_role("button", name=re.compile("Check|Note my guess"))
    if by_keyboard:
        button.focus()
        button.press("Enter")
        expect(button).to_be_focused()
    else:
        button.click()
    return where.locator("[role=status]")


def letters(page, item: str, texts: list[str]) -> str:
    """The letters that the steps have in this learner's order."""
    shown = block(page, item).locator("li").all_inner_texts()
    return " ".join(next(line[0] for line in shown if line.endswith(text)) for text in texts)


@pytest.mark.parametrize("by_keyboard", [False, True], ids=["mouse", "keyboard"])
def test_every_kind_answers(quiz, page, by_keyboard):
    for item, (wrong, feedback, right) in ANSWERS.items():
        expect(answer(page, item, wrong, by_keyboard)).to_contain_text(feedback)
        expect(block(page, item).locator("[role=status]")).to_contain_text("Not yet.")
        block(page, item).screenshot(path=ARTEFACTS / f"quiz_{item}_wrong.png")
        expect(answer(page, item, right, by_keyboard)).to_contain_text("Right.")
        block(page, item).screenshot(path=ARTEFACTS / f"quiz_{item}_right.png")
    steps = ["freeze the body", "train the head", "train everything"]
    expect(answer(page, "90.5", letters(page, "90.5", steps[::-1]), by_keyboard)).to_contain_text("comes last")
    expect(answer(page, "90.5", letters(page, "90.5", steps), by_keyboard)).to_contain_text("Right.")
    expect(answer(page, "90.6", "1000", by_keyboard)).to_contain_text("between 1 and 100")
    expect(answer(page, "90.6", "4", by_keyboard)).to_contain_text("Noted: 4")
    for item in ("90.5", "90.6"):
        block(page, item).screenshot(path=ARTEFACTS / f"quiz_{item}.png")
    row = page.get_by_role("row", name="Question 90.1 — frozen")
    expect(row).to_contain_text("right after 2 tries")
    for width in (1280, 700):
        page.set_viewport_size({"width": width, "height": 1000})
        for item in ASKED:
            assert block(page, item).evaluate(OVERFLOWING) == []
    assert quiz.problems() == []


def test_hints_come_one_by_one_and_the_answer_after_two_misses(quiz, page):
    where = block(page, "90.1")
    for words in ("Hint 1 of 2", "Hint 2 of 2", "That was the last hint"):
        where.get_by_role("button", name="Hint").click()
        expect(where.locator("[role=status]")).to_contain_text(words)
    show = where.get_by_role("button", name="Show the answer")
    answer(page, "90.1", "nothing at all", False)
    expect(where.locator("[role=status]").first).to_contain_text("Not yet.")
    expect(show).to_be_hidden()
    answer(page, "90.1", "everything", False)
    show.click()
    expect(where.locator("[role=status]").first).to_contain_text("since fastai spares BatchNorm")
    expect(where.locator("[role=status]").last).to_contain_text("Hint 1 of 2")


def test_feedback_and_summary_lead_to_the_section(quiz, page):
    said = answer(page, "90.4", "fit", False)
    heading = page.get_by_role("heading", name="A section")
    expect(heading).not_to_be_in_viewport()
    said.get_by_role("link", name="A section").click()
    expect(heading).to_be_in_viewport()
    link = page.locator(".jp-OutputArea-output").last.get_by_role("link", name="A section").first
    assert link.evaluate("a => getComputedStyle(a).color != getComputedStyle(a.parentElement).color")
    link.click()
    expect(heading).to_be_in_viewport()


def test_after_a_restart_and_the_next_day_questions_are_readable_and_answers_come_back(quiz, page, lab):
    expect(answer(page, "90.3", "86.67", False)).to_contain_text("Right.")
    expect(answer(page, "90.6", "4", False)).to_contain_text("Noted: 4")
    for wrong, said in (("nothing at all", "Look at"), ("everything", "Then nothing would be frozen.")):
        expect(answer(page, "90.1", wrong, False)).to_contain_text(said)
    reply = block(page, "90.1").locator("[role=status]").inner_text()
    block(page, "90.1").get_by_role("button", name="Hint").click()
    expect(block(page, "90.1").locator("[role=status]")).to_have_count(2)
    expect(block(page, "90.1").locator("[role=status]").first).to_have_text(reply)
    order = [option.inner_text().strip() for option in block(page, "90.1").locator("label:has(input)").all()]
    page.keyboard.press("Control+s")
    quiz.restart()
    expect_readable(page)
    assert [line.strip() for line in block(page, "90.1").locator("li").all_inner_texts()] == order
    expect(page.locator("#jp-main-statusbar")).to_contain_text("Idle")  # a kernel that still starts can't be stopped
    lab.stop()  # the next day: a new server over the same folder
    lab.start()
    lab.wear("JupyterLab Dark")
    again = lab.open(page, "kinds.ipynb")
    expect_readable(page)
    expect_nothing_serious(page)
    again.run_all(seconds=300)
    expect(block(page, "90.3").locator("[role=status]")).to_contain_text("You answered this before.")
    expect(block(page, "90.3").locator("[role=status]")).to_contain_text("Right.")
    expect(block(page, "90.3").get_by_role("textbox")).to_have_value("86.67")
    missed = block(page, "90.1")
    expect(missed.locator("[role=status]").first).to_contain_text("You answered this before.")
    expect(missed.locator("[role=status]").first).to_contain_text(reply.partition("Not yet.")[2].strip())
    expect(missed.locator("[role=status]").last).to_contain_text("Hint 1 of 2")
    expect(missed.get_by_role("radio", checked=True)).to_have_accessible_name(re.compile("everything"))
    expect(missed.get_by_role("button", name="Show the answer")).to_be_visible()
    assert [option.inner_text().strip() for option in missed.locator("label:has(input)").all()] == order
    missed.screenshot(path=ARTEFACTS / "quiz_came_back.png")
    expect(page.get_by_text("Run this cell again: your answers come back.").locator("visible=true")).to_have_count(0)
    for item in ONE + SEVERAL:
        offsets = block(page, item).evaluate(OFF)
        assert len(offsets) > 2 and max(map(abs, offsets)) < 2, offsets
    outputs = page.locator(".jp-OutputArea")
    expect(outputs.filter(has_text="You guessed 4")).to_contain_text("the cell found 5.5×. That is near.")
    expect(outputs.filter(has_text="That is the square.")).to_contain_text("Not yet.")
    answer(page, "90.1", "nothing at all", True)
    expect_nothing_serious(page)


def test_a_click_while_a_cell_runs_is_told_to_wait_and_counts_afterwards(quiz, page):
    where, said = block(page, "90.1"), block(page, "90.1").locator(".course-waits")
    expect(said).to_be_hidden()
    page.get_by_role("menuitem", name="Run", exact=True).click()  # a new last cell, which takes some seconds
    last = page.locator(".jp-CodeCell").last
    page.keyboard.press("Escape")
    last.click()
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.type("import time; time.sleep(12)")
    page.keyboard.press("Control+Enter")
    answer(page, "90.1", "the head and BatchNorm", False)
    expect(said).to_contain_text("A cell is running: your click counts as soon as it ends.")
    expect(said).to_be_visible()
    expect(where).to_have_class(re.compile("course-waiting"))  # which doesn't need JupyterLab's page
    assert where.evaluate(OVERFLOWING) == [] and where.locator("[role=status]").count() == 0
    where.screenshot(path=ARTEFACTS / "quiz_waits.png")
    expect(block(page, "90.2").locator(".course-waits")).to_be_hidden()
    expect(where.locator("[role=status]")).to_contain_text("Right.")
    expect(said).to_be_hidden()
    expect(where).not_to_have_class(re.compile("course-waiting"))


def expect_readable(page) -> None:
    """Every question stands as text, with what to do, and no widget that has lost its kernel is in sight."""
    sentences = page.get_by_text("Run this cell again: your answers come back.").locator("visible=true")
    expect(sentences).to_have_count(len(ASKED))
    for item in ASKED:
        expect(block(page, item)).to_contain_text("Answer")
    expect(page.locator(".jp-OutputArea .jupyter-widgets").locator("visible=true")).to_have_count(0)
    expect(page.get_by_text(re.compile("model not found|Loading widget")).locator("visible=true")).to_have_count(0)


def test_nothing_serious_stands_in_the_way_of_a_screen_reader(quiz, page):
    answer(page, "90.1", "nothing at all", True)
    expect_nothing_serious(page)


def expect_nothing_serious(page) -> None:
    found = Axe().run(page, context=".jp-Notebook .jp-OutputArea").response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not serious, [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"]]) for one in serious]
