"""What isn't right as it stands and may be to a teacher who reads it: such an answer waits for a person.

Read from values that were decoded and from sources' text: nothing of a student's is run here.
"""

import ast
import difflib
import math
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np

from course_utils.grading.bank.items import GradedItem, GradedText, answer_name
from course_utils.grading.marking.comparing import NUMBERS, Rules, same
from course_utils.grading.marking.own_cells import MOST_CELLS, bound_by
from course_utils.grading.marking.reading import is_stub
from course_utils.grading.records import LONGEST_ANSWER, Cell
from course_utils.grading.sandbox.tables import Table
from course_utils.grading.sandbox.values import Parts
from course_utils.quiz.items import plain

MOST_WORDS = 12  # of a short answer in which an accepted one may stand
ALIKE = 0.85  # how much of a word is the same after a slip of the pen
ROUNDED = 0.01  # what rounding may cost, of the number
MOST_DIGITS = 6  # behind the point, of a number that was rounded
LONGEST_NUMBER = 40
NAME = re.compile(r"NameError: name '(\w{1,100})' is not defined")
NO_PYTHON = re.compile(r"(?:Syntax|Indentation|Tab)Error")
QUOTES = dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"') | dict.fromkeys("\u2018\u2019\u201a", "'")
PASTED = str.maketrans(QUOTES | {"\u00a0": " ", "\u200b": "", "\ufeff": ""})  # what word processors and web pages add
FENCE = re.compile(r"^\s*```\w*\s*$", re.M)


def near_words(item: GradedText, value: Any) -> bool:
    """Whether a short answer holds an accepted one among other words, or one with a slip of the pen."""
    if type(value) is not str or plain(value) in {plain(text) for one in item.mistakes for text in one.answers}:
        return False
    words = re.findall(r"\w+", value[:LONGEST_ANSWER].casefold())
    if len(words) > MOST_WORDS:
        return False
    given = f" {' '.join(words)} "
    for text in item.accept:
        known = " ".join(re.findall(r"\w+", text.casefold()))
        if known and (f" {known} " in given or _is_slip(given.strip(), known)):
            return True
    return False


def _is_slip(given: str, known: str) -> bool:
    return len(known) > 3 and difflib.SequenceMatcher(None, given, known).ratio() >= ALIKE


def near_results(pairs: Iterable[tuple[Any, Any]], rules: Rules) -> bool:
    """Whether each result is right but for its form: rounded, a number's text, or the one part of a sequence.

    pairs: (what is expected, what was given)
    """
    return not rules.exact and all(same(one, other, rules) or _is_near(one, other, rules) for one, other in pairs)


def _is_near(expected: Any, given: Any, rules: Rules) -> bool:
    if type(expected) is np.ndarray and not expected.shape:
        expected = expected.item()
    if type(expected) not in NUMBERS:
        return False
    given = _number_in(given)
    return same(expected, given, rules) or (type(given) is type(expected) is float and _is_rounded(expected, given))


def _number_in(value: Any) -> Any:
    """The one part of a sequence, or the number that a text is; anything else as it is."""
    if type(value) is Table and value.is_series:
        value = value.columns[0]
    if type(value) is Parts:
        value = value.parts
    if type(value) is np.ndarray and value.size == 1:
        return value.item()
    if type(value) in (list, tuple, set, frozenset) and len(value) == 1:
        (value,) = value
    if type(value) is str and len(value) <= LONGEST_NUMBER:
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _is_rounded(expected: float, given: float) -> bool:
    if not (math.isfinite(expected) and math.isfinite(given)):
        return False
    off = abs(expected - given)
    digits = next((n for n in range(2, MOST_DIGITS + 1) if round(given, n) == given), None)
    return digits is not None and off <= 0.51 * 10**-digits and off <= ROUNDED * abs(expected)


def why_not_run(item: GradedItem, cell: Cell | None, cells: Iterable[Cell], errors: Iterable[Any]) -> str:
    """Why a person should look at an answer whose code stopped with an error; "" when the error is its own.

    cells: all that the notebook runs; errors: what was said of its cell, of its name and of the student's own cells
    """
    said = [one for one in errors if type(one) is str]
    if not item.executed:
        return "What stands there may still answer it."
    if cell and any(NO_PYTHON.match(one) for one in said) and (why := _beside_the_slip(item, cell.source)):
        return why
    missing = {found[1] for one in said if (found := NAME.match(one))}
    named = (one.source for one in cells if any(name in one.source for name in missing))
    if any(missing & bound_by(source) for source in islice(named, MOST_CELLS)):
        return "It uses a name that another cell of the notebook makes: they were run in another order."
    return ""


def _beside_the_slip(item: GradedItem, source: str) -> str:
    """What is left of a cell that is no Python: an answer with pasted signs, or with a line too many."""
    if len(source) > LONGEST_ANSWER:
        return ""
    cleaned = FENCE.sub("", source.translate(PASTED))
    if cleaned != source and _answers(item, cleaned):
        return "Its cell holds signs that came along with pasting: a fence, other quotes or other spaces."
    lines = source.splitlines()
    line = _first_fault(source)
    if _answers(item, "\n".join(lines[: line - 1])) or _answers(item, "\n".join(lines[line:])):
        return "One line of its cell is no Python, and the others answer."
    return ""


def _first_fault(source: str) -> int:
    """The line, from 1, at which a source stops being Python."""
    try:
        ast.parse(source)
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, TypeError, MemoryError, RecursionError):
        pass
    return 1


def _answers(item: GradedItem, source: str) -> bool:
    try:
        ast.parse(source)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return answer_name(item) in bound_by(source) and not is_stub(item, source)
