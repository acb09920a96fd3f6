"""Exercises: a lesson's text holds the solutions; its notebook gets blanks, and folder/solutions/NAME.ipynb the rest.

In a cell tagged `solution`, the lines between nbgrader's own markers go:

    def share(depth):
        ### BEGIN SOLUTION
        ...
        ### END SOLUTION

Within a function a `raise NotImplementedError` takes their place, at the top level a `name = ...` for each name that
the check after it asks about; so a notebook runs through with its blanks unwritten.
"""

import ast
import re
from collections.abc import Iterator

import nbformat
from nbformat import NotebookNode

from course_utils.errors import CourseError

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
MARKED = re.compile(rf"^(?P<indent>[ ]*){BEGIN}\n(?P<solution>.*?)^[ ]*{END}$", re.M | re.S)
OPENING = """# Solutions of lesson {number}

These cells go on from [lesson {number}](../{name}.ipynb): run it as far as its exercises first. Each check says *Right*
for the solution above it, and would for others too.
"""


def blanked(notebook: NotebookNode) -> NotebookNode:
    """The notebook with a blank, tagged `blank`, in place of each solution. CourseError where no marker stands."""
    for place, cell in enumerate(notebook.cells):
        if _is(cell, "solution"):
            cell.source = _blank(cell.source, _asked_names(notebook, place))
            cell.metadata.tags = ["blank" if tag == "solution" else tag for tag in cell.metadata.tags]
    return notebook


def solutions(notebook: NotebookNode, name: str) -> NotebookNode:
    """Tasks, solutions and checks of an unblanked lesson, as a notebook of their own."""
    number = name.partition("_")[0]
    cells = [nbformat.v4.new_markdown_cell(OPENING.format(number=number, name=name).strip(), id="opening")]
    for place, cell in enumerate(notebook.cells):
        if _is(cell, "exercise"):
            task, solution, check = notebook.cells[place : place + 3]
            letter = re.search(r"Exercise \d\d\.([A-Z])", task.source)[1].lower()
            cells.append(nbformat.v4.new_markdown_cell(task.source, id=f"task-{letter}"))
            cells.append(nbformat.v4.new_code_cell(without_markers(solution.source), id=f"solution-{letter}"))
            cells.append(nbformat.v4.new_code_cell(check.source, id=f"check-{letter}"))
    return nbformat.v4.new_notebook(cells=cells)


def without_markers(source: str) -> str:
    """A solution as a reader sees it."""
    return "\n".join(line for line in source.splitlines() if line.strip() not in (BEGIN, END))


def _is(cell: NotebookNode, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def _blank(source: str, names: list[str]) -> str:
    def blank(found: re.Match) -> str:
        indent = found["indent"]
        if indent:
            return f'{indent}raise NotImplementedError("write your lines here, in place of this one")'
        return "\n".join(f"{name} = ...  # write your own lines here" for name in names)

    blank_source, count = MARKED.subn(blank, source)
    if not count:
        raise CourseError(
            f"A solution has no lines between {BEGIN!r} and {END!r}: mark what a learner writes: {source}"
        )
    return blank_source


def _asked_names(notebook: NotebookNode, place: int) -> list[str]:
    """The names that the check after a solution is given."""
    for cell in notebook.cells[place + 1 : place + 2]:
        if call := next(calls(cell.source, "check"), None):
            return [node.id for node in ast.walk(call.args[1]) if isinstance(node, ast.Name)]
    raise CourseError(
        f"After a solution comes its check, `check('04.A', name)`; none follows {notebook.cells[place].source}"
    )


def calls(source: str, *functions: str) -> Iterator[ast.Call]:
    """The calls of some functions in a cell's code, in order; none where the code isn't plain Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a line that begins with % or !
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
            yield node
