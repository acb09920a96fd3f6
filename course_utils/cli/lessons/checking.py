"""The lint of the lessons: `course lessons check`.

The plain form of a lesson, which practice widgets and graded assignments can be derived from later:

- The first cell's h1 is `# 01 · A question?`; the first code cell is the setup cell, the same everywhere but for the
  lesson's name.
- A practice question is a Markdown cell tagged `question`: heading `### Question 01.1 — topic`, the question, options
  as a list `- **A** — …`, and the answer folded in `<details><summary>Answer</summary>`, beginning `**B** — because`.
- An exercise is a Markdown cell tagged `exercise` with the heading `### Exercise 01.A — topic`, a code cell tagged
  `solution` (its source is the solution), and a code cell tagged `check` (assertions with messages).
- One code cell is tagged `result`; the last line it prints is the lesson's result in the table of `course lessons run`.
- Output that is the same on every machine may be tagged `nbval-check-output`; a cell that fails on purpose is tagged
  `raises-exception`.
- The last h2 sections are Exercises, What would break this, Recap (five lines), Further reading.

Limits and exact rules: `form` (structure), `prose` (length, figures, counts), `outputs` (what is committed).
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from course_utils.cli.lessons import form, outputs, prose
from course_utils.cli.lessons.files import Lesson, locate, read_notebook, read_text, title
from course_utils.cli.lessons.page import Page


@dataclass(frozen=True)
class Finding:
    """Something to mend: where in the text, in which cell, what."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def check(lesson: Lesson) -> list[Finding]:
    """Everything to mend in a lesson; empty when it's clean."""
    text, notebook = read_text(lesson), read_notebook(lesson)
    stale = list(_differences(lesson, text, notebook))
    if stale:  # the cells' numbers don't fit the text's lines, and the outputs tell of other code
        return stale
    page = Page.of(lesson.name, notebook)
    found = [item for rule in (*form.RULES, *prose.RULES, *outputs.RULES) for item in rule(page)]
    found += form.links(page, lesson.folder)
    lines = locate(lesson)
    named = [
        Finding(f"{lesson.text}:{lines[number]} ({title(notebook.cells[number])})", message)
        for number, message in sorted(found)
    ]
    return named + list(_ruff(lesson))


def _differences(lesson: Lesson, text: NotebookNode, notebook: NotebookNode) -> Iterator[Finding]:
    """Text and notebook hold the same cells with the same tags."""
    build = f"run `course lessons build {lesson.name}`"
    for number, (ours, theirs) in enumerate(zip(text.cells, notebook.cells, strict=False)):
        if _content(ours) != _content(theirs):
            line = locate(lesson)[number]
            yield Finding(f"{lesson.text}:{line} ({title(ours)})", f"the notebook holds another cell here: {build}")
            return
    if len(text.cells) != len(notebook.cells):
        counts = f"{len(text.cells)} cells in the text, {len(notebook.cells)} in the notebook"
        yield Finding(str(lesson.text), f"{counts}: {build}")


def _content(cell: NotebookNode) -> tuple:
    return cell.cell_type, cell.source, cell.metadata.get("tags", [])


def _ruff(lesson: Lesson) -> Iterator[Finding]:
    """Ruff reads the notebook natively, with the project's settings."""
    for arguments in (["check", "--quiet", "--output-format=concise"], ["format", "--quiet", "--diff"]):
        command = [sys.executable, "-m", "ruff", *arguments, str(lesson.notebook)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
        if done.returncode:
            yield Finding(f"ruff {arguments[0]}", (done.stdout + done.stderr).strip())
