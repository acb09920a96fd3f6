"""What a lesson's prose may be: short, and true to the lesson's own structure and figures.

Honest limits: a figure in prose counts as computed when any number in the lesson's text outputs or code rounds to it,
so a wrong figure can pass by chance; whole numbers without a unit are compared only where they count questions,
exercises or following cells.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from statistics import mean

from course_utils.errors import CourseError
from course_utils.quiz.items import Number, OneChoice, Prediction, SeveralChoices, ShortText, plain
from course_utils.quiz.reading import lesson_quiz
from tools.lessons.form import CLOSING, Found
from tools.lessons.page import Cell, Page, Paragraph

CELL_WORDS, MEAN_WORDS, STRETCH_WORDS, TASK_WORDS = 60, 40, 90, 110
COUNTS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
COUNT = rf"(?P<count>\d+|{'|'.join(COUNTS)})"
CLAIM = re.compile(
    r"(?<![\w.])(?P<value>\d+(?:\.\d+)?)(?P<unit>\s?%|[ -](?:percent|per cent|(?:percentage )?points?)\b)?(?![\w]|\.\d)"
)
NO_CLAIM = re.compile(r"(?:Question|Exercise) \d\d\.\w+|\d+% (?:confidence )?intervals?")  # a label, a convention
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?", re.I)


def length(page: Page) -> Found:
    """Each prose cell is short, and so are all of them together between two code cells."""
    closing = {cell.number for name, cells in page.sections().items() if name in CLOSING[1:] for cell in cells}
    body = []
    for cell in page.cells:
        limit = CELL_WORDS if cell.is_prose and cell.number not in closing else TASK_WORDS
        if cell.words > limit:
            yield cell.number, f"{cell.words} words: at most {limit} in this cell"
        if cell.is_prose and cell.words and cell.number not in closing:
            body.append(cell)
    if body and mean(cell.words for cell in body) > MEAN_WORDS:
        average = mean(cell.words for cell in body)
        yield body[0].number, f"prose cells have {average:.0f} words on average: at most {MEAN_WORDS}"
    for start, words in _stretches(page, {cell.number for cell in body}):
        if words > STRETCH_WORDS:
            yield start, f"{words} words of prose before the next code cell: at most {STRETCH_WORDS}"


def _stretches(page: Page, counted: set[int]) -> Iterator[tuple[int, int]]:
    """(first cell, words) of the prose between two code cells."""
    start, words = 0, 0
    for cell in page.cells:
        if cell.is_code:
            yield start, words
            start, words = cell.number + 1, 0
        elif cell.number in counted:
            words += cell.words
    yield start, words


def counts(page: Page) -> Found:
    """'three exercises', '4 questions', 'the next two cells' agree with the lesson."""
    actual = {"question": len(page.questions), "exercise": len(page.tagged("exercise"))}
    for cell in page.cells:
        text = " ".join(part.text for part in cell.paragraphs).lower()
        for match in re.finditer(rf"\b{COUNT} (?:practice )?(?P<thing>question|exercise)s\b", text):
            if _value(match["count"]) != actual[match["thing"]]:
                yield cell.number, f"'{match[0]}', but the lesson has {actual[match['thing']]}"
        for match in re.finditer(rf"\bnext {COUNT} (?:code )?cells\b", text):
            following = _code_cells_until_heading(page, cell)
            if _value(match["count"]) != following:
                yield cell.number, f"'{match[0]}', but {following} come before the next heading"


def _value(count: str) -> int:
    return int(count) if count.isdigit() else COUNTS.index(count) + 2


def _code_cells_until_heading(page: Page, cell: Cell) -> int:
    following = 0
    for after in page.cells[cell.number + 1 :]:
        if after.headings:
            break
        following += after.is_code and after not in page.questions
    return following


def answers(page: Page) -> Found:
    """The answer to a question isn't told right above it: by the prose, or by the output of the last code cell."""
    for cell, item in page.shown_items:
        above = list(_right_above(page, cell))
        if isinstance(item, Number):
            told = [float(number) for text in above for number in NUMBER.findall(text)]
            if item.answer in told and abs(item.answer) > 2:  # a small count stands everywhere
                yield cell.number, f"the answer to {item.id}, {item.answer:g}, stands right above it"
        elif isinstance(item, ShortText):
            words = next((text for text in item.accept if plain(text) in plain(item.explanation)), item.accept[0])
            word = re.compile(rf"\b{re.escape(plain(words))}\b")
            if not word.search(plain(item.stem)) and any(word.search(plain(text)) for text in above):
                yield cell.number, f"the answer to {item.id}, '{words}', stands right above it"


def _right_above(page: Page, question: Cell) -> Iterator[str]:
    """The prose before a question back to the last code cell that isn't one, and what that cell printed."""
    for cell in reversed(page.cells[: question.number]):
        if cell.is_code and cell not in page.questions:
            yield from cell.texts()
            return
        yield from (part.text for part in cell.paragraphs)


def figures(page: Page) -> Found:
    """A decimal or a percentage in prose is computed in the lesson, or its paragraph cites a source."""
    asking = {cell.number for cell, _, _ in page.practice}  # what an item says itself proves nothing
    texts = [text for cell in page.code if cell.number not in asking for text in (cell.source, *cell.texts())]
    known = [float(number) for text in texts for number in NUMBER.findall(text)]
    for number, part in _claiming(page):
        for match in CLAIM.finditer(NO_CLAIM.sub("", part.text)):
            if ("." in match["value"] or match["unit"]) and not part.cited and not _computed(match, known):
                yield number, f"'{match[0]}' is in no output of this lesson, and its paragraph has no source"


def _claiming(page: Page) -> Iterator[tuple[int, Paragraph]]:
    """(cell, paragraph) whose figures must be true: the prose, and what measured questions tell."""
    yield from ((cell.number, part) for cell in page.cells for part in cell.paragraphs)
    with suppress(CourseError):  # another rule names a faulty quiz
        items = {item.id: item for item in lesson_quiz(page.number).items}
        for cell, _, identifier in page.practice:
            item = items.get(identifier)
            if isinstance(item, (OneChoice, SeveralChoices, Prediction)):
                told = [option.feedback for option in getattr(item, "options", [])]
                yield from (
                    (cell.number, Paragraph(text, item.source != "measured")) for text in [item.explanation, *told]
                )


def _computed(claim: re.Match, known: list[float]) -> bool:
    value = float(claim["value"])
    half_a_digit = 0.5 * 10.0 ** -len(claim["value"].partition(".")[2]) + 1e-9
    scales = (1, 100) if claim["unit"] else (1,)
    return any(abs(scale * number - value) <= half_a_digit for scale in scales for number in known)


RULES = (length, counts, answers, figures)
