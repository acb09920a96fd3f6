"""A record of practice, which learners make and print themselves; it says what it is: nobody looked on."""

import html
from collections.abc import Iterable
from datetime import date, datetime
from functools import cached_property

from course_utils import lessons
from course_utils._version import __version__
from course_utils.quiz import progress, reading
from course_utils.quiz.items import Code, Item, Model, Prediction

STYLE = """
@page {size: A4; margin: 18mm}
body {font: 11pt/1.5 Georgia, serif; color: #111; background: #fff; max-width: 44em; margin: 2em auto; padding: 0 1em}
h1 {font-size: 1.5em; margin-bottom: 0} .name {font-size: 1.3em; min-height: 1.5em; border-bottom: 1px solid #888}
table {border-collapse: collapse; width: 100%; font-size: .9em} td, th {text-align: left; padding: .25em .8em .25em 0}
th {border-bottom: 1px solid #888} td {border-bottom: 1px solid #ddd}
td:not(:first-child) {white-space: nowrap} .small {font-size: .85em}
"""
HONEST = (
    "The learner made this record on their own. Nobody looked on: answers may be tried as often as one likes, and the "
    "keys are public. A lesson is complete when all its questions and exercises are right."
)


class Record:
    """What a learner has done, from the progress on this machine."""

    def __init__(self) -> None:
        self.standings = progress.standings()
        self.items = {
            number: [item for item in reading.lesson_quiz(number).items if not isinstance(item, Prediction)]
            for number in reading.numbers()  # a guess can't be right or wrong
        }

    @cached_property
    def sentence(self) -> str:
        """All of it in a sentence."""
        every = [item for items in self.items.values() for item in items]
        complete = sum(self._right(items) == len(items) for items in self.items.values())
        parts = [[item for item in every if isinstance(item, (Code, Model)) is code] for code in (False, True)]
        questions, exercises = (f"{self._right(part)} of {len(part)}" for part in parts)
        return (
            f"{complete} of {len(self.items)} lessons complete, {questions} questions and {exercises} exercises right; "
            f"answered {self._days(every) or 'on no day yet'}."
        )

    def page(self, name: str = "") -> str:
        """Write it as an HTML page that prints on paper, with the learner's name or a line to write it on."""
        rows = "".join(
            f"<tr><td>{html.escape(lessons.find_lesson(number).title)}</td>"
            f"<td>{self._right(items)} of {len(items)}</td>"
            f"<td>{sum(self.standings[item.id].first_right for item in items if item.id in self.standings)}</td>"
            f"<td>{self._days(items) or '–'}</td></tr>"
            for number, items in self.items.items()
        )
        head = "".join(f'<th scope="col">{title}</th>' for title in ("Lesson", "Right", "At the first try", "Answered"))
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Record of practice</title>'
            f"<style>{STYLE}</style></head><body><h1>Record of practice</h1><p>Fine-tuning neural networks</p>"
            f'<p class="name">{html.escape(name)}</p><p><strong>{self.sentence}</strong></p>'
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
            f'<p class="small">{HONEST}</p><p class="small">Version {__version__} of the course; '
            f"made on {_day(datetime.now())}.</p></body></html>\n"
        )

    def _right(self, items: Iterable[Item]) -> int:
        return sum(self.standings[item.id].last_right for item in items if item.id in self.standings)

    def _days(self, items: Iterable[Item]) -> str:
        """The first and the last day on which some of these items were answered."""
        mine = [self.standings[item.id] for item in items if item.id in self.standings]
        if not mine:
            return ""
        first, last = min(one.began for one in mine), max(one.latest for one in mine)
        return _day(first) if first.date() == last.date() else f"{_day(first)} to {_day(last)}"


def _day(moment: date) -> str:
    return f"{moment.day} {moment:%B %Y}"
