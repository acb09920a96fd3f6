"""Reads the source notebook of an nbgrader assignment: its cells, what nbgrader does with each, regions in comments."""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError

STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")  # what nbgrader puts in a solution's place


@dataclass(frozen=True)
class Cell:
    """A cell with what nbgrader's metadata say of it, in whichever of their versions.

    number: its place in the notebook, from 1; points: None where nothing is graded
    """

    number: int
    code: bool
    source: str
    solution: bool
    grade: bool
    task: bool
    points: float | None

    @property
    def is_tests(self) -> bool:
        """Whether it holds tests: graded, and not for answers."""
        return self.code and self.grade and not self.solution

    @property
    def is_answer(self) -> bool:
        """Whether students write code into it that tests judge."""
        return self.code and self.solution and not self.grade


def read_cells(file: Path) -> list[Cell]:
    """The cells of a notebook. CourseError when it is none, or none of Python."""
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
        metadata, cells = content.get("metadata", {}), content.get("cells")
        if cells is None:
            cells = [cell for sheet in content["worksheets"] for cell in sheet["cells"]]
        found = [_cell(number, cell) for number, cell in enumerate(cells, 1)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CourseError(
            f"{file} can't be read as a notebook ({type(error).__name__}): name one of nbgrader's source/.",
            code="grading.no-notebook",
        ) from None
    language = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name", "python")
    if language != "python":
        raise CourseError(
            f"{file} is in {language}: only Python's assignments can be imported.", code="grading.not-python"
        )
    return found


def _cell(number: int, cell: dict[str, Any]) -> Cell:
    source = cell.get("source", cell.get("input", ""))
    source = source if isinstance(source, str) else "".join(source)
    given = cell.get("metadata", {}).get("nbgrader", {})
    code = cell["cell_type"] == "code"
    marked = code and region(source, "SOLUTION") is not None
    solution, grade, task = (given.get(name) is True for name in ("solution", "grade", "task"))
    points: float | None = None
    if grade or task:
        try:
            points = max(0.0, float(given.get("points") or 0))  # the first version wrote texts, also empty ones
        except (TypeError, ValueError):
            points = 0.0
    return Cell(number, code, source, solution or (marked and not grade), grade, task, points)


def region(source: str, name: str) -> str | None:
    """What stands between `### BEGIN NAME` and `### END NAME`, all such regions together; None without one."""
    kept, inside, seen = [], False, False
    for line in source.splitlines():
        if f"BEGIN {name}" in line:
            inside = seen = True
        elif f"END {name}" in line:
            inside = False
        elif inside:
            kept.append(line)
    return "\n".join(kept) if seen else None


def without_region(source: str, name: str, stub: tuple[str, ...] = ()) -> str:
    """The source without those regions, with a stub in the place of each."""
    kept, inside = [], False
    for line in source.splitlines():
        if f"BEGIN {name}" in line:
            indent = re.match(r"\s*", line)[0]  # type: ignore[index]  # it matches anything
            kept += [indent + one for one in stub]
            inside = True
        elif f"END {name}" in line:
            inside = False
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def without_markers(source: str, name: str) -> str:
    """The source with what stands in those regions, without the two comments around it."""
    return "\n".join(line for line in source.splitlines() if f"BEGIN {name}" not in line and f"END {name}" not in line)


def unclosed(source: str) -> bool:
    """Whether a region has no end, or none begins where one ends."""
    return any(
        source.count(f"BEGIN {name}") != source.count(f"END {name}")
        for name in ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME")
    )


def without_magics(source: str) -> tuple[str, list[str]]:
    """(the source as Python, the lines that are none: `%matplotlib inline`, `!ls`)."""
    if source.lstrip().startswith("%%"):
        return "", source.splitlines()
    lines = source.splitlines()
    magics = [line for line in lines if re.match(r"\s*[%!]", line)]
    return "\n".join(line for line in lines if line not in magics), magics


def bound(source: str) -> dict[str, ast.stmt]:
    """The names that a cell binds at its top, each with the statement that does; none of what is no Python."""
    found: dict[str, ast.stmt] = {}
    for node in statements(source):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[node.name] = node
        else:
            found |= {one.id: node for one in ast.walk(node) if isinstance(one, ast.Name) and _stores(one)}
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).partition(".")[0]: node for alias in node.names}
    return found


def _stores(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def statements(source: str) -> list[ast.stmt]:
    """A source's statements; none of what is no Python."""
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def used(node: ast.AST) -> set[str]:
    """The names that some code reads and doesn't bind itself."""
    names = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
    own = {one.id for one in names if _stores(one)} | {one.arg for one in ast.walk(node) if isinstance(one, ast.arg)}
    return {one.id for one in names if not _stores(one)} - own
