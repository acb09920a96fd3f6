"""Exercises: a lesson's text holds the solutions; its notebook gets blanks, and folder/solutions/NAME.ipynb the rest.

In a cell tagged `solution`, the lines between nbgrader's own markers go:

    def share(depth):
        ### BEGIN SOLUTION
        ...
        ### END SOLUTION

Within a function a `raise NotImplementedError` takes their place, at the top level a `name = ...` for each name that
the check after it asks about; so a notebook runs through with its blanks unwritten. A cell may hold several such pairs.
Every marker must be one of a pair, to the letter: what no pair encloses would reach the learners.
"""

import ast
import re
from collections.abc import Iterator

import nbformat
from nbformat import NotebookNode

from course_utils.errors import CourseError
from tools.lessons.files import Lesson, line_of, read_text
from tools.lessons.markers import BEGIN, END, check_markers, pairs

OPENING = """# Solutions of lesson {number}

These cells go on from [lesson {number}](../{name}.ipynb): run it as far as its exercises first. Each check says *Right*
for the solution above it, and would for others too.
"""


def blanked(lesson: Lesson) -> NotebookNode:
    """The lesson as learners get it: a blank, tagged `blank`, in place of each solution.

    Raises CourseError with file and line for a marker that isn't one of a pair, and for a solution without its check.
    """
    notebook = read_exercises(lesson)
    for index, cell in enumerate(notebook.cells):
        if is_tagged(cell, "solution"):
            cell.source = _blank(cell.source, _asked_names(lesson, notebook, index))
            cell.metadata.tags = ["blank" if tag == "solution" else tag for tag in cell.metadata.tags]
    return notebook


def solutions(lesson: Lesson) -> NotebookNode:
    """Tasks, solutions and checks of a lesson, as a notebook of their own. Raises CourseError as `blanked` does."""
    notebook, number = read_exercises(lesson), lesson.name.partition("_")[0]
    cells = [nbformat.v4.new_markdown_cell(OPENING.format(number=number, name=lesson.name).strip(), id="opening")]
    for index, cell in enumerate(notebook.cells):
        if is_tagged(cell, "exercise"):
            task, solution, check = notebook.cells[index : index + 3]
            letter = _letter(lesson, index, task.source)
            cells.append(nbformat.v4.new_markdown_cell(task.source, id=f"task-{letter}"))
            cells.append(nbformat.v4.new_code_cell(without_markers(solution.source), id=f"solution-{letter}"))
            cells.append(nbformat.v4.new_code_cell(check.source, id=f"check-{letter}"))
    return nbformat.v4.new_notebook(cells=cells)


def _letter(lesson: Lesson, index: int, task: str) -> str:
    found = re.search(r"Exercise \d\d\.([A-Z])", task)
    if not found:
        raise CourseError(
            f"{lesson.text}:{line_of(lesson, index, 0)}: an exercise is headed 'Exercise 04.A — topic': number it.",
            code="tools.unnumbered-exercise",
        )
    return found[1].lower()


def read_exercises(lesson: Lesson) -> NotebookNode:
    """The text as a notebook, solutions and all; CourseError with file and line where its markers make no pairs."""
    notebook = read_text(lesson)
    check_markers(notebook, lambda cell, line: f"{lesson.text}:{line_of(lesson, cell, line)}")
    return notebook


def without_markers(source: str) -> str:
    """A solution as a reader sees it."""
    return "\n".join(line for line in source.split("\n") if line.strip() not in (BEGIN, END))


def is_tagged(cell: NotebookNode, tag: str) -> bool:
    """Whether a cell carries that tag."""
    return tag in cell.metadata.get("tags", [])


def _blank(source: str, names: list[str]) -> str:
    """The source with something to fill in for each pair of markers and what it encloses."""
    lines = source.split("\n")
    for begin, end in reversed(pairs(source)):
        indent = lines[begin].partition(BEGIN)[0]
        if indent:
            lines[begin : end + 1] = [
                f'{indent}raise NotImplementedError("write your lines here, in place of this one")'
            ]
        else:
            lines[begin : end + 1] = [f"{name} = ...  # write your own lines here" for name in names]
    return "\n".join(lines)


def _asked_names(lesson: Lesson, notebook: NotebookNode, index: int) -> list[str]:
    """The names that the check after a solution is given."""
    for cell in notebook.cells[index + 1 : index + 2]:
        if call := next(calls(cell.source, "check"), None):
            return [node.id for node in ast.walk(call.args[1]) if isinstance(node, ast.Name)]
    raise CourseError(
        f"{lesson.text}:{line_of(lesson, index, 0)}: after a solution comes its check, such as "
        "check('04.A', name), in the next cell: add it.",
        code="tools.solution-without-check",
    )


def called(call: ast.Call) -> str:
    """The name of the function that is called; "" when it has none."""
    return call.func.id if isinstance(call.func, ast.Name) else ""


def calls(source: str, *functions: str) -> Iterator[ast.Call]:
    """The calls of some functions in a cell's code, in order; none where the code isn't plain Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a line that begins with % or !
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in functions:
            yield node
