"""Lesson 01 as a learner meets it: opened, run from top to bottom, then given an image of one's own."""

import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from course_utils.data.images.drawings.rubbish import draw_rubbish
from course_utils.data.images.recycling import VOCAB
from course_utils.quiz.reading import lesson_quiz

pytestmark = pytest.mark.timeout(1500)
LESSON = "01_first_finetune"
ANSWER = rf"{{name}}: ({'|'.join(VOCAB)}) \([0-9]+%\)"


def test_lesson_runs_and_classifies_an_own_image(lab, page, tmp_path):
    notebook = lab.open(page, lab.copy(LESSON))
    notebook.run_all(seconds=1200)
    assert notebook.problems() == []
    said = notebook.outputs("[role=status]")  # the questions have such places too
    expect(said.filter(has_text="The example:")).to_have_text(re.compile(ANSWER.format(name="The example")))

    [drawn], _ = draw_rubbish("glass", [1])
    Image.fromarray(drawn).resize((1200, 900)).save(tmp_path / "bottle.jpg")
    notebook.upload(tmp_path / "bottle.jpg")
    expect(said.filter(has_text="bottle.jpg:")).to_have_text(re.compile(ANSWER.format(name="bottle.jpg")))

    (tmp_path / "broken.jpg").write_bytes((tmp_path / "bottle.jpg").read_bytes()[:300])
    notebook.upload(tmp_path / "broken.jpg")
    assert re.fullmatch(r"No answer\. [^\n]+\.", notebook.outputs("[role=alert]").inner_text())
    assert notebook.problems() == []


def test_committed_outputs_are_readable_before_anything_runs(lab, page):
    notebook = lab.open(page, lab.copy(LESSON, cleared=False))
    images = notebook.outputs("img")
    expect(images).not_to_have_count(0)
    for image in images.all():
        assert image.get_attribute("alt").strip()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    expect(notebook.outputs("text=The example:")).to_have_text(re.compile(ANSWER.format(name="The example")))
    expect(notebook.outputs("text=/model not found|Loading widget/")).to_have_count(0)
    for section in {item.section for item in lesson_quiz("01").items}:  # where feedback's links lead
        expect(page.locator(f'.jp-RenderedMarkdown [data-jupyter-id="{section.replace(" ", "-")}"]')).to_have_count(1)
    following = lab.copy("02_transfer_learning")
    page.get_by_role("link", name="02 · What does").last.click()
    expect(page.get_by_role("tab", name=following)).to_have_attribute("aria-selected", "true")
