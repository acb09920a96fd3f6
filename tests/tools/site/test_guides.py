"""The guides for paper and for teachers say what the lessons found, and name what there is."""

import ast
import importlib
import re
from pathlib import Path

import nbformat
import pytest

from course_utils import lessons

DOCS = Path(__file__).parents[3] / "docs"
LESSON = re.compile(r"\.\./lessons/(\d\d)_\w+\.ipynb")
CLAIM = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(?= points|%)")


def outputs_of(number: str) -> str:
    """What the cells of a lesson have written."""
    file = DOCS.parent / "lessons" / f"{lessons.find_lesson(number).slug}.ipynb"
    written = []
    for cell in nbformat.read(file, as_version=4).cells:
        for output in cell.get("outputs", []):
            written += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
    return "\n".join(written)


@pytest.mark.parametrize("guide", ["cheat_sheet.md", "decision_guide.md", "index.md"])
def test_a_figure_in_a_guide_stands_in_an_output_of_the_lesson_beside_it(guide):
    for paragraph in re.split(r"\n\n|\n(?=\|)", (DOCS / guide).read_text(encoding="utf-8")):
        cited = LESSON.findall(paragraph)
        for figure in CLAIM.findall(paragraph):
            assert cited, f"{figure} has no lesson beside it: {paragraph}"
            pattern = re.compile(rf"(?<![\d.]){re.escape(figure)}(?![\d.]*\d)")
            assert any(pattern.search(outputs_of(number)) for number in cited), (guide, figure, cited)


def test_the_code_of_the_cheat_sheet_names_what_there_is():
    text = (DOCS / "cheat_sheet.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        ast.parse(block)
    called = re.findall(r"\b(surgery|training|experiments|diagnostics|data|backbones)\.(\w+)", text)
    assert len(called) >= 8
    for room, name in called:
        assert hasattr(importlib.import_module(f"course_utils.{room}"), name), f"{room}.{name}"


def test_the_syllabus_has_every_lesson_and_its_minutes():
    text = (DOCS / "syllabus.md").read_text(encoding="utf-8")
    term, _, weekend = text.partition("## A weekend")
    assert LESSON.findall(term) == [lesson.number for lesson in lessons.LESSONS]
    planned = re.findall(r"lessons/(\d\d)_\w+\.ipynb\) \| (\d+) \|", weekend)
    assert len(planned) >= 6
    assert all(int(minutes) == lessons.find_lesson(number).minutes for number, minutes in planned)
