"""Imports an nbgrader assignment: its solutions, tests and written answers as items, and the rest as a list to review.

The notebook is parsed, and none of its code is run. What a test states is computed anew from the author's solution.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from pydantic import TypeAdapter, ValidationError

from course_utils.errors import CourseError
from course_utils.grading.bank.importing import cells as parts
from course_utils.grading.bank.importing.cells import STUB, Cell, bound, read_cells, region, used
from course_utils.grading.bank.importing.tests import Asked, Tests, read_tests
from course_utils.grading.bank.importing.writing import review_page, yaml_text
from course_utils.grading.bank.items import GradedItem, GradedQuiz
from course_utils.quiz.reading import read

BOILERPLATE = re.compile(r"Before you turn this problem in|Make sure you fill in any place that says", re.I)
WHO = re.compile(r"^\s*(NAME|COLLABORATORS)\s*=\s*([\"'])\2\s*$", re.M)
PICTURED = "it shows an image file: put that beside the items' file and name it in `figure`"
NO_MARKS = "are for code that a person reads: ask for words, or test its values"
IN_CELLS = "students answered this task in cells of their own; here they have one for words"
RULE = re.compile(r"\A(?:\s*---+\s*$)+\s*", re.M)  # lines across the page above a question
HEADING = re.compile(r"^#+\s+(.+?)\s*#*\s*$", re.M)
PICTURE = re.compile(r"!\[[^\]]*\]\((?!https?:|data:)[^)]*\)|<img\b", re.I)


@dataclass(frozen=True)
class Left:
    """Something of the notebook for its author to look at. lost: whether it is in no item."""

    cell: int
    why: str
    source: str = ""
    lost: bool = True


@dataclass
class Imported:
    """An assignment made of a notebook: its file's text, its items, and what is left."""

    lesson: str
    text: str
    quiz: GradedQuiz
    left: list[Left]

    @property
    def review(self) -> str:
        """The page that lists what is left."""
        return review_page(
            self.lesson,
            [(one.cell, one.why, one.source) for one in self.left if one.lost],
            [(one.cell, one.why, one.source) for one in self.left if not one.lost],
        )


def import_notebook(file: Path, lesson: str) -> Imported:
    """Make an assignment of nbgrader's source notebook.

    Parameters
    ----------
    file : Path
        The instructor's version, with solutions and hidden tests.
    lesson : str
        What the assignment is to be called, "01_problem1".

    Raises
    ------
    CourseError
        When it is no such notebook, or nothing in it can become an item.
    """
    builder = _Builder(read_cells(file), lesson)
    content = builder.built()
    if not content["items"]:
        told = "\n".join(f"cell {one.cell}: {one.why}." for one in builder.left)
        raise CourseError(
            f"Nothing in {file} can become an item: is it the source version?\n{told}".rstrip(),
            code="grading.nothing-to-import",
        )
    text = yaml_text(content, f"Imported from nbgrader's {file.name}; {lesson}.review.md lists what is left to do.")
    left = sorted(builder.left, key=lambda one: one.cell)
    return Imported(lesson, text, read(text, f"{lesson}.yaml", GradedQuiz), left)


@dataclass
class _Answer:
    """A name that a solution binds, with what tests ask of it."""

    name: str
    cell: Cell
    stem: str
    asked: list[Asked] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    points: float = 0.0


