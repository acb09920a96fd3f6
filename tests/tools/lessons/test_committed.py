"""The lessons themselves: text and notebook agree, and the lint finds nothing. nbval executes them in its own run."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from IPython.core.inputtransformer2 import TransformerManager

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


def setup_of(lesson: Lesson) -> str:
    return next(cell.source for cell in read_text(lesson).cells if cell.cell_type == "code")


def test_every_setup_cell_is_the_same_but_for_the_name():
    setups = {setup_of(lesson).replace(lesson.name, "NAME") for lesson in choose(FOLDER)}
    assert len(setups) == 1 and all(SETUP.fullmatch(setup) for setup in setups)


def test_the_setup_cells_code_is_folded_and_no_other(lesson):
    code = [cell for cell in read_notebook(lesson).cells if cell.cell_type == "code"]
    assert [cell for cell in code if cell.metadata.get("jupyter", {}).get("source_hidden")] == code[:1]


@pytest.mark.parametrize("installed", [False, True])
def test_the_setup_cell_installs_what_is_missing_or_says_in_one_sentence_what_to_do(monkeypatch, installed):
    """As on Kaggle without internet, where pip fails; and where it doesn't."""
    asked = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: bool(asked) and installed)
    cell = TransformerManager().transform_cell(setup_of(choose(FOLDER)[0]))
    cell = cell.replace("course = setup(", "course = str(")  # the rest is as it would be
    variables = {"get_ipython": lambda: SimpleNamespace(run_line_magic=lambda *line: asked.append(line))}
    if installed:
        exec(cell, variables)
        assert variables["course"] == "00_start"
    else:
        with pytest.raises(AssertionError, match=r"go online .*, and run this again\.$") as raised:
            exec(cell, variables)
        assert raised.value.__context__ is None and "\n" not in str(raised.value)
    [(kind, line)] = asked
    assert kind == "pip" and re.search(r"--no-deps .* git\+https://", line)


def test_the_glossary_is_in_alphabetical_order():
    terms = re.findall(
        r"^### (.+)$", (FOLDER.parent / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert terms == sorted(set(terms), key=str.casefold)
