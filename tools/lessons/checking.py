"""The lint of the lessons: `python -m tools lessons check`.

The form of a lesson:

- The first cell's h1 is `# 01 · A question?`. The build adds the opening after it and the way on at the end (`frame`).
- The first code cell is the setup cell, the same everywhere but for the
  lesson's name.
- Each item of course_utils/quizzes/01_….yaml is asked once: a question by `ask("01.1")`, a guess by `predict("01.2")`
  and, in a later cell, `found("01.2", value)`, each call at the end of a cell of its own.
- An exercise is a Markdown cell tagged `exercise` with the heading `### Exercise 01.A — topic`, a code cell tagged
  `solution` (between markers, see `exercises`; the notebook gets its blank), and a code cell tagged `check` that calls
  `check("01.A", name)`.
- One code cell is tagged `result`; the last line it prints is the lesson's result in the table of `course run`.
- A cell that fails on purpose is tagged `raises-exception`.
- The last h2 sections are Exercises, What would break this, Recap (five lines), Quiz (it ends with `summary("01")`),
  Further reading.

Limits and exact rules: `form` (structure), `prose` (length, figures, counts),
`words` (the field's standard words), `outputs` (what is committed).
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from course_utils.cli.running import title
from tools.lessons import form, outputs, prose, words
from tools.lessons.exercises import solutions
from tools.lessons.files import Lesson, read_notebook, read_solutions
from tools.lessons.frame import framed, lines
from tools.lessons.page import Page


@dataclass(frozen=True)
class Finding:
    """Something to mend: where in the text, in which cell, what."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def check(lesson: Lesson) -> list[Finding]:
    """Everything to mend in a lesson; empty when it's clean."""
    notebook = read_notebook(lesson)
    stale = list(_differences(lesson, framed(lesson), notebook))
    stale += _other_solutions(lesson)
    if stale:  # the cells' numbers don't fit the text's lines, and the outputs tell of other code
        return stale
    page = Page.of(lesson.name, notebook)
    found = [item for rule in (*form.RULES, *prose.RULES, *words.RULES, *outputs.RULES) for item in rule(page)]
    found += form.links(page, lesson.folder)
    begins = lines(lesson, notebook)
    named = [
        Finding(f"{lesson.text}:{begins[number]} ({title(notebook.cells[number])})", message)
        for number, message in sorted(found)
    ]
    if any(cell.cell_type == "code" and not cell.execution_count for cell in read_solutions(lesson).cells):
        named.append(Finding(str(lesson.solutions), "its cells weren't run: `python -m tools lessons run --write`"))
    return named + list(_ruff(lesson))


def _differences(lesson: Lesson, text: NotebookNode, notebook: NotebookNode) -> Iterator[Finding]:
    """Text and notebook hold the same cells with the same tags."""
    build = f"run `python -m tools lessons build {lesson.name}`"
    for number, (ours, theirs) in enumerate(zip(text.cells, notebook.cells, strict=False)):
        if _content(ours) != _content(theirs):
            line = lines(lesson, text)[number]
            yield Finding(f"{lesson.text}:{line} ({title(ours)})", f"the notebook holds another cell here: {build}")
            return
    if len(text.cells) != len(notebook.cells):
        counts = f"{len(text.cells)} cells from the text, {len(notebook.cells)} in the notebook"
        yield Finding(str(lesson.text), f"{counts}: {build}")


def _other_solutions(lesson: Lesson) -> Iterator[Finding]:
    """The notebook of the solutions holds the text's."""
    theirs, ours = read_solutions(lesson), solutions(lesson)
    if [_content(cell) for cell in theirs.cells] != [_content(cell) for cell in ours.cells]:
        yield Finding(
            str(lesson.solutions), f"other solutions than the text's: run `python -m tools lessons build {lesson.name}`"
        )


def _content(cell: NotebookNode) -> tuple:
    return cell.cell_type, cell.source, cell.metadata.get("tags", [])


def _ruff(lesson: Lesson) -> Iterator[Finding]:
    """Ruff reads the notebook natively, with the project's settings."""
    for arguments in (["check", "--quiet", "--output-format=concise"], ["format", "--quiet", "--diff"]):
        command = [sys.executable, "-m", "ruff", *arguments, str(lesson.notebook)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
        if done.returncode:
            yield Finding(f"ruff {arguments[0]}", (done.stdout + done.stderr).strip())
