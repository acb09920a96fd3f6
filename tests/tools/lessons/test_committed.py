"""The lessons themselves: text and notebook agree, and the lint finds nothing. nbval executes them in its own run."""

import re
from pathlib import Path

import pytest

from course_utils.lessons import LESSONS
from tools.lessons import checking
from tools.lessons.files import Lesson, choose, read_notebook, read_text
from tools.lessons.form import SETUP
from tools.lessons.frame import framed

FOLDER = Path(__file__).parents[3] / "lessons"


@pytest.fixture(params=[lesson.slug for lesson in LESSONS])
def lesson(request) -> Lesson:
    return Lesson(FOLDER, request.param)


def test_text_and_notebook_hold_the_same_content(lesson):
    text, notebook = framed(lesson), read_notebook(lesson)
    assert [(cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in text.cells] == [
        (cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells
    ]


def test_nothing_to_mend(lesson):
    found = checking.check(lesson)
    assert not found, "\n" + "\n".join(map(str, found))


def test_every_setup_cell_is_the_same_but_for_the_name():
    setups = {read_text(lesson).cells[1].source.replace(lesson.name, "NAME") for lesson in choose(FOLDER)}
    assert len(setups) == 1 and all(SETUP.fullmatch(setup) for setup in setups)


def test_the_glossary_is_in_alphabetical_order():
    terms = re.findall(
        r"^### (.+)$", (FOLDER.parent / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert terms == sorted(set(terms), key=str.casefold)
