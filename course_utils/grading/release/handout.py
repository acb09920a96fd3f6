"""The cells of an assignment as students get them: questions, blank answers, examples; no key is in them."""

import ast
import hashlib
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, singledispatch
from typing import Any

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Version
from course_utils.grading.bank.items import (
    LETTERED,
    Executed,
    GradedCode,
    GradedItem,
    GradedModel,
    GradedNumber,
    GradedOneChoice,
    GradedOrder,
    GradedSeveral,
    answer_name,
    grade_id,
)
from course_utils.grading.release.wording import TITLE, TRIAL, title_cell, trial_cell


@dataclass(frozen=True)
class Given:
    """A cell as it is handed out. points: of nbgrader's grade cells, None of the others; locked: not for answers.

    answer: of an answer cell, what a dry run is told of it: the item's kind, and how many options it has
    """

    id: str
    source: str
    code: bool = False
    locked: bool = True
    points: float | None = None
    answer: tuple[str, int] | None = None

    @property
    def metadata(self) -> dict[str, Any]:
        """What its metadata say beside the flags: nbgrader's, and for a dry run what the cell asks for."""
        if self.answer is None:
            return {"nbgrader": self.nbgrader}
        kind, options = self.answer
        asked = {"kind": kind, "options": options, "blank": blank_mark(self.source)}
        return {"course": asked, "nbgrader": self.nbgrader}

    @property
    def nbgrader(self) -> dict[str, Any]:
        """The metadata that nbgrader keeps, schema version 3."""
        graded = self.points is not None
        kind = "code" if self.code else "markdown"
        parts = [self.source, kind, str(graded), str(not self.locked), str(self.locked), self.id]
        parts += [] if self.points is None else [str(float(self.points))]
        return {
            "schema_version": 3,
            "grade_id": self.id,
            "grade": graded,
            "solution": not self.locked,
            "locked": self.locked,
            "task": False,
            "cell_type": kind,
            "checksum": hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest(),
        } | ({"points": self.points} if graded else {})


def given(version: Version) -> list[Given]:
    """The notebook's cells, without images. CourseError when numbers vary and it is nobody's."""
    quiz = version.assignment.quiz
    cells = [Given(TITLE, title_cell(quiz.title))]
    if quiz.setup:
        cells.append(Given("setup", quiz.setup.rstrip("\n"), code=True))
    for item in quiz.items:
        cells += _cells(version.item(item), version)
    return [*cells, Given(TRIAL, trial_cell(quiz.lesson), code=True)]


def blank_mark(source: str) -> str:
    """Tells whether an answer cell is as it was handed out, whatever spaces its lines end with."""
    plain = "\n".join(line.rstrip() for line in source.strip().split("\n"))
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()[:12]


def handed_out(version: Version) -> dict[str, str]:
    """grade_id → source of every cell of the notebook, in its order.

    The answer cells, "04-2-answer", are those that a student fills in; all others were handed out locked.
    """
    return {cell.id: cell.source for cell in given(version)}


def _cells(item: GradedItem, version: Version) -> Iterator[Given]:
    parts = [f"### {item.label} ({item.points} point{'' if item.points == 1 else 's'})", item.stem]
    if isinstance(item, LETTERED):
        rows = (f"- **{letter}** — {textwrap.indent(text, '  ').lstrip()}" for letter, text in version.lettered(item))
        parts.append("\n".join(rows))
    yield Given(grade_id(item, "question"), "\n\n".join(parts))
    answer = grade_id(item, "answer")
    if item.in_words:
        blank = "*Write your answer here, in place of this line.*"
        yield Given(answer, blank, locked=False, points=item.points, answer=(item.kind, 0))
        return
    options = len(version.order(item)) if isinstance(item, LETTERED) else 0
    yield Given(answer, _blank(item), code=True, locked=False, answer=(item.kind, options))
    yield Given(grade_id(item, "examples"), _examples(item), code=True, points=item.points)


@singledispatch
def _blank(item: GradedItem) -> str:
    """The answer cell as it is handed out."""
    return f'{answer_name(item)} = ""'


@_blank.register
def _(item: GradedOneChoice) -> str:
    return f'{answer_name(item)} = ""  # a letter, like "B"'


@_blank.register
def _(item: GradedSeveral) -> str:
    return f'{answer_name(item)} = ""  # letters, like "A C"'


@_blank.register
def _(item: GradedOrder) -> str:
    return f'{answer_name(item)} = ""  # the letters in order'


@_blank.register
def _(item: GradedNumber) -> str:
    return f"{answer_name(item)} = None  # a number{f', in {item.unit}' if item.unit else ''}"


@_blank.register
def _(item: GradedCode | GradedModel) -> str:
    return (item.starter or _starter(item)).rstrip("\n")


def _starter(item: Executed) -> str:
    """What the reference binds, without its body, its annotations and whatever it imports."""
    try:
        body = ast.parse(item.reference or "").body
    except SyntaxError:
        raise CourseError(f"The reference of {item.id} isn't valid Python: fix it.", code="grading.no-python") from None
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name == item.name:
            return f"def {item.name}({_signature(node.args)}):\n    ..."
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda) and _names(node.targets) == [item.name]:
            return f"def {item.name}({_signature(node.value.args)}):\n    ..."
        if isinstance(node, ast.ClassDef) and node.name == item.name:
            return f"class {item.name}:\n    ..."
    if getattr(item, "inputs", None):
        raise CourseError(
            f"The reference of {item.id} defines no function {item.name}: give the item a `starter`.",
            code="grading.no-starter",
        )
    return f"{item.name} = ..."


def _names(targets: list[ast.expr]) -> list[str]:
    return [ast.unparse(target) for target in targets]


def _signature(arguments: ast.arguments) -> str:
    for one in ast.walk(arguments):
        if isinstance(one, ast.arg):
            one.annotation = None
    return ast.unparse(arguments)


def _examples(item: GradedItem) -> str:
    """The cell under an answer: the examples, or words."""
    if examples := getattr(item, "examples", []):
        return _guarded(item.id, answer_name(item), tuple(examples))
    return f"# {item.label.partition(' — ')[0]} is graded after you hand in: leave this cell as it is."


@lru_cache(maxsize=256)  # the same for every student
def _guarded(identifier: str, name: str, examples: tuple[str, ...]) -> str:
    """The examples as code that a blank or wrong answer ends with a sentence, whatever it stopped with."""
    again = f"`{name}` isn't yet what these examples ask for: finish the cell above, run it, then this one again."
    return "\n".join(
        [
            "# Run this after your answer. When it is graded, more is tried than these examples.",
            "try:",
            *(_indented(identifier, one) for one in examples),
            "except Exception as error:",
            f"    raise AssertionError({again!r}) from error",
        ]
    )


def _indented(identifier: str, example: str) -> str:
    """An example as it stands in a `try`; written anew where indenting would change a text of several lines."""
    inside = textwrap.indent(example, "    ")
    try:
        plain = ast.parse(example)
        (block,) = ast.parse(f"try:\n{inside}\nfinally: pass").body
        assert isinstance(block, ast.Try)
    except SyntaxError as error:
        raise CourseError(
            f"An example of {identifier} isn't valid Python ({error.msg}): fix it.", code="grading.no-python"
        ) from None
    if ast.dump(ast.Module(block.body, [])) == ast.dump(ast.Module(plain.body, [])):
        return inside
    return "\n".join(textwrap.indent(ast.unparse(line), "    ") for line in plain.body)
