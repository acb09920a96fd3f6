"""Where a lesson's text and notebook lie, and how they are read and written."""

import re
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from jupytext.config import load_jupytext_config
from nbformat import NotebookNode

from course_utils import lessons
from course_utils.errors import CourseError


@dataclass(frozen=True)
class Lesson:
    """A lesson's files: folder/text/NAME.py, the source; from it folder/NAME.ipynb and folder/solutions/NAME.ipynb."""

    folder: Path
    name: str

    @property
    def text(self) -> Path:
        """The text, the source of the others."""
        return self.folder / "text" / f"{self.name}.py"

    @property
    def notebook(self) -> Path:
        """The notebook that learners open."""
        return self.folder / f"{self.name}.ipynb"

    @property
    def solutions(self) -> Path:
        """The notebook of the solutions."""
        return self.folder / "solutions" / f"{self.name}.ipynb"


def choose(folder: Path, names: list[str] | None = None) -> list[Lesson]:
    """The lessons of a folder, in order: all, or those named by slug ("01_first_finetune") or number ("01").

    Raises
    ------
    CourseError
        When the folder has no texts ("tools.no-texts"), holds one that isn't registered ("tools.unregistered") or
        lacks one that is ("tools.no-text"), or when a name fits none ("lessons.unknown").
    """
    texts = {path.stem for path in (folder / "text").glob("*.py")}
    if not texts:
        raise CourseError(
            f"There are no lesson texts in {folder / 'text'}: run this at the top of a clone of the course, "
            "or name the lessons' folder with --folder.",
            code="tools.no-texts",
        )
    if unknown := sorted(texts - {lesson.slug for lesson in lessons.LESSONS}):
        raise CourseError(
            f"{folder / 'text' / unknown[0]}.py is no lesson that course_utils/lessons.py has: enter it there.",
            code="tools.unregistered",
        )
    wanted = {lessons.find_lesson(name) for name in names} if names else set(lessons.LESSONS)
    chosen = [Lesson(folder, lesson.slug) for lesson in lessons.LESSONS if lesson in wanted]
    for lesson in chosen:
        if lesson.name not in texts:
            raise CourseError(
                f"{lesson.text} is missing, and course_utils/lessons.py has that lesson: write the one, or strike the "
                "other out.",
                code="tools.no-text",
            )
    return chosen


def read_text(lesson: Lesson) -> NotebookNode:
    """The text as a notebook without outputs."""
    notebook = jupytext.reads(lesson.text.read_text(encoding="utf-8"), fmt=text_format(lesson))
    for cell in notebook.cells:
        cell.metadata.pop("lines_to_next_cell", None)
        cell.source = cell.source.strip("\n")  # how many blank lines part two cells is no part of the lesson
    return notebook


def write_text(notebook: NotebookNode, lesson: Lesson) -> str:
    """The notebook as text in jupytext's normal form; nothing is written to disk."""
    return jupytext.writes(notebook, fmt=text_format(lesson))


def text_format(lesson: Lesson) -> dict:
    """Jupytext's percent format with the options of jupytext.toml, the nearest one above the lesson."""
    options = {"extension": ".py", "format_name": "percent"}
    config = load_jupytext_config(str(lesson.text.resolve()))
    if config is None:
        raise CourseError(
            f"There is no jupytext.toml above {lesson.text}: restore it, it says what a text holds.",
            code="tools.no-jupytext-configuration",
        )
    config.set_default_format_options(options)
    return options


def read_notebook(lesson: Lesson) -> NotebookNode:
    """The lesson's notebook, validated; CourseError when it is missing or no notebook."""
    return _read(lesson.notebook, lesson)


def read_solutions(lesson: Lesson) -> NotebookNode:
    """The notebook of the lesson's solutions, validated; CourseError when it is missing or no notebook."""
    return _read(lesson.solutions, lesson)


def _read(file: Path, lesson: Lesson) -> NotebookNode:
    try:
        return nbformat.read(file, as_version=4)
    except FileNotFoundError:
        reason = "is missing"
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, AttributeError):
        reason = "isn't a valid notebook"
    raise CourseError(f"{file} {reason}: run `python -m tools lessons build {lesson.name}`.", code="tools.no-notebook")


def write_notebook(notebook: NotebookNode, file: Path) -> bool:
    """Write the notebook with sorted keys when its content differs from the file's; True when it did."""
    content = nbformat.writes(notebook) + "\n"
    if file.exists() and file.read_text(encoding="utf-8") == content:
        return False
    file.parent.mkdir(exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(content, encoding="utf-8", newline="\n")
    part.replace(file)
    return True


def locate(lesson: Lesson) -> list[int]:
    """The line of the text, from 1, at which each cell begins."""
    lines = lesson.text.read_text(encoding="utf-8").splitlines()
    return [number for number, line in enumerate(lines, 1) if re.match(r"# %%( |$)", line)]


def line_of(lesson: Lesson, cell: int, line: int) -> int:
    """The line of the text, from 1, that holds a cell's line; both are indices."""
    lines = lesson.text.read_text(encoding="utf-8").split("\n")
    first = locate(lesson)[cell]
    while first < len(lines) and not lines[first].strip():  # blank lines at a cell's top are no part of its source
        first += 1
    return first + line + 1
