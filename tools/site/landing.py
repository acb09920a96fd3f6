"""The first page: docs/index.md, with the README's picture and the list of lessons."""

import html
import re

from course_utils.errors import CourseError
from course_utils.quiz.text import inline
from tools.site.notebooks import Reading

PICTURE = "<!-- picture of the README -->"
LIST = "<!-- list of the lessons -->"


def landing(text: str, readings: list[Reading], readme: str) -> str:
    """Put the lessons' list and the README's picture where the text's comments ask for them.

    Raises
    ------
    CourseError
        `tools.no-list` without such a comment, `tools.no-picture` when the README has no picture.
    """
    for comment in (PICTURE, LIST):
        if comment not in text:
            lost = f"docs/index.md has lost its comment {comment}: put it where that goes."
            raise CourseError(lost, code="tools.no-list")
    return text.replace(PICTURE, _picture(readme)).replace(LIST, _list(readings))


def _picture(readme: str) -> str:
    """The README's picture, light and dark, wide and for phones; the theme shows the one that fits."""
    found = re.search(r'<img src="docs/pictures/(?P<name>\w+)-wide-light\.svg" alt="(?P<alt>[^"]+)">', readme)
    if not found:
        raise CourseError(
            "The README has no picture docs/pictures/…-wide-light.svg with an alternative text: put it back, since the "
            "site's first page shows it too.",
            code="tools.no-picture",
        )
    shown = (
        f'<picture class="only-{theme}"><source media="(max-width: 600px)" '
        f'srcset="pictures/{found["name"]}-narrow-{theme}.svg">'
        f'<img src="pictures/{found["name"]}-wide-{theme}.svg" alt="{found["alt"]}"></picture>'
        for theme in ("light", "dark")
    )
    return f'<div class="course-hero">{"".join(shown)}</div>'


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
