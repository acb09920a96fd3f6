"""Text to notebooks, one way: `python -m tools lessons build`."""

import subprocess
import sys

import nbformat
from jupytext.combine import combine_inputs_with_outputs
from nbformat import NotebookNode
from nbformat.v4 import new_output

from course_utils.errors import CourseError
from tools.lessons import exercises
from tools.lessons.files import (
    Lesson,
    read_notebook,
    read_solutions,
    read_text,
    text_format,
    write_notebook,
    write_text,
)
from tools.lessons.frame import framed
from tools.lessons.outputs import BLANK, is_blank, question_data
from tools.lessons.page import Page

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def build(lesson: Lesson) -> bool:
    """Write the notebook, and that of the solutions, from the text; True when a file changed."""
    changed = write_notebook(assemble(lesson), lesson.notebook)
    return write_notebook(assemble_solutions(lesson), lesson.solutions) or changed


def assemble(lesson: Lesson) -> NotebookNode:
    """The text as a notebook with blanks for its exercises, and what is still valid of the notebook on disk.

    A cell keeps its id where jupytext recognises it, and its outputs where its source is the same to the letter.
    """
    notebook = framed(lesson)
    if lesson.notebook.exists():
        notebook = update(notebook, read_notebook(lesson), text_format(lesson))
    page = Page.of(lesson.name, notebook)
    _show_questions(page)
    hide_answers(page)
    return _dressed(notebook)


def hide_answers(page: Page) -> None:
    """Let Lab show three dots in place of stored outputs that answer a guess; what a run puts out, it shows.

    Lab writes the first line of the first output beside the dots, so that output is made blank.
    """
    awaited = page.awaited
    for cell in page.code:
        shown = [output for output in cell.outputs if not is_blank(output)]
        if hidden := cell in awaited and bool(shown):
            cell.node.metadata.jupyter = {"outputs_hidden": True}
        cell.node.outputs = [new_output("display_data", BLANK)] * hidden + shown


def _show_questions(page: Page) -> None:
    """A question's stored page is the quiz's, so that an edit of the quiz needs no run of the lesson."""
    for cell, item in page.shown_items:
        if cell.outputs:
            cell.node.outputs = [new_output("display_data", question_data(item))]


def assemble_solutions(lesson: Lesson) -> NotebookNode:
    """The text's tasks, solutions and checks as a notebook, with the outputs that are still valid."""
    notebook = exercises.solutions(lesson)
    if lesson.solutions.exists():
        known = {(cell.id, cell.source): cell for cell in read_solutions(lesson).cells if cell.cell_type == "code"}
        for cell in notebook.cells:
            if old := known.get((cell.id, cell.source)):
                cell.outputs, cell.execution_count = old.outputs, old.execution_count
    return _dressed(notebook)


def _dressed(notebook: NotebookNode) -> NotebookNode:
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def update(source: NotebookNode, old: NotebookNode, options: dict) -> NotebookNode:
    """`source` with the ids and still valid outputs of `old`."""
    sources = {cell.id: cell.source for cell in old.cells}
    notebook = combine_inputs_with_outputs(source, old, options)
    for cell, given in zip(notebook.cells, source.cells, strict=True):
        cell.metadata = given.metadata
        # jupytext keeps an edited cell's outputs too, and they'd tell of code that is gone.
        if cell.cell_type == "code" and sources.get(cell.id) != cell.source:
            cell.outputs, cell.execution_count = [], None
    return notebook


def tidy(lesson: Lesson) -> bool:
    """Format the text in place, its code by ruff, its blank lines by jupytext; True when it changed."""
    notebook = nbformat.writes(read_text(lesson))
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(lesson.notebook), "-"]
    done = subprocess.run(command, input=notebook, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise CourseError(
            f"{lesson.text} can't be formatted: mend what ruff names: {done.stderr.strip()}",
            code="tools.unformattable",
        )
    text = write_text(nbformat.reads(done.stdout, as_version=4), lesson)
    if text == lesson.text.read_text(encoding="utf-8"):
        return False
    lesson.text.write_text(text, encoding="utf-8", newline="\n")
    return True
