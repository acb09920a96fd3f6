"""A lesson's executed notebook as a page: its outputs as they are, its questions as forms, its clutter folded away."""

import html
import re
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_output
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from course_utils.display.widgets import SLIDER
from course_utils.errors import CourseError
from course_utils.lessons import Lesson
from course_utils.quiz.items import Code, Item, Model, Prediction
from course_utils.quiz.reading import lesson_quiz
from tools.lessons import files
from tools.lessons.exercises import called, calls
from tools.lessons.outputs import is_blank
from tools.links import target
from tools.site.controls import slider_html
from tools.site.places import rewrite_links
from tools.site.questions import exercise_html, found_html, question_html

BADGE = re.compile(r"^\[!\[Open in Colab\]\([^)]*\)\]\([^)]*\)\n*", re.M)
NOBR = re.compile("</?nobr>")
ON_COLAB = re.compile(r" · on Colab: .*")  # the page has its own line of places
SETUP = re.compile(r"^course = setup\(", re.M)
FOUND = re.compile(r"found ([-+]?\d[\d.,]*(?:e[-+]?\d+)?)")
# What only a kernel can do; the sliders that keep what they show at each value move in the page, too.
CONTROLS = {
    "depth_slider": "a slider leads through the depths of the network",
    "episode_slider": "a slider leads through several episodes",
    "strategy_explorer": "sliders choose a strategy and find its runs",
    "classify_control": "you can upload an image of your own, and the network says what it sees",
    "sentence_control": "you can write a sentence of your own, and the network says what it reads",
    "sound_control": "you can record or upload a word of your own, and the network says what it hears",
}
SERVICES = ("Colab", "Binder", "Kaggle")


class Reading:
    """A lesson on its way to a page.

    Parameters
    ----------
    lesson : Lesson
        Which one.
    root : Path
        The clone.
    address : str
        The repository's address, https://github.com/OWNER/NAME.
    """

    def __init__(self, lesson: Lesson, root: Path, address: str):
        self.lesson, self.root, self.address = lesson, root, address
        self.files = files.Lesson(root / "lessons", lesson.slug)
        self.notebook = files.read_notebook(self.files)
        self.items = {item.id: item for item in lesson_quiz(lesson.number).items}

    @cached_property
    def case(self) -> str:
        """The case that the lesson opens with: its first paragraph, as Markdown."""
        text = NOBR.sub("", BADGE.sub("", self.notebook.cells[0].source))  # whoever renders it keeps lines unbroken
        paragraphs = [part for part in text.split("\n\n") if part and not part.startswith(("#", "*"))]
        return " ".join(paragraphs[0].split())

    def page(self) -> NotebookNode:
        """The notebook as the site shows it."""
        for cell in self.notebook.cells:
            if cell.cell_type == "markdown":
                source = f"lessons/{self.lesson.slug}.ipynb"
                cell.source = rewrite_links(ON_COLAB.sub("", cell.source), source, self.root, self.address)
            else:
                self._show(cell)
        opening = self.notebook.cells[0]
        title, _, rest = BADGE.sub("", opening.source).partition("\n")
        opening.source = f"{title}\n\n{self._launch()}\n\n{rest.strip()}"
        return self.notebook

    def _show(self, cell: NotebookNode) -> None:
        """Give a code cell the outputs and tags of a page."""
        cell.outputs = [output for output in cell.outputs if output.output_type != "error" or _is_meant(cell)]
        cell.outputs = [_moving(output) for output in cell.outputs if not is_blank(output)]
        if SETUP.search(cell.source):  # where the lesson installs itself, too
            _tag(cell, "hide-input")
        if cell.metadata.get("jupyter", {}).get("outputs_hidden"):  # the answer to a question that is still asked
            _tag(cell, "hide-output")
            cell.metadata["mystnb"] = {"code_prompt_show": "Show the result", "code_prompt_hide": "Hide the result"}
        for call in calls(cell.source, "ask", "predict", "check", "found", "summary", "progress_table", *CONTROLS):
            name = called(call)
            item = self.items.get(getattr(call.args[0], "value", "")) if call.args else None
            if name in ("ask", "predict") and item and not isinstance(item, (Code, Model)):
                _tag(cell, "remove-input")
                cell.outputs = [_html(question_html(item))]
            elif name == "check" and isinstance(item, (Code, Model)):
                cell.outputs = [_html(exercise_html(item, self._places(), self._solution(item)))]
            elif name == "found" and isinstance(item, Prediction):
                cell.outputs = [_found(item, output) for output in cell.outputs]
            elif name == "summary":
                _tag(cell, "remove-input")
                cell.outputs = [_html(f'<div class="course-summary" data-lesson="{self.lesson.number}"></div>')]
            elif name == "progress_table":
                words = "How you stand in this browser is on the page <a href='../progress.html'>Your progress</a>."
                cell.outputs = [_html(f"<p>{words}</p>")]
            elif name in CONTROLS:
                note = f"In a notebook that runs, {CONTROLS[name]}: {self._places()}."
                cell.outputs.append(_html(f'<p class="course-live">{note}</p>'))

    def _places(self) -> str:
        """Links to where the lesson runs, in a sentence."""
        links = [f'<a href="{self._target(service)}">{service}</a>' for service in SERVICES]
        return f"open it on {', '.join(links[:-1])} or {links[-1]}"

    def _target(self, service: str) -> str:
        return html.escape(target(service, self.lesson.slug, self.address), quote=True)

    def _launch(self) -> str:
        """The line under the title: where to run the lesson, and its notebook to take home."""
        places = " ".join(
            f'<a class="course-launch" href="{self._target(service)}">{service}</a>' for service in SERVICES
        )
        download = f'<a class="course-launch" href="../notebooks/{self.lesson.slug}.ipynb" download>Notebook</a>'
        return f'<p class="course-launches">Run it: {places} {download}</p>'

    def _solution(self, item: Item) -> str:
        """The solution's code, coloured like the page's cells."""
        cells = files.read_solutions(self.files).cells
        for task, solution in pairwise(cells):
            if task.source.startswith(f"### Exercise {item.id} "):
                return highlight(solution.source, PythonLexer(), HtmlFormatter())
        raise CourseError(
            f"{self.files.solutions} lacks exercise {item.id}: "
            f"run `python -m tools lessons build {self.lesson.number}`.",
            code="tools.no-solution",
        )


def _found(item: Prediction, output: NotebookNode) -> NotebookNode:
    """The output in which a cell says what it found, made to answer the reader's guess; any other as it is."""
    match = FOUND.search(output.get("data", {}).get("text/plain", ""))
    if not match:
        return output
    found = float(match[1].rstrip(".,").replace(",", ""))
    unit = f" {item.unit}" if item.unit not in ("", "%", "×") else item.unit
    return _html(found_html(item, found, f"This run found {found:g}{unit}."))


def _is_meant(cell: NotebookNode) -> bool:
    return "raises-exception" in cell.metadata.get("tags", [])


def _tag(cell: NotebookNode, tag: str) -> None:
    cell.metadata.tags = [*cell.metadata.get("tags", []), tag]


def _html(page: str) -> NotebookNode:
    return new_output("display_data", {"text/html": page, "text/plain": " "})


def _moving(output: NotebookNode) -> NotebookNode:
    """A slider of the page in place of a notebook's, which kept what it shows at each value; else the output."""
    data = output.get("data", {})
    return _html(slider_html(data[SLIDER], data["text/html"])) if SLIDER in data else output
