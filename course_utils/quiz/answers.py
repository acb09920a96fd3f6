"""Judges an answer to an item: right or not, and what the learner is told. No torch, and nothing of a notebook."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from course_utils.quiz.items import Number, OneChoice, Order, Prediction, SeveralChoices, ShortText, plain

THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(?![\d.,])")
NUMBER = re.compile(r"(?P<number>[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?)\s*(?P<unit>.*)", re.I)
UNITS = {"%": {"%", "percent", "per cent"}}
UNITS["points"] = {"points", "point", "percentage points", "percentage point", *UNITS["%"]}  # as many write them
UNITS["×"] = {"×", "x", "times", "fold"}
LONGEST = 200  # characters of a written answer


@dataclass(frozen=True)
class Verdict:
    """What is said to an answer.

    Parameters
    ----------
    right : bool or None
        None when the answer can't be judged (nothing chosen, no number): that is no try.
    feedback : tuple of str
        What the learner is told, sentence by sentence.
    """

    right: bool | None
    feedback: tuple[str, ...]


def judge(
    item: OneChoice | SeveralChoices | Number | ShortText | Order, answer: object, shown: Sequence[int] | None = None
) -> Verdict:
    """Judge an answer.

    Parameters
    ----------
    item : OneChoice, SeveralChoices, Number, ShortText or Order
        The question.
    answer : object
        The set of the chosen options' indices for the choices, the list of the steps' indices for an order, what was
        typed for a number and a short text (a number may also be an int or a float).
    shown : sequence of int, optional
        The options' indices in the order in which a page shows them, lettered: what is said of several choices then
        goes by that order, and names each by its letter.
    """
    verdict = _judged(item, answer, shown)
    return Verdict(verdict.right, tuple(filter(None, verdict.feedback)))  # a graded item's author may leave them out


def _judged(
    item: OneChoice | SeveralChoices | Number | ShortText | Order, answer: object, shown: Sequence[int] | None
) -> Verdict:
    match item:
        case OneChoice():
            return _one(item, answer)
        case SeveralChoices():
            return _several(item, answer, shown)
        case Number():
            return _number(item, answer)
        case ShortText():
            return _text(item, answer)
        case Order():
            return _order(item, answer)


def _indices(answer: Any, parts: Sequence) -> list[int]:
    """The indices that an answer names; none when one of them isn't there: an answer noted before the item changed."""
    known = type(answer) in (list, tuple, set, frozenset)
    known = known and all(type(index) is int and 0 <= index < len(parts) for index in answer)
    return list(answer) if known else []


def _one(item: OneChoice, answer: object) -> Verdict:
    chosen = set(_indices(answer, item.options))
    if len(chosen) != 1:
        return Verdict(None, ("Choose one answer first.",))
    (index,) = chosen
    return Verdict(index in item.key, (item.options[index].feedback,))


def _several(item: SeveralChoices, answer: object, shown: Sequence[int] | None) -> Verdict:
    chosen = set(_indices(answer, item.options))
    if not chosen:
        return Verdict(None, ("Tick every answer that is true; at least one is.",))
    told = {
        index: f"**{letter}** — {item.options[index].feedback}" if shown else item.options[index].feedback
        for letter, index in zip(ascii_uppercase, shown or range(len(item.options)), strict=False)
    }
    if chosen == item.key:
        return Verdict(True, tuple(said for index, said in told.items() if index in chosen))
    wrong = tuple(said for index, said in told.items() if index in chosen - item.key)
    missed = len(item.key - chosen)
    more = (f"{missed} true answer{'s are' if missed > 1 else ' is'} still missing.",) if missed else ()
    return Verdict(False, wrong + more)


def _number(item: Number, answer: object) -> Verdict:
    value, trouble = read_number(answer, item.unit)
    if trouble:
        return Verdict(None, (trouble,))
    if abs(value - item.answer) <= item.tolerance + 1e-9 * abs(item.answer):  # or .1 + .2 would not be .3
        return Verdict(True, ())
    near = [
        mistake for mistake in item.mistakes if abs(value - mistake.answer) <= mistake.tolerance + 1e-9 * abs(value)
    ]
    if near:
        return Verdict(False, (near[0].feedback,))
    return Verdict(False, (f"{value:g}{_spaced(item.unit)} is too {'high' if value > item.answer else 'low'}.",))


