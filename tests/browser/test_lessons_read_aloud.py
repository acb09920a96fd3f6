"""The committed lessons as a screen reader meets them: no serious finding of axe-core.

The pages are nbconvert's: the markup of JupyterLab's outputs and texts, without a server and a kernel for each lesson.
One lesson is looked at in JupyterLab itself, with its colours.
"""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from course_utils.lessons import LESSONS

FOLDER = Path(__file__).parents[2] / "lessons"
NOT_OURS = {"rules": {"link-in-text-block": {"enabled": False}}}  # how a page draws links is up to nbconvert
EXPORTER = HTMLExporter(template_name="lab", embed_images=False, exclude_output_prompt=True)


@pytest.mark.parametrize("lesson", [lesson.slug for lesson in LESSONS])
def test_a_lesson_has_nothing_serious_in_a_screen_readers_way(browser, tmp_path, lesson):
    html, _ = EXPORTER.from_filename(str(FOLDER / f"{lesson}.ipynb"))
    (tmp_path / "lesson.html").write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.route("https://**", lambda route: route.abort())  # fonts and scripts of other hosts
    page.goto((tmp_path / "lesson.html").as_uri(), wait_until="domcontentloaded")
    expect(page.locator(".jp-RenderedMarkdown").last).to_be_visible()
    found = Axe().run(page, context=".jp-OutputArea, .jp-RenderedMarkdown", options=NOT_OURS).response
    page.close()
    check(found)


def test_a_lesson_in_lab_has_nothing_serious_in_the_way_either(lab, page):
    lab.open(page, lab.copy("01_first_finetune", cleared=False))
    expect(page.locator(".jp-RenderedMarkdown").last).to_be_visible()
    check(Axe().run(page, context=".jp-Notebook .jp-OutputArea, .jp-Notebook .jp-RenderedMarkdown").response)


def check(found: dict) -> None:
    """Fail with the serious findings, and where the lesson wasn't looked at."""
    assert {"image-alt", "heading-order"} <= {one["id"] for one in found["passes"]}  # it did look at the lesson
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert not serious, [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:5]]) for one in serious]
