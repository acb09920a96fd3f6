"""How a learner stands: the summary at a lesson's end, the table of all lessons, and what to see again today."""

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import ipywidgets as widgets

from course_utils.display.widgets import bar_html, show_control
from course_utils.lessons import LESSONS
from course_utils.quiz import progress, reading
from course_utils.quiz.items import Code, Item, Model, Prediction
from course_utils.quiz.text import section_html, static_html
from course_utils.quiz.widgets import Question

REVIEWED = 5  # items at once
LEFT = " style='text-align:left'"  # Lab puts what a table says at the right
SIGNS = {"right": "✓ ", "not": "✗ "}  # by the first word of a state


@dataclass(frozen=True)
class Lesson:
    """One line of the table.

    Parameters
    ----------
    number, title : str
        The lesson's number, and its number and question.
    items, answered, right, first, due : int
        How many items there are, were answered, are right at last, were right at the first try, are due today.
        Guesses aren't counted.
    """

    number: str
    title: str
    items: int
    answered: int
    right: int
    first: int
    due: int


def lessons() -> list[Lesson]:
    """List every lesson that has a quiz, in order."""
    standings, due = progress.standings(), set(progress.due_items())
    titles = {each.number: each.title for each in LESSONS}
    found = []
    for number in reading.numbers():
        ids = [item.id for item in _scored(reading.lesson_quiz(number).items)]
        mine = [standings[one] for one in ids if one in standings]
        right, first = (sum(getattr(one, name) for one in mine) for name in ("last_right", "first_right"))
        found.append(
            Lesson(
                number, titles.get(number, number), len(ids), len(mine), right, first, sum(one in due for one in ids)
            )
        )
    return found


def _scored(items: Iterable[Item]) -> list[Item]:
    """The items that can be right or wrong: nobody can know what their machine will find, so guesses aren't scored."""
    return [item for item in items if not isinstance(item, Prediction)]


def table_html() -> str:
    """Render the lessons as an HTML table."""
    names = ("Lesson", "Answered", "Right", "", "At the first try", "Due today")
    rows = (
        f"<tr>{_heading(one.title)}<td>{one.answered} of {one.items}</td><td>{one.right}</td>"
        f"<td style='width:8em'>{bar_html(one.right / one.items)}</td>"
        f"<td>{_share(one.first, one.answered)}</td><td>{one.due or ''}</td></tr>"
        for one in lessons()
    )
    return _table(names, rows)


def _table(names: Sequence[str], rows: Iterable[str], texts: int = 1) -> str:
    """A table whose first columns hold text, which begins at the left, and whose others hold numbers."""
    aligned = [LEFT] * texts + [""] * (len(names) - texts)
    head = "".join(
        f"<th scope='col'{where}>{name}</th>" if name else "<td></td>"
        for name, where in zip(names, aligned, strict=True)
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="jp-RenderedHTMLCommon">{table}</div>'  # in a widget, Lab shows no link as one without it


def _heading(text: str) -> str:
    return f"<th scope='row'{LEFT}>{html.escape(text)}</th>"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"


class Summary:
    """A lesson's items and how each stands; it follows every answer given in the same notebook."""

    def __init__(self, number: str):
        self.items = reading.lesson_quiz(number).items
        self.shown = widgets.HTML()
        progress.watch(self._show)
        self._show()

    def _show(self) -> None:
        standings = progress.standings()
        scored = _scored(self.items)
        right = sum(standings[item.id].last_right for item in scored if item.id in standings)
        self.result = f"{right} of {len(scored)} right so far."
        table = _table(("Item", "Status", "Reread"), self._rows(standings), texts=3)
        self.shown.value = f'<p role="status">{self.result}</p>{bar_html(right / len(scored))}{table}'

    def _rows(self, standings: dict[str, progress.Standing]) -> Iterator[str]:
        for item in self.items:
            state = _state(item, standings.get(item.id))
            again = "" if state.startswith(("right", "guess")) else section_html(item)
            sign = SIGNS.get(state.partition(" ")[0], "")
            yield f"<tr>{_heading(item.label)}<td{LEFT}>{sign}{state}</td><td{LEFT}>{again}</td></tr>"

    def _ipython_display_(self) -> None:
        still = "".join(f"<li>{html.escape(item.label)}</li>" for item in self.items)
        words = f"{len(self.items)} questions and exercises; run the cell to see how you're doing."
        show_control(self.shown, f"<p>{words}</p><ul>{still}</ul>", words)


def _state(item: Item, standing: progress.Standing | None) -> str:
    if isinstance(item, Prediction):
        return "guess compared; not counted" if standing else "no guess compared yet; not counted"
    if standing is None:
        return "to do"
    if not standing.last_right:
        return "not yet"
    if standing.first_right:
        return "right at the first try"
    return f"right after {standing.needed} tries"


def summary(number: str) -> Summary:
    """Show how the learner stands in a lesson.

    Parameters
    ----------
    number : str
        The lesson's number, "04".

    Raises
    ------
    CourseError
        `quiz.unknown-lesson` for a lesson without a quiz.
    """
    return Summary(number)


class ProgressTable:
    """How the learner stands in all lessons; it follows the answers given in the same notebook."""

    def __init__(self) -> None:
        self.shown = widgets.HTML()
        progress.watch(self._show)
        self._show()

    def _show(self) -> None:
        due = progress.due_items()
        again = f"Due again today: {', '.join(due)}. Call review()." if due else "Nothing is due again today."
        self.shown.value = f'{table_html()}<p role="status">{again}</p>'

    def _ipython_display_(self) -> None:
        words = "Run the cell to see how you're doing."
        show_control(self.shown, f"<p>{words}</p>", words)


def progress_table() -> ProgressTable:
    """Show how the learner stands in every lesson, and what to see again today."""
    return ProgressTable()


class Review:
    """Today's questions, the longest overdue first."""

    def __init__(self, limit: int):
        items = [item for number in reading.numbers() for item in reading.lesson_quiz(number).items]
        kinds = {item.id: item for item in items if not isinstance(item, (Code, Model, Prediction))}
        due = [one for one in progress.due_items() if one in kinds]
        self.due = due[:limit]
        more = f" {len(due) - limit} more are waiting." if len(due) > limit else ""
        self.result = f"{len(self.due)} due again today.{more}" if due else "Nothing is due again today."
        self.questions = [Question(kinds[one], anew=True) for one in self.due]
        heading = widgets.HTML(f'<p role="status">{self.result}</p>')
        self.box = widgets.VBox([heading, *(question.box for question in self.questions)])

    def _ipython_display_(self) -> None:
        page = "".join(static_html(question.item) for question in self.questions)
        show_control(self.box, f"<p>{self.result}</p>{page}", self.result)


def review(limit: int = REVIEWED) -> Review:
    """Ask again what was missed: at once, then after one, three, seven and twenty-one days, while answered rightly."""
    return Review(limit)