def read_number(answer: Any, unit: str) -> tuple[float, str]:
    """Read a number from an int, a float, or a text with a point or a comma, with or without its unit.

    Returns
    -------
    tuple of float and str
        The value, and what is wrong with it or "".
    """
    asked = f"a number, like 12.5{f' or 12.5{_spaced(unit)}' if unit else ''}"
    if type(answer) in (int, float):  # exactly: a bool is no number here, and a subclass may lie when compared
        try:
            value = float(answer)
        except OverflowError:  # an int beyond what a float holds
            value = math.inf
    elif type(answer) is str:
        typed = answer.strip()[:LONGEST].replace("\N{MINUS SIGN}", "-")  # the minus sign of print
        if thousands := THOUSANDS.match(typed):
            plain_one, decimal = (thousands[0].replace(",", sign) for sign in ("", "."))
            return math.nan, f"Is that {plain_one} or {decimal}? Write it without a comma."
        match = NUMBER.fullmatch(typed)
        if not match:
            return math.nan, f"Write {asked}."
        named = match["unit"].strip().casefold()
        if named and named not in unit_names(unit):
            return (
                math.nan,
                f"The unit should be {unit}: write {asked}." if unit else f"No unit is needed: write {asked}.",
            )
        value = float(match["number"].replace(",", "."))
    else:
        return math.nan, f"That is no number but a {type(answer).__name__}: write {asked}."
    return (value, "") if math.isfinite(value) else (value, f"That is no finite number: write {asked}.")


def unit_names(unit: str) -> set[str]:
    """Give the ways to write an item's unit, in lower case."""
    return UNITS.get(unit, {unit.casefold(), unit.casefold().removesuffix("s")})


def _text(item: ShortText, answer: object) -> Verdict:
    if type(answer) is not str or not plain(answer):
        return Verdict(None, ("Write a word or two first.",))
    given = plain(answer[:LONGEST])
    if given in {plain(text) for text in item.accept}:
        return Verdict(True, ())
    for mistake in item.mistakes:
        if given in {plain(text) for text in mistake.answers}:
            return Verdict(False, (mistake.feedback,))
    return Verdict(False, ("That isn't it.",))


def _order(item: Order, answer: object) -> Verdict:
    order = _indices(answer, item.steps)
    if sorted(order) != list(range(len(item.steps))):
        return Verdict(None, (f"Name each of the {len(item.steps)} letters once.",))
    wrong = next((index for index, step in enumerate(order) if index != step), None)
    if wrong is None:
        return Verdict(True, ())
    fit = (
        f"The first {wrong} fit." if wrong > 1 else "The first one fits." if wrong else "The first one doesn't fit yet."
    )
    return Verdict(False, (fit, item.steps[order[wrong]].feedback))


def compare(item: Prediction, guess: float, found: float) -> Verdict:
    """Hold a guess beside what a cell found, by distance or by ratio; near is right, and neither costs anything."""
    said = f"You guessed {guess:g}{_spaced(item.unit)}; the cell found {found:.3g}{_spaced(item.unit)}."
    way = "high" if guess > found else "low"
    if item.factor is None:
        assert item.within is not None  # the item's own rule
        off = f"by {abs(guess - float(f'{found:.3g}')):.6g}"  # rounded like what is said of the finding
        near, how = abs(guess - found) <= item.within, "near"
    else:
        held = max(guess, item.low)  # a guess that was noted before `low` was raised
        ratio = max(held / found, found / held)
        near, how, off = (
            ratio <= item.factor,
            f"within a factor of {item.factor:g}",
            f"by a factor of {_rounded(ratio)}",
        )
    return Verdict(near, (said, f"That is {how}." if near else f"The guess was too {way} {off}."))


def _rounded(ratio: float) -> str:
    """A ratio as one says it: 1.7, 10, 2,000."""
    return f"{ratio:.2g}" if ratio < 10 else f"{float(f'{ratio:.2g}'):,.0f}"


def _spaced(unit: str) -> str:
    return unit if unit in ("", "%", "×") else f" {unit}"
