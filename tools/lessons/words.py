"""The field's standard words in a lesson's prose and questions: what it shouldn't say, and what it should say instead.

A rule sees words, not meanings, so each pattern names the contexts in which its word is the right one.
"""

import re
from collections.abc import Iterator

from tools.lessons.form import Found
from tools.lessons.page import Page

OTHER_RATES = (
    "learning error frame sampling sample dropout drop decay success true false positive negative hit base click "
    "exchange hourly one each any interest heart"
)
_NO_RATE = "".join(rf"(?<!\b{word} )(?<!\b{word}-)" for word in OTHER_RATES.split())

# What not to say, as a pattern, and what to say.
STANDARD = {
    r"pictures?": "image or photo",
    r"thaw(?:s|ed|ing)?": "unfreeze",
    r"h[eo]ld(?:s|ing)? still": "freeze",
    r"dice": "random generator, or seed",
    rf"{_NO_RATE}rates?": "learning rate, or which rate it is",
    r"(?:training|validation|test)(?:[ -]| pool| images'? )(?:part|pool)s?": "training set, validation set or test set",
    r"spreads?(?! over| across| out)": "standard deviation, or interval",
    r"labels of each": "labelled examples per class",
    r"gr[ae]y(?:-? ?value| images?| photos?)s?": "greyscale",
    r"look(?:s|ed|ing)? at the (?:images|photos) (?:once|again|twice)": "step, epoch or batch",
    r"fields?(?= of (?:the|a) (?:table|grid|row))": "cell, column or key",
}
READ = {"topic", "stem", "section", "hints", "explanation", "text", "feedback", "cue", "alt"}  # an item's fields
PATTERNS = {re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE): instead for pattern, instead in STANDARD.items()}


def standard_words(page: Page) -> Found:
    """The prose and the questions use the words that a learner can search for."""
    for number, text in _texts(page):
        for pattern, instead in PATTERNS.items():
            for match in pattern.finditer(text):
                yield number, f"'{match[0]}': say {instead}"


def _texts(page: Page) -> Iterator[tuple[int, str]]:
    """(cell, text) of the headings and the prose, and of what each question says."""
    for cell in page.cells:
        yield from ((cell.number, text) for _, text in cell.headings)
        yield from ((cell.number, part.text) for part in cell.paragraphs)
    for cell, item in page.shown_items:
        yield from ((cell.number, text) for text in _said(item.model_dump()))


def _said(part: object, read: bool = False) -> Iterator[str]:
    """Every text of an item that a learner reads: no code, and no accepted answers, which may be in other words."""
    if isinstance(part, str) and read:
        yield part
    elif isinstance(part, dict):
        for name, value in part.items():
            yield from _said(value, read=name in READ)
    elif isinstance(part, list):
        for value in part:
            yield from _said(value, read)


RULES = (standard_words,)
