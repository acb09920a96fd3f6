"""Execute a lesson's text, as `course run` executes its notebooks, and save the cleaned outputs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from course_utils.cli import running
from course_utils.machine import find_photographs
from course_utils.settings import data_dir
from tools.lessons.building import assemble, assemble_solutions, hide_answers
from tools.lessons.cleaning import clean
from tools.lessons.files import Lesson, write_notebook
from tools.lessons.frame import lines
from tools.lessons.page import Page


def run(lesson: Lesson, network: str = "small", images: str | None = None, write: bool = False) -> running.Report:
    """Execute the lesson's text in a fresh kernel.

    With `write`, it runs as on a learner's machine, and the cleaned outputs are saved if it ran through.
    """
    if write:
        with _as_a_learner():
            return _run(lesson, None, None, write)
    return _run(lesson, network, images, write)


def photographs_are_here() -> bool:
    """Whether a learner's data folder, which is that without COURSE_... variables, holds photographs."""
    with _as_a_learner():
        return bool(find_photographs(data_dir(), None))


@contextmanager
def _as_a_learner() -> Iterator[None]:
    """Without the COURSE_... variables of an author's machine, which a lesson's first output would name."""
    ours = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("COURSE_")}
    try:
        yield
    finally:
        os.environ.update(ours)


def _run(lesson: Lesson, network: str | None, images: str | None, write: bool) -> running.Report:
    notebook, solutions = assemble(lesson), assemble_solutions(lesson)
    begins = lines(lesson, notebook)
    report = running.run(
        lesson.name,
        lesson.folder,
        notebook,
        solutions,
        network,
        images,
        lambda index: f"{lesson.text}:{begins[index]}",
    )
    if write and not report.failure:
        for executed, file in ((notebook, lesson.notebook), (solutions, lesson.solutions)):
            clean(executed, Path.home(), lesson.folder.resolve().parent)
            hide_answers(Page.of(lesson.name, executed))
            write_notebook(executed, file)
    return report
