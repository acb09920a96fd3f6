"""Reads what an answer cell bound, as a person would: letters in any form that says one thing, numbers of any type."""

import re
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from course_utils.grading.bank.items import Lettered
from course_utils.quiz.items import OneChoice, plain

BETWEEN = re.compile(r"[\s,;.()\[\]{}'\"/&+<>→]+|\band\b|\bund\b|->", re.I)
# "B — Adam", "B) Adam", "(B) Adam", "B: Adam"
LED = re.compile(r"\s*[(\[]?([A-Za-z])(?:\s*[)\].:—–]+|\s+[-=]+)\s*(\w\w.*)", re.S)
LONGEST = 500  # characters of a written choice


def positions_of(item: Lettered, value: Any, order: Sequence[int]) -> list[int]:
    """The positions in the author's order of what an answer names by letters; empty where it can't be told.

    order: the author's positions in the order that the student saw
    """
    letters = _letters(value, len(order))
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
    """A number of any type as Python's own; whatever else it is as it was."""
    if hasattr(value, "item") and not getattr(value, "shape", (1,)):
        value = value.item()
    return value.real if type(value) is complex and value.imag == 0 else value
