"""The calls of a lesson that need no widget: `check` an exercise, and what a cell `found` beside a guess."""

import linecache
import re
from typing import Any

from IPython import get_ipython
from IPython.display import display

from course_utils.errors import CourseError
from course_utils.quiz import progress
from course_utils.quiz.answers import Verdict, compare
from course_utils.quiz.items import Code, Model, Prediction
from course_utils.quiz.reading import item as item_of
from course_utils.quiz.text import SIGNS, explanation_html, folded_hints, inline, verdict_html, where_html

# Which of the notebook's cells was changed since it ran is known to the page alone; JupyterLab marks it, and CSS reads
# the mark. Lessons check an answer in the cell after it. Other pages show nothing.
OLDER = (
    "<style>.jp-CodeCell.jp-mod-dirty + .jp-CodeCell .course-older {display: block}</style>"
    '<p class="course-older" hidden><em>The cell above was changed after it ran, so this is about its older version: '
    "run it, then this cell again.</em></p>"
)
KEPT = "<p><em>The newest cell that defines it didn't finish, so this is about an older version.</em></p>"


def check(identifier: str, answer: Any, **context: Any) -> None:
    """Check what an exercise's cell bound, and say in words what was expected.

    Errors of the learner's code, endless loops and floods of text are told in a sentence. A blank still unwritten and
    a check that was stopped count as no try.

    Parameters
    ----------
    identifier : str
        The exercise's id, "05.A".
    answer : object
        What its cell bound.
    **context : object
        The lesson's names that the check needs.

    Raises
    ------
    CourseError
        `quiz.wrong-call` for a question, `quiz.missing-names` where the context lacks a name, and as for `ask`.
    """
    from course_utils.quiz.execution import run_item

    item = item_of(identifier)
    if not isinstance(item, (Code, Model)):
        raise CourseError(
            f"{identifier} is a question of kind {item.kind!r}: show it with ask({identifier!r}).",
            code="quiz.wrong-call",
        )
    verdict = run_item(item, answer, context)
    if verdict.right is not None:
        progress.record(item.id, verdict.right)
    _say(verdict, item, OLDER + _kept(item, answer))


def _kept(item: Code | Model, answer: Any) -> str:
    """A sentence where the newest cell that defines the function failed, so that an older one was kept."""
    shell = get_ipython()
    cells = list(getattr(shell, "user_ns", {}).get("In", []))[:-1] if shell else []
    gives = re.compile(rf"^(def {item.name}\b|class {item.name}\b|{item.name}\s*(:.*)?=[^=])", re.M)
    written = [cell.strip() for cell in cells if gives.search(cell)]
    code = getattr(answer, "__code__", None)  # of a value nobody knows which cell gave it
    ran = "".join(linecache.getlines(code.co_filename)).strip() if code else ""
    return KEPT if ran in written and ran != written[-1] else ""


def found(identifier: str, value: float) -> None:
    """Say what a cell found beside what the learner had guessed; without a guess, say only what was found.

    Parameters
    ----------
    identifier : str
        The id of a prediction, "04.8".
    value : float
        The finding, in the item's unit.

    Raises
    ------
    CourseError
        `quiz.wrong-call` for items of other kinds, and as for `ask`.
    """
    item = item_of(identifier)
    if not isinstance(item, Prediction):
        raise CourseError(
            f"{identifier} is of kind {item.kind!r}, and only a prediction is compared with a finding.",
            code="quiz.wrong-call",
        )
    guess = progress.guess_of(item.id)
    if guess is None:
        unit = f" {item.unit}" if item.unit else ""
        said = f"The cell found {value:.3g}{unit}. You didn't note a guess for {item.label.split(' — ')[0]}."
        _say(
            Verdict(None, (said,)),
            item,
        )
        return
    verdict = compare(item, guess, float(value))
    progress.record(item.id, True, guess)  # a guess at what this machine will find is never wrong
    _say(verdict, item)


def _say(verdict: Verdict, item: Code | Model | Prediction, note: str = "") -> None:
    told = [part if part[-1:] in ".?!…" else f"{part}." for part in verdict.feedback]  # messages of errors have no end
    page = " ".join(map(inline, told))
    if isinstance(item, Prediction):
        page, told = f"{page}{explanation_html(item)}", [*told, item.explanation]
    elif verdict.right is None:
        first, *rest = map(inline, told)  # which says why it wasn't judged
        page = " ".join([f"<strong>{first}</strong>", *rest])
    elif verdict.right:
        page = verdict_html(True, page + explanation_html(item))
        told = [SIGNS[True][0], *told, item.explanation]
    else:
        page, told = verdict_html(False, f"{page} {where_html(item)}"), [SIGNS[False][0], *told]
        page += folded_hints(item)
    display({"text/html": f'<div role="status">{page}</div>{note}', "text/plain": " ".join(told)}, raw=True)
