"""The first page: docs/index.md, with a figure of the course's own and the list of lessons."""

import html
import re

from course_utils.errors import CourseError
from course_utils.quiz.text import inline
from tools.site.notebooks import Reading

FIGURE = re.compile(r"^<!-- figure of lesson (?P<number>\d\d): (?P<words>.+) -->$", re.M)
LIST = "<!-- list of the lessons -->"


def landing(text: str, readings: list[Reading]) -> str:
    """Put the lessons' list and a lesson's figure where the text's comments ask for them.

    Raises
    ------
    CourseError
        `tools.no-figure` when the lesson has no such figure, `tools.no-list` without the comment.
    """
    if LIST not in text:
        raise CourseError(
            f"docs/index.md has lost its comment {LIST}: put it where the list goes.", code="tools.no-list"
        )
    by_number = {reading.lesson.number: reading for reading in readings}
    text = FIGURE.sub(lambda match: _figure(by_number[match["number"]], match["words"]), text)
    return text.replace(LIST, _list(readings))


def _figure(reading: Reading, words: str) -> str:
    """The first image of a lesson whose alternative text has the words, as a link to the lesson."""
    for cell in reading.notebook.cells:
        for output in cell.get("outputs", []):
            for image in re.findall(r"<img [^>]*>", output.get("data", {}).get("text/html", "")):
                if words in image.partition('src="')[0]:
                    return f'<a class="course-hero" href="lessons/{reading.lesson.slug}.html">{image}</a>'
    raise CourseError(
        f"Lesson {reading.lesson.number} has no figure whose alternative text says {words!r}: name another in "
        "docs/index.md.",
        code="tools.no-figure",
    )


def _list(readings: list[Reading]) -> str:
    """One card a lesson: its question, its case and its minutes; the script adds how the reader stands."""
    cards = (
        f'<li><a href="lessons/{one.lesson.slug}.html"><span class="course-number">{one.lesson.number}</span> '
        f"<strong>{html.escape(one.lesson.question)}</strong></a><p>{inline(one.case)}</p>"
        f'<p class="course-small">{one.lesson.minutes} minutes'
        f'<span data-standing="{one.lesson.number}"></span></p></li>'
        for one in readings
    )
    return f'<ul class="course-lessons">{"".join(cards)}</ul>'
