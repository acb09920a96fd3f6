"""The committed lessons in a real JupyterLab, as a screen reader meets them: no serious finding of axe-core."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from course_utils.lessons import LESSONS

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("lesson", [lesson.slug for lesson in LESSONS])
def test_a_lesson_has_nothing_serious_in_a_screen_readers_way(lab, page, lesson):
    lab.open(page, lab.copy(lesson, cleared=False))
    expect(page.locator(".jp-RenderedMarkdown").last).to_be_visible()
    found = Axe().run(page, context=".jp-Notebook .jp-OutputArea, .jp-Notebook .jp-RenderedMarkdown").response
    assert {"image-alt", "heading-order"} <= {one["id"] for one in found["passes"]}  # it did look at the lesson
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert not serious, [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:5]]) for one in serious]
