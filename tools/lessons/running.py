"""Execute a lesson's text, as `course run` executes its notebooks, and save the cleaned outputs."""

from pathlib import Path

from course_utils.cli import running
from tools.lessons.building import assemble, assemble_solutions
from tools.lessons.cleaning import clean
from tools.lessons.files import Lesson, locate, write_notebook


def run(lesson: Lesson, network: str = "small", images: str | None = None, write: bool = False) -> running.Report:
    """Execute the lesson's text in a fresh kernel; with `write`, save the cleaned outputs if it ran through."""
    notebook, solutions = assemble(lesson), assemble_solutions(lesson)
    lines = locate(lesson)
    report = running.run(
        lesson.name,
        lesson.folder,
        notebook,
        solutions,
        network,
        images,
        lambda index: f"{lesson.text}:{lines[index]}",
    )
    if write and not report.failure:
        for executed, file in ((notebook, lesson.notebook), (solutions, lesson.solutions)):
            clean(executed, Path.home(), lesson.folder.resolve().parent)
            write_notebook(executed, file)
    return report