class _Builder:
    def __init__(self, cells: list[Cell], lesson: str):
        self.cells, self.number = cells, lesson[:2]
        self.content: dict[str, Any] = {"lesson": lesson, "bank": "graded", "title": lesson[3:].replace("_", " ")}
        self.left: list[Left] = []
        self.solved = {  # of each answer cell, the solution that nbgrader takes out
            cell.number: parts.without_markers(parts.without_magics(cell.source)[0], "SOLUTION")
            for cell in cells
            if cell.is_answer
        }
        self.owner = {name: number for number, source in self.solved.items() for name in bound(source)}
        self.answers: dict[str, _Answer] = {}
        self.items: list[dict[str, Any] | _Answer] = []
        self.setup: list[str] = []
        self.helpers: list[str] = []  # imports and functions of the tests
        self.words: list[tuple[int, str]] = []  # texts since the last item

    def built(self) -> dict[str, Any]:
        """The assignment's content, as its file has it."""
        for cell in self.cells:
            if parts.unclosed(cell.source):
                self._leave(cell, "a region in it has a beginning and no end, or an end alone")
            elif cell.is_tests:
                self._tests(cell)
            elif cell.is_answer:
                self._answer(cell)
            elif cell.task or (cell.grade and cell.solution):
                self._by_hand(cell)
            elif cell.code:
                self._given(cell)
            else:
                self._text(cell)
        for number, text in self.words:
            self.left.append(Left(number, "it stands below the last question", text))
        if self.setup:
            self.content["setup"] = "\n".join(self.setup) + "\n"
        self.content["items"] = list(self._numbered())
        return self.content

    def _leave(self, cell: Cell, why: str, source: str | None = None, lost: bool = True) -> None:
        self.left.append(Left(cell.number, why, cell.source if source is None else source, lost))

    def _text(self, cell: Cell) -> None:
        text = cell.source.strip()
        if BOILERPLATE.search(text):
            self._leave(cell, "it is nbgrader's own text about handing in; ours stands at the top of each notebook")
            return
        if not self.words and not self.items and (heading := HEADING.match(text)):
            self.content["title"] = heading[1]
            text = text[heading.end() :].strip()
        if PICTURE.search(text) or "attachment:" in text:
            self._leave(cell, PICTURED, lost=False)
        if text:
            self.words.append((cell.number, text))

    def _stem(self) -> str:
        text = RULE.sub("", "\n\n".join(words for _, words in self.words))
        self.words.clear()
        return text

    def _given(self, cell: Cell) -> None:
        """Code that students are given: part of the setup, unless it needs what they write."""
        source, magics = parts.without_magics(cell.source)
        if WHO.search(source):
            self._leave(cell, "it asks for names, which the grader knows from the roster")
            source = WHO.sub("", source)
        if magics:
            self._leave(cell, "these lines are no Python, and the setup takes none", "\n".join(magics), lost=True)
        body = parts.statements(source)
        if not body and source.strip():
            code_only = [line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
            if code_only:
                self._leave(cell, "it is no Python")
            return
        if needs := {name for node in body for name in used(node)} & set(self.owner):
            self._leave(cell, f"it uses {', '.join(sorted(needs))}, which students write: it can't stand in the setup")
        elif body:
            self.setup.append(source.strip("\n"))

    def _answer(self, cell: Cell) -> None:
        source = self.solved[cell.number]
        if not parts.statements(source):
            self._leave(cell, "its solution is no Python" if source.strip() else "it holds no solution")
            return
        stem = self._stem()
        for name, node in bound(source).items():
            if not isinstance(node, (ast.Import, ast.ImportFrom)) and self.owner[name] == cell.number:
                answer = self.answers[name] = _Answer(name, cell, stem)
                self.items.append(answer)

    def _by_hand(self, cell: Cell) -> None:
        """A written answer or a task: a person marks it."""
        scheme, solution = region(cell.source, "MARK SCHEME"), region(cell.source, "SOLUTION")
        if cell.code:
            asked = self._stem()
            self._leave(cell, f"its {_points(cell.points)} {NO_MARKS}", f"{asked}\n\n{cell.source}".strip())
            return
        if not cell.points:
            self._leave(cell, "a person marks it for no points")
            return
        own = parts.without_region(parts.without_region(cell.source, "MARK SCHEME"), "SOLUTION").strip()
        stem = self._stem()
        if cell.task:
            stem = f"{stem}\n\n{own}".strip()
            self._leave(cell, IN_CELLS, lost=False)
        elif solution is None and own and own.upper() != "YOUR ANSWER HERE":
            solution = own  # nbgrader takes the whole cell for the solution
        if scheme is None:
            self._leave(cell, "it has no mark scheme: write what its rubric asks for", "", lost=False)
        rubric = " ".join((scheme or "as the explanation says").split())
        item: dict[str, Any] = {
            "kind": "free text",
            "topic": _topic(stem, "in words"),
            "stem": stem or "Answer in words.",
        }
        item |= {"points": cell.points, "rubric": [{"text": rubric, "points": cell.points}]}
        self.items.append(item | ({"explanation": solution.strip()} if solution and solution.strip() else {}))
        self.left += [] if stem else [Left(cell.number, "no text above it asks anything: write its stem", "", False)]

    def _tests(self, cell: Cell) -> None:
        source = parts.without_magics(cell.source)[0]
        visible = parts.without_region(source, "HIDDEN TESTS")
        known = {name for one in (*self.setup, *self.helpers) for name in bound(one)}
        found = read_tests(parts.without_markers(source, "HIDDEN TESTS"), set(self.answers), known)
        self.helpers += [one for one in found.helpers if one not in self.helpers]
        names = list(dict.fromkeys(one.name for one in found.asked))
        for name in list(names):
            if any(isinstance(node, ast.ClassDef) for node in (bound(self.solved[self.owner[name]])[name],)):
                names.remove(name)
                self._leave(cell, f"{name} is a class: an item needs a function or a value; write one that uses it")
        for line, code, why in found.left:
            self._leave(cell, f"line {line}: {why}", code)
        autotests = re.findall(r"^\s*###\s*(?:HASHED\s+)?AUTOTEST\b.*$", cell.source, re.M)
        if autotests:
            self._leave(cell, "nbgrader writes these tests from templates of its own", "\n".join(autotests))
        if not names:
            self._leave(cell, f"none of its tests became an input, and no item has its {_points(cell.points)}", "")
            return
        if len(names) > 1 and cell.points:
            self._leave(cell, f"it tests {', '.join(names)}, which share its {_points(cell.points)}", "", lost=False)
        for name in names:
            answer = self.answers[name]
            answer.asked += [one for one in found.asked if one.name == name]
            answer.points += (cell.points or 0.0) / len(names)
        self._example(self.answers[names[-1]], visible, found)

    def _example(self, answer: _Answer, visible: str, found: Tests) -> None:
        """The tests that students see, without those that only nbgrader's old packages could run."""
        old = {line for line, code, _ in found.left if "nose" in code}
        body = [node for node in parts.statements(visible) if not _is_old(node) and node.lineno not in old]
        if body and not all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in body):
            answer.examples.append("\n".join(_modern(node, visible) for node in body))

    def _numbered(self) -> Any:
        """The items with their ids, those that are faulty left for review."""
        questions, exercises = 0, 0
        for one in self.items:
            if isinstance(one, _Answer):
                if not one.asked:
                    self._untested(one)
                    continue
                one_item, letter = self._code(one), ascii_uppercase[exercises : exercises + 1]
                if not letter:
                    self._leave(one.cell, f"{one.name}: an assignment has at most 26 exercises: make another one")
                    continue
                item = {"id": f"{self.number}.{letter}"} | one_item
            else:
                item = {"id": f"{self.number}.{questions + 1}"} | one
            try:
                TypeAdapter(GradedItem).validate_python(item)
            except ValidationError as error:
                said = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors())
                cell = one.cell.number if isinstance(one, _Answer) else 0
                self.left.append(Left(cell, f"no item could be made of it ({said})", str(item)))
                continue
            exercises, questions = exercises + isinstance(one, _Answer), questions + (not isinstance(one, _Answer))
            yield item

    def _untested(self, answer: _Answer) -> None:
        tested = [other.name for other in self.answers.values() if other.cell is answer.cell and other.asked]
        if not tested and not any(one.cell == answer.cell.number for one in self.left):
            self._leave(answer.cell, f"no test asks for {answer.name} in a way that could become an item")

    def _code(self, answer: _Answer) -> dict[str, Any]:
        asked = answer.asked
        solved, node = self._solution(answer), bound(self.solved[answer.cell.number])[answer.name]
        calls = [one for one in asked if one.arguments is not None]
        item: dict[str, Any] = {"kind": "code", "topic": answer.name.strip("_")}
        item["stem"] = answer.stem or f"Write `{answer.name}`."
        if not answer.stem and isinstance(node, ast.FunctionDef) and (said := ast.get_docstring(node)):
            item["stem"] = f"Write `{answer.name}`: {said}"
        item["points"] = round(answer.points, 2) or 1
        if not answer.points:
            self._leave(answer.cell, f"{answer.name} has no points in nbgrader, and 1 here", "", lost=False)
        item["name"] = answer.name
        if calls:
            item["inputs"] = self._inputs(answer, calls, node)
        item |= {"stand_in": helpers} if (helpers := self._helpers(calls)) else {}
        item["reference"] = solved
        item |= {"starter": starter} if (starter := self._starter(answer)) else {}
        item |= {"examples": answer.examples} if answer.examples else {}
        item |= {"tolerance": most} if (most := max(one.tolerance for one in asked)) > 1e-6 else {}
        item |= {"absolute": most} if (most := max(one.absolute for one in asked)) > 1e-9 else {}
        item |= {"order": False} if not all(one.order for one in asked) else {}
        item |= {"raises": kinds} if (kinds := sorted({one.raises for one in asked if one.raises})) else {}
        return item

    def _helpers(self, calls: list[Asked]) -> str:
        """The imports and functions of the tests that the inputs need."""
        text, kept = " ".join(one for call in calls for one in _written(call)), []
        for helper in reversed(self.helpers):
            if any(re.search(rf"\b{name}\b", text) for name in bound(helper)):
                kept.append(helper)
                text += helper
        return "\n".join(reversed(kept))

    def _inputs(self, answer: _Answer, calls: list[Asked], node: ast.stmt) -> str:
        """The calls' arguments as a list of tuples, each once; keywords at the places that the solution gives them."""
        order: list[str] = []
        left_out: dict[str, str] = {}
        if isinstance(node, ast.FunctionDef):
            order = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
            defaults = node.args.defaults
            left_out = dict(zip(order[len(order) - len(defaults) :], map(ast.unparse, defaults), strict=True))
        rows = []
        for call in calls:
            given, named = list(call.arguments or ()), dict(call.keywords)
            for name in order[len(given) :]:
                if named and (name in named or name in left_out):
                    given.append(named.pop(name, left_out.get(name, "")))
            if named:
                said = f"a test gives {', '.join(named)} by name, and inputs are given by their places"
                self._leave(answer.cell, said, f"{answer.name}({', '.join(_written(call))})")
                continue
            rows.append(f"({', '.join(given)}{',' if len(given) == 1 else ''})")
        rows = list(dict.fromkeys(rows))
        if len(inside := ", ".join(rows)) < 80:
            return f"[{inside}]"
        return "[\n" + "".join(f"    {row},\n" for row in rows) + "]"

    def _solution(self, answer: _Answer) -> str:
        """The solution of the answer's cell, below those of other cells that it needs."""
        needed, todo = {answer.cell.number}, [self.solved[answer.cell.number]]
        todo += [*answer.examples, *(f"[{', '.join(one.needs)}]" for one in answer.asked if one.needs)]
        while todo:
            for node in parts.statements(todo.pop()):
                for name in used(node) & set(self.owner):
                    if (number := self.owner[name]) not in needed and number < answer.cell.number:
                        needed.add(number)
                        todo.append(self.solved[number])
        return "\n\n".join(self.solved[number].strip("\n") for number in sorted(needed)) + "\n"

    def _starter(self, answer: _Answer) -> str:
        """The answer cell as nbgrader hands it out; "" where it hands out nothing, and the signature is made."""
        if region(answer.cell.source, "SOLUTION") is None:
            node = bound(self.solved[answer.cell.number])[answer.name]
            is_signed = isinstance(node, ast.FunctionDef) or isinstance(getattr(node, "value", None), ast.Lambda)
            return "" if is_signed else f"{answer.name} = ...\n"
        blank = parts.without_region(parts.without_magics(answer.cell.source)[0], "SOLUTION", STUB)
        tested = [one for one in self.answers.values() if one.cell is answer.cell and one.asked]
        if len(tested) < 2:
            return blank.strip("\n") + "\n"
        spans = bound(blank)
        others = {one.name for one in tested} if answer is tested[0] else set(spans)
        away = [spans[name] for name in others - {answer.name} if name in spans]
        gone = {n for node in away for n in range(node.lineno, (node.end_lineno or 0) + 1)}
        kept = "\n".join(line for n, line in enumerate(blank.splitlines(), 1) if n not in gone).strip("\n")
        return kept + "\n" if answer.name in bound(kept) else ""


def _written(call: Asked) -> list[str]:
    return [*(call.arguments or ()), *(value for _, value in call.keywords)]


def _points(points: float | None) -> str:
    return f"{points or 0:g} point{'' if points == 1 else 's'}"


def _topic(stem: str, otherwise: str) -> str:
    heading = HEADING.search(stem)
    return heading[1] if heading else otherwise


def _is_old(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "nose"


def _modern(node: ast.stmt, source: str) -> str:
    """A test as it is written; of nose's functions, the assertion that it stands for."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name):
        name, given = node.value.func.id, [ast.unparse(one) for one in node.value.args]
        if name in ("assert_equal", "eq_", "assert_equals") and len(given) >= 2:
            return f"assert {given[0]} == {given[1]}"
        if name in ("assert_true", "ok_") and given:
            return f"assert {given[0]}"
        if name == "assert_false" and given:
            return f"assert not ({given[0]})"
    return ast.get_source_segment(source, node) or ast.unparse(node)
