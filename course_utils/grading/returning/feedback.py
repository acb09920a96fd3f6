"""A page of feedback for each student: static HTML that needs nothing else, holds no script and tells no key."""

import base64
import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from course_utils.grading.bank.assignments import Assignment, Version
from course_utils.grading.bank.items import LETTERED, GradedCode, GradedItem
from course_utils.grading.exports.cells import (
    CONTROL,
    cell,
    id_cell,
    lateness,
    make_folder,
    points_text,
    safe_names,
    write_whole,
)
from course_utils.grading.marking.reading import positions_of
from course_utils.grading.records import Mark, Outcome, Result, State
from course_utils.grading.returning.pages import rendered
from course_utils.quiz import reading, text
from course_utils.quiz.items import Order

STATES = {
    State.GRADED: ("Graded", "Every item has its points."),
    State.PARTIAL: ("Partly graded", "Not every item could be judged automatically; see below what happened to each."),
    State.MISSING_CELL: ("An answer is missing", "An answer cell could not be found. A person will look at it."),
    State.LOOK: ("Waiting for a person", "Something could not be judged automatically; see below what it is."),
    State.UNREADABLE: ("Not readable", "The notebook could not be read. Hand it in again, or ask your instructor."),
    State.TIMEOUT: ("Out of time", "Time ran out before any item could be judged. Look for a loop that never ends."),
    State.CRASHED: ("Stopped", "Python stopped before any item could be judged, often because it ran out of memory."),
    State.INFRASTRUCTURE: (
        "Not graded yet",
        "Something failed on our side. It will be graded again; just wait.",
    ),
}
FLOOR = "at least "  # before points that are rounded down
OUTCOMES = {
    Outcome.RIGHT: "right",
    Outcome.WRONG: "not right",
    Outcome.BLANK: "left empty",
    Outcome.RAISED: "your code stopped with an error",
    Outcome.TIMEOUT: "your code took longer than allowed",
    Outcome.CRASHED: "your code made Python stop",
    Outcome.WAITING: "waiting for a person",
    Outcome.LOOK: "could not be judged automatically; a person will look at it",
    Outcome.MISSING: "the answer cell could not be found; a person will look at it",
    Outcome.UNKNOWN: "could not be judged yet",
}


class Page(NamedTuple):
    """A result, and where its page was written."""

    result: Result
    path: Path


def feedback(
    store,
    assignments: Sequence[Assignment],
    out: Path,
    explain: bool = False,
    figures: Path | None = None,
) -> list[Page]:
    """Write `out/STUDENT/NN_slug.html` for each result of these assignments, and out/index.csv; all the pages.

    explain: show the explanations and exact shares of points too, which tell keys and hidden inputs: once nobody can
    hand in any more
    figures: the folder of the items' pictures, which is the item bank's; the practice items' if left out
    """
    found = [(assignment, store.results(assignment.name)) for assignment in assignments]
    folder = figures or reading.FOLDER
    folders = safe_names(result.student for _, results in found for result in results)
    make_folder(out)
    rows = [("student", "assignment", "file")]
    pages = []
    for assignment, results in found:
        manual = store.manual(assignment.name)
        for result in results:
            comments = {
                mark.item: given.comment for mark in result.marks if (given := manual.get((result.student, mark.item)))
            }
            name = f"{folders[result.student]}/{assignment.name}.html"
            make_folder(out / folders[result.student])
            write_whole(out / name, page(assignment, result, comments, explain, folder))
            rows.append((id_cell(result.student), cell(assignment.name), name))
            pages.append(Page(result, out / name))
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    write_whole(out / "index.csv", buffer.getvalue(), "utf-8" if buffer.getvalue().isascii() else "utf-8-sig")
    return pages


def page(
    assignment: Assignment,
    result: Result,
    comments: dict[str, str],
    explain: bool = False,
    figures: Path = reading.FOLDER,
) -> str:
    """One student's page. comments: item → the comment of the person who marked it, "" for a mark without one."""
    version = assignment.for_student(result.student)
    items = {item.id: item for item in assignment.quiz.items}
    shown = []
    floors: set[str] = set() if explain else {one.item for one in result.marks if _is_share(one, items.get(one.item))}
    floors -= comments.keys()
    marks = [_in_quarters(mark) if mark.item in floors else mark for mark in result.marks]
    result = replace(result, marks=tuple(marks))
    for mark in result.marks:
        item = version.item(items[mark.item]) if mark.item in items else None
        stem = question_html(item, version, figures) if item else ""
        one = _shown(mark, item, stem, version, comments.get(mark.item), explain)
        shown.append(one | {"floor": FLOOR if mark.item in floors else ""})
    state, meaning = STATES[result.state]
    return rendered(
        "feedback.html.j2",
        title=assignment.quiz.title,
        student=clean(result.student),
        state=state,
        meaning=meaning,
        late=lateness(result),
        points=points_text(result.points),
        floor=FLOOR if floors else "",
        most=points_text(result.most),
        share=min(1.0, (result.points or 0) / result.most) if result.most else 0.0,
        items=shown,
    )


