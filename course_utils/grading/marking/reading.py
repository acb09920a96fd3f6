"""Reads an answer as a person would: letters in any form that says one thing, numbers of any type, a cell's source."""

import ast
import re
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from course_utils.grading.bank.items import GradedItem, Lettered, answer_name
from course_utils.grading.records import LONGEST_ANSWER
from course_utils.quiz.items import OneChoice, Order, plain

BETWEEN = re.compile(r"[\s,;.()\[\]{}'\"/&+<>→]+|\band\b|\bund\b|\bthen\b|->|^\s*[-*•]\s", re.I | re.M)
# "B — Adam", "B) Adam", "(B) Adam", "B: Adam"
LED = re.compile(r"\s*[(\[]?([A-Za-z])(?:\s*[)\].:—–]+|\s+[-=]+)\s*(\w\w.*)", re.S)
LONGEST = 500  # characters of a written choice


def positions_of(item: Lettered, value: Any, order: Sequence[int]) -> list[int]:
    """The positions in the author's order of what an answer names by letters; empty where it can't be told.

    order: the author's positions in the order that the student saw
    """
    letters = _letters(value, len(order)) or _by_text(item, value, order)
    if isinstance(item, OneChoice):
        if not letters and type(value) is str:
            letters = _led(value[:LONGEST], [item.options[n].text for n in order])
        if len(letters) != 1:
            return []
    return [order[ascii_uppercase.index(letter)] for letter in letters]


def _letters(value: Any, many: int) -> list[str]:
    """The letters that a text, or a list or set of texts, is made of, each once; empty when it holds anything else."""
    if type(value) in (list, tuple, set, frozenset):
        value = " ".join(value) if all(type(one) is str for one in value) else None
    if type(value) is not str or len(value) > LONGEST:
        return []
    letters = list(BETWEEN.sub("", value).upper())
    known = all(letter in ascii_uppercase[:many] for letter in letters)
    return letters if known and len(set(letters)) == len(letters) else []


def _by_text(item: Lettered, value: Any, order: Sequence[int]) -> list[str]:
    """The letters of the options or steps that an answer names by their whole text, alone or in a list."""
    texts = value if type(value) in (list, tuple, set, frozenset) else [value]
    shown = [plain(part.text) for part in (item.steps if isinstance(item, Order) else item.options)]
    given = [plain(text[:LONGEST]) for text in texts if type(text) is str and text.strip()]
    if len(given) != len(texts) or len(set(given)) != len(given) or any(shown.count(text) != 1 for text in given):
        return []
    return [ascii_uppercase[order.index(shown.index(text))] for text in given]


def _led(text: str, shown: Sequence[str]) -> list[str]:
    """The letter that a text begins with, when its other words don't name another option."""
    found = LED.fullmatch(text)
    if not found or (letter := found[1].upper()) not in ascii_uppercase[: len(shown)]:
        return []
    words, known = plain(found[2]), [plain(option) for option in shown]
    named = [n for n, option in enumerate(known) if option and (option in words or words in option)]
    return [letter] if not named or ascii_uppercase.index(letter) in named else []


def reads_as_letters(value: Any, many: int, alone: bool) -> bool:
    """Whether an answer names letters of the first `many`; alone: exactly one, which its option's text may follow."""
    letters = _letters(value, many)
    if alone and not letters and type(value) is str:
        letters = _led(value[:LONGEST], [""] * many)
    return len(letters) == 1 if alone else bool(letters)


def number_of(value: Any) -> Any:
    """A number of any type as Python's own, also the only one of a sequence; whatever else it is as it was."""
    if type(value) in (list, tuple, set, frozenset) and len(value) == 1:
        (value,) = value
    if hasattr(value, "item") and all(many == 1 for many in getattr(value, "shape", (2,))):
        value = value.item()
    return value.real if type(value) is complex and value.imag == 0 else value


def bare_letters(item: GradedItem, source: str) -> str:
    """The letters of an answer that was written without quotes, `answer = B`; "" when it is no such one."""
    value = _assigned(item, source)
    names = value.elts if isinstance(value, (ast.Tuple, ast.List, ast.Set)) else [value]
    found = [name.id for name in names if isinstance(name, ast.Name) and len(name.id) == 1]
    return " ".join(found) if len(found) == len(names) else ""


def is_stub(item: GradedItem, source: str) -> bool:
    """Whether a cell's function has no body yet but `...`, `pass`, a text or a NotImplementedError."""
    body = next((node.body for node in _nodes(source) if getattr(node, "name", "") == answer_name(item)), None)
    return body is not None and all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Raise) and "NotImplementedError" in ast.dump(node))
        for node in body
    )


def written(item: GradedItem, source: str) -> str:
    """What a student wrote into an answer cell: the value where it is a plain one, else the source.

    Taken from the text alone: nothing that a worker sends is shown to anybody. A long one isn't parsed.
    """
    if item.executed or item.in_words or (value := _assigned(item, source)) is None:
        return source
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return source


def _nodes(source: str) -> list[Any]:
    """A cell's statements; none of a long one, since parsing megabytes takes gigabytes."""
    try:
        return ast.parse(source).body if len(source) <= LONGEST_ANSWER else []
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return []


def _assigned(item: GradedItem, source: str) -> ast.expr | None:
    """What a cell binds to the answer's name at last."""
    name = answer_name(item)
    found = [
        node.value for node in _nodes(source) if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    ]
    return found[-1] if found else None
