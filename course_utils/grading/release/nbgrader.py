"""An assignment for those who grade with nbgrader itself: its source version, with the checks as hidden tests."""

from dataclasses import replace
from functools import singledispatch
from pathlib import Path
from string import ascii_uppercase

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment, Version
from course_utils.grading.bank.items import (
    GradedCode,
    GradedItem,
    GradedModel,
    GradedNumber,
    GradedOneChoice,
    GradedOrder,
    GradedQuiz,
    GradedSeveral,
    GradedText,
    Lettered,
    VariedNumber,
    answer_name,
)
from course_utils.grading.release.handout import Given, given
from course_utils.grading.release.manifest import release_id
from course_utils.grading.release.releasing import notebook
from course_utils.quiz.items import AROUND, plain

# The source's answer cells are blank as they are handed out: nothing is to be cleared from them.
CONFIG = "c = get_config()\nc.ClearSolutions.enabled = False\n"
BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"


def release_source(quiz: GradedQuiz, out: Path, course_key: bytes = b"") -> Path:
    """Write out/source/NN_slug/NN_slug.ipynb, the instructor's: it holds the keys. `nbgrader generate_assignment` makes
    the students' version of it, the same cells that `release` hands out to everybody.

    out: nbgrader's course folder, which gets an nbgrader_config.py when it has none.
    CourseError when a kind needs more than assertions: varied numbers, models.
    """
    if other := [item for item in quiz.items if isinstance(item, (VariedNumber, GradedModel))]:
        names = ", ".join(f"{item.id} ({item.kind})" for item in other)
        raise CourseError(
            f"nbgrader can't check {names}: leave them out, or grade with `course quiz grade`.",
            code="grading.nbgrader-kind",
        )
    version = Assignment(quiz, course_key).for_student(None)
    handed = given(version)
    texts = {f"{item.id.replace('.', '-')}-examples": _tests(item, version) for item in quiz.items}
    number = release_id(version, handed)
    cells = [_with_tests(cell, texts.get(cell.id, "")) for cell in handed]
    folder = out / "source" / quiz.lesson
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{quiz.lesson}.ipynb"
    file.write_bytes(notebook(quiz, cells, number))
    config = out / "nbgrader_config.py"
    if not config.exists():
        config.write_text(CONFIG, encoding="utf-8")
    return file


def _with_tests(cell: Given, tests: str) -> Given:
    return replace(cell, source=f"{cell.source}\n{BEGIN}\n{tests}\n{END}") if tests else cell


@singledispatch
def _tests(item: GradedItem, version: Version) -> str:
    """Assertions on the answer's value; an answer that can't be read fails them. None on one in sentences."""
    return ""


@_tests.register
def _(item: GradedCode, version: Version) -> str:
    return _compared(item, version.assignment.quiz.setup)


@_tests.register
def _(item: GradedNumber, version: Version) -> str:
    within = item.tolerance + 1e-9 * abs(item.answer)
    value = f'float(str({answer_name(item)}).replace(",", ".").removesuffix({item.unit!r}))'
    return f"assert abs({value} - {item.answer!r}) <= {within!r}"


@_tests.register
def _(item: GradedText, version: Version) -> str:
    right = sorted({plain(text) for text in item.accept})
    return f'assert " ".join(str({answer_name(item)}).casefold().split()).strip({AROUND!r}) in {right!r}'


@_tests.register
def _(item: GradedOneChoice | GradedSeveral, version: Version) -> str:
    right = [ascii_uppercase[n] for n, option in enumerate(version.order(item)) if option in item.key]
    return f"assert sorted(set({_letters(item)})) == {right!r}"


@_tests.register
def _(item: GradedOrder, version: Version) -> str:
    shown = version.order(item)
    return f"assert {_letters(item)} == {[ascii_uppercase[shown.index(step)] for step in range(len(shown))]!r}"


def _letters(item: Lettered) -> str:
    return f"[sign for sign in str({answer_name(item)}).upper() if sign.isalpha()]"


def _compared(item: GradedCode, setup: str) -> str:
    """The answer's results beside the reference's, on inputs of a fixed seed; a warning would count as a fault."""
    inputs = f"({item.inputs}\n)"  # it may go over several lines
    call = f"[({item.name}(*_copy.deepcopy(one)), _own[{item.name!r}](*_copy.deepcopy(one))) for one in _inputs]"
    return f"""import copy as _copy, warnings as _warnings
import numpy as _np
_warnings.simplefilter("ignore")
_own = {{"rng": _np.random.default_rng(0)}}
exec({setup!r}, _own)
exec({item.reference!r}, _own)
_inputs = {f"eval({inputs!r}, _own)" if item.inputs else "None"}
for _given, _right in {call if item.inputs else f"[({item.name}, _own[{item.name!r}])]"}:
    try:
        _numbers = _np.asarray(_right, dtype=float)
    except (TypeError, ValueError):
        assert _given == _right
    else:
        _found = _np.asarray(_given, dtype=float)
        _np.testing.assert_allclose(_found, _numbers, rtol={item.tolerance!r}, atol={item.tolerance!r})"""