def _shown(
    mark: Mark, item: GradedItem | None, stem: str, version: Version, comment: str | None, explain: bool
) -> dict:
    outcome = OUTCOMES[mark.outcome]
    if comment is not None:
        outcome = "marked by a person"
    elif mark.outcome is not Outcome.RIGHT and mark.points is not None and mark.points >= mark.most:
        outcome = "everybody gets the points for this"
    elif mark.outcome is Outcome.WRONG and mark.points:
        outcome = "partly right"
    return {
        "label": item.label if item else mark.item,
        "outcome": outcome,
        "points": points_text(mark.points),
        "most": points_text(mark.most),
        "stem": stem,
        "answer": clean(in_words(item, mark.answer, version)),
        "feedback": [_inline(line) for line in mark.feedback],
        "hints": [_inline(hint) for hint in _hints(item, mark)],
        "comment": clean(comment or ""),
        "explanation": _explanation(item) if item and explain else "",
    }


def _is_share(mark: Mark, item: GradedItem | None) -> bool:
    """Whether a mark tells for how many hidden inputs code is right."""
    if not isinstance(item, GradedCode) or item.credit != "shares" or mark.points is None:
        return False
    return mark.outcome in (Outcome.WRONG, Outcome.RAISED) and mark.points < mark.most


def _in_quarters(mark: Mark) -> Mark:
    """The mark, rounded down to a quarter of its points: the exact share, over several hand-ins, would tell inputs."""
    assert mark.points is not None, "it has a share"
    return replace(mark, points=math.floor(4 * mark.points / mark.most + 1e-9) * mark.most / 4)


def _hints(item: GradedItem | None, mark: Mark) -> list[str]:
    """None to a right answer or an open one, one to half an answer, two at most to a wrong one."""
    if item is None or mark.points is None or mark.points >= mark.most:
        return []
    return item.hints[: 1 if mark.points else 2]


def in_words(item: GradedItem | None, answer: str, version: Version) -> str:
    """An answer with what its letters stand for, "B — the head's alone"; as it is where it holds no such letters."""
    if not isinstance(item, LETTERED):
        return answer
    order = version.order(item)
    positions = positions_of(item, answer, order)
    if not positions:
        return answer
    shown = text.lettered(item, order)
    numbers = [order.index(position) for position in positions]
    return "\n".join(" — ".join(shown[n]) for n in (numbers if isinstance(item, Order) else sorted(set(numbers))))


def clean(words: str) -> str:
    """A student's text without control characters, which no page may hold; escaping is the template's."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", words.replace("\r\n", "\n").replace("\r", "\n"))


def question_html(item: GradedItem, version: Version, figures: Path = reading.FOLDER):
    """The stem, its figure, and the options or steps in the student's order: the author's text, escaped."""
    parts = [_markdown(item.stem), _picture(item, figures)]
    if isinstance(item, LETTERED):
        rows = (f"<li>{letter} — {_inline(option)}</li>" for letter, option in version.lettered(item))
        parts.append(f'<ul style="list-style:none">{"".join(rows)}</ul>')
    return _safe("".join(parts))


def _picture(item: GradedItem, figures: Path) -> str:
    if not item.figure:
        return ""
    alt = _inline(item.figure.alt)
    file = (figures / item.figure.file).resolve()
    if file.suffix not in text.TYPES or not file.is_relative_to(figures.resolve()) or not file.is_file():
        return f"<p>Figure: {alt}</p>"  # its words are better than no page
    src = f"data:{text.TYPES[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode()}"
    return f'<figure><img alt="" src="{src}"><figcaption>{alt}</figcaption></figure>'


def _explanation(item: GradedItem):
    return _safe(text.explanation_html(item))


@lru_cache(10_000)
def _markdown(words: str):
    return _safe(text.markdown(words))


@lru_cache(10_000)
def _inline(words: str):
    return _safe(text.inline(words))


def _safe(page: str):
    """What quiz.text made of an author's words, which escapes HTML; pictures from elsewhere are taken out."""
    from markupsafe import Markup

    return Markup(re.sub(r'<img src="(?!data:)[^>]*>', "", page))
