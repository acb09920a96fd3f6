"""Our notebooks beside nbgrader's own: its metadata, its students' version, its marks."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from string import ascii_uppercase

import pytest
from needs import bwrap, run

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import FreeText, GradedModel, VariedNumber
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.intake.submissions import submissions
from course_utils.grading.marking.marker import Marker
from course_utils.grading.release.nbgrader import release_source
from course_utils.grading.release.releasing import release
from course_utils.grading.sandbox.worker_pool import WorkerPool

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))  # its modules are scripts beside each other

# Looked for, not imported: every worker collects this file, and nbgrader's import takes seconds.
pytestmark = pytest.mark.skipif(not find_spec("nbgrader"), reason="nbgrader isn't installed")

BANK = Path(__file__).parents[3] / "docs" / "example_bank"


@pytest.fixture(scope="module")
def quiz():
    (whole,) = open_bank(BANK)
    return whole.model_copy(
        update={"items": [item for item in whole.items if not isinstance(item, (VariedNumber, GradedModel))]}
    )


def letters(quiz, identifier, places):
    shown = Assignment(quiz).for_student(None).order(quiz.item(identifier))
    return " ".join(ascii_uppercase[shown.index(place)] for place in places)


def test_each_cell_keeps_nbgraders_form(tmp_path):
    import jsonschema
    import nbgrader
    from nbgrader.nbgraderformat import read
    from nbgrader.utils import compute_checksum

    schema = json.loads((Path(nbgrader.__file__).parent / "nbgraderformat" / "v3.json").read_text())
    (whole,) = open_bank(BANK)
    (file,) = release(whole, tmp_path, roster=["ada"])
    with file.open(encoding="utf-8") as opened:
        cells = read(opened, as_version=4).cells  # its own validator, or a ValidationError
    assert len(cells) > 20
    for cell in cells:
        jsonschema.validate(cell.metadata.nbgrader, schema)
        assert cell.metadata.nbgrader.checksum == compute_checksum(cell)
        assert cell.metadata.nbgrader.cell_type == cell.cell_type
    graded = {cell.id: cell.metadata.nbgrader.points for cell in cells if cell.metadata.nbgrader.grade}
    assert sum(graded.values()) == sum(item.points for item in whole.items)
    assert len(graded) == len(whole.items)


def test_its_validator_finds_an_edited_cell(quiz, tmp_path):
    import nbformat
    from nbgrader.validator import Validator

    (file,) = release(quiz, tmp_path)
    notebook = nbformat.read(file, 4)
    assert Validator()._get_changed_cells(notebook) == []
    notebook.cells[2].source += " And a hint."
    assert [cell.id for cell in Validator()._get_changed_cells(notebook)] == ["90-1-question"]


def test_kinds_beyond_assertions_are_refused():
    (whole,) = open_bank(BANK)
    with pytest.raises(CourseError, match=r"90\.4 \(varied number\), 90\.B \(model\)"):
        release_source(whole, Path("nowhere"))
    assert not Path("nowhere").exists()


@pytest.fixture(scope="module")
def graded(quiz, tmp_path_factory):
    """(nbgrader's course folder, its marks): a kernel a student takes its time, so once for all tests."""
    from nbgrader_peer import nbgrader_scores

    right = {
        "90.1": f'answer_90_1 = "{letters(quiz, "90.1", [1])}"',
        "90.2": f'answer_90_2 = "{letters(quiz, "90.2", [2, 0])}"',
        "90.3": 'answer_90_3 = "86,7 %"',
        "90.5": 'answer_90_5 = " Eval. "',
        "90.6": f'answer_90_6 = "{letters(quiz, "90.6", [0, 1, 2])}"',
        "90.A": quiz.item("90.A").reference,
        "90.7": "Much data, far away.",
    }
    wrong = right | {
        "90.2": f'answer_90_2 = "{letters(quiz, "90.2", [0])}"',
        "90.3": "answer_90_3 = 13.33",
        "90.6": f'answer_90_6 = "{letters(quiz, "90.6", [0, 2, 1])}"',
        "90.A": quiz.item("90.A").mistakes[0].code,
    }
    folder = tmp_path_factory.mktemp("course")
    return folder, nbgrader_scores(quiz, {"right": right, "some wrong": wrong, "blank": {}}, folder)


def test_its_students_version_is_ours(quiz, graded):
    folder, _ = graded
    theirs, ours, source = (
        (folder / place / f"{quiz.lesson}.ipynb").read_text(encoding="utf-8")
        for place in (f"release/{quiz.lesson}", "ours", f"source/{quiz.lesson}")
    )
    assert json.loads(theirs)["cells"] == json.loads(ours)["cells"]
    assert "np.unique(truth)" in source and "np.unique(truth)" not in theirs
    assert "precision" not in source  # the keys alone, no mistakes


def test_its_marks(quiz, graded):
    _, scores = graded
    full = {item.id: None if isinstance(item, FreeText) else item.points for item in quiz.items}
    assert scores["right"] == full
    assert scores["some wrong"] == full | {"90.2": 0, "90.3": 0, "90.6": 0, "90.A": 0}
    assert scores["blank"] == dict.fromkeys(full, 0)


@bwrap
def test_our_marks_are_its_marks(quiz, graded):
    folder, theirs = graded

    async def marked():
        async with WorkerPool(1, ["numpy"]) as pool:
            return await Marker(Assignment(quiz), pool).mark(list(submissions(folder / "submitted", [quiz])))

    ours = {one.student: {mark.item: mark.points for mark in one.marks} for one in run(marked())}
    blank = ours["blank"] | theirs["blank"]  # text left as it was handed out: nbgrader's 0 is our wait for a person
    assert ours | {"blank": blank} == theirs
