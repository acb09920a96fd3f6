"""The form of a lesson: title, setup cell, outline, practice, closing sections.

A rule takes a Page and yields (cell number, message). The form itself is written down in `checking`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from mdit_py_plugins.anchors import anchors_plugin

from course_utils.errors import CourseError
from course_utils.quiz.items import Code, Model, Prediction
from course_utils.quiz.reading import lesson_quiz
from tools.lessons.exercises import calls
from tools.lessons.frame import COLAB
from tools.lessons.page import Cell, Page
from tools.links import SETUP_CELL

Found = Iterator[tuple[int, str]]

CODE_LINES = 8
EXERCISES = 2
CLOSING = ["Exercises", "What would break this", "Recap", "Quiz", "Further reading"]
TAGS = {"exercise", "blank", "check", "result", "recorded", "raises-exception"}
TAGS |= {"opening", "closing"}  # the build's
SETUP = re.compile(
    re.escape(SETUP_CELL.strip())
    .replace(re.escape("{packages}"), r"[\w -]*git\+https://[^\s\"]+")
    .replace(re.escape("{name}"), r"(?P<name>\w+)")
)


def title(page: Page) -> Found:
    """The one h1 opens the lesson, begins with its number and asks its question."""
    found = [(cell.number, text) for cell in page.cells for level, text in cell.headings if level == 1]
    if [number for number, _ in found] != [0]:
        yield 0, f"a lesson has one h1, in its first cell; there are {len(found)}"
    for number, text in found:
        if not re.fullmatch(rf"{page.number} · .+\?", text):
            yield number, f"the title should read '# {page.number} · …?' and ask the lesson's question"


def outline(page: Page) -> Found:
    """Headings go down one level at a time and none comes twice."""
    last, seen = 0, set()
    for cell in page.cells:
        for level, text in cell.headings:
            if level > last + 1:
                yield cell.number, f"h{level} '{text}' follows an h{last}: no level may be skipped"
            if text in seen:
                yield cell.number, f"the heading '{text}' comes twice: give each its own words"
            last = level
            seen.add(text)


def setup_cell(page: Page) -> Found:
    """The first code cell is the setup cell with the lesson's own name."""
    if not page.code:
        yield 0, "there is no code cell"
        return
    first = page.code[0]
    match = SETUP.fullmatch(first.source)
    if not match:
        yield first.number, "the first code cell must be the setup cell: `python -m tools links` writes it"
    elif match["name"] != page.name:
        yield first.number, f"the setup cell names {match['name']!r}; it should name {page.name!r}"


def code_length(page: Page) -> Found:
    """Code cells fit in one look."""
    for cell in page.code:
        lines = sum(bool(line.strip()) for line in cell.source.splitlines())
        if lines > CODE_LINES:
            yield cell.number, f"{lines} lines of code: at most {CODE_LINES}; split the cell, one question each"


def known_tags(page: Page) -> Found:
    """A misspelt tag would switch its rules off."""
    for cell in page.cells:
        for tag in sorted({tag.partition(":")[0] for tag in cell.tags} - TAGS):
            yield cell.number, f"unknown tag {tag!r}: use one of {', '.join(sorted(TAGS))}"


def practice(page: Page) -> Found:
    """Each item of the lesson's quiz is asked once, in a cell of its own; the first before the result."""
    try:
        items = {item.id: item for item in lesson_quiz(page.number).items}
    except CourseError as error:
        yield 0, str(error)
        return
    asked = Counter(identifier for _, _, identifier in page.practice)
    for identifier in items:
        if asked[identifier] != 1:
            yield 0, f"item {identifier} of the quiz is asked {asked[identifier]} times: once is right"
    for cell, function, identifier in page.practice:
        if identifier not in items:
            yield cell.number, f"{function}({identifier!r}) asks for an item that the quiz doesn't have"
        elif (due := _function(items[identifier])) != function:
            yield cell.number, f"item {identifier} is of kind {items[identifier].kind!r}: show it with {due}"
        if function != "check" and not _alone(cell):
            yield cell.number, f"{function}({identifier!r}) should end a cell with nothing else but imports"
    result = page.tagged("result")
    if page.questions and result and page.questions[0].number > result[0].number:
        yield page.questions[0].number, "predict first: a question must stand before the cell tagged result"
    yield from _findings(page)


def _function(item) -> str:
    return "check" if isinstance(item, (Code, Model)) else "predict" if isinstance(item, Prediction) else "ask"


def _alone(cell: Cell) -> bool:
    lines = [line for line in cell.source.splitlines() if line.strip() and not re.match(r"(from|import) ", line)]
    return len(lines) == 1


def _findings(page: Page) -> Found:
    """Each guess is compared later with what a cell found."""
    told = {
        getattr(call.args[0], "value", ""): cell.number for cell in page.code for call in calls(cell.source, "found")
    }
    for cell, function, identifier in page.practice:
        if function == "predict" and told.get(identifier, -1) < cell.number:
            yield cell.number, f"no later cell calls found({identifier!r}, …) to compare the guess"


def exercises(page: Page) -> Found:
    """Two exercises: the task, its blank, and a check."""
    tasks = page.tagged("exercise")
    if len(tasks) != EXERCISES:
        yield 0, f"{len(tasks)} exercises: there should be {EXERCISES}"
    for letter, cell in zip("AB", tasks, strict=False):
        label = f"Exercise {page.number}.{letter}"
        if not _labelled(cell, label):
            yield cell.number, f"the cell should begin '### {label} — topic' and have no other heading"
        following = [after.tags for after in page.cells[cell.number + 1 : cell.number + 3]]
        if ["blank" in tags for tags in following[:1]] + ["check" in tags for tags in following[1:]] != [True, True]:
            yield cell.number, "after an exercise come its cell tagged solution and its cell tagged check"
    for tag in ("blank", "check"):
        if len(page.tagged(tag)) > len(tasks):
            yield page.tagged(tag)[-1].number, f"there are more cells tagged {tag} than exercises"
    for letter, cell in zip("AB", page.tagged("check"), strict=False):
        if [identifier for one, _, identifier in page.practice if one is cell] != [f"{page.number}.{letter}"]:
            yield cell.number, f"the check should call check('{page.number}.{letter}', …)"


def _labelled(cell: Cell, label: str) -> bool:
    level_and_text = cell.headings[0] if len(cell.headings) == 1 else (0, "")
    return level_and_text[0] == 3 and bool(re.fullmatch(rf"{re.escape(label)} — \S.*", level_and_text[1]))


def result(page: Page) -> Found:
    """One cell carries the lesson's result, and something is shown by the third code cell."""
    tagged = page.tagged("result")
    if len(tagged) != 1 or not tagged[0].is_code:
        yield 0, f"{len(tagged)} cells are tagged result: one code cell must show the lesson's result"
    elif not any(calls(tagged[0].source, "show_result")):
        yield tagged[0].number, "the cell tagged result must end in show_result(…), the lesson's result in a sentence"
    shown = [cell for cell in page.code if cell not in page.questions]
    if not any(cell.outputs for cell in shown[1:3]):
        yield 0, "a result at once: code cell 2 or 3 should show something"


def closing(page: Page) -> Found:
    """The closing sections, in order; a recap of five lines; further reading with links."""
    sections = page.sections()
    last = list(sections)[-len(CLOSING) :]
    if last != CLOSING:
        yield 0, f"the last h2 sections should be {', '.join(CLOSING)}; they are {', '.join(last)}"
        return
    recap, quiz, reading = sections["Recap"], sections["Quiz"], sections["Further reading"]
    lines = sum(token.type == "list_item_open" for cell in recap for token in cell.tokens)
    if lines != 5:
        yield recap[0].number, f"the recap is a list of five lines; it has {lines}"
    if not any(calls(quiz[-1].source, "summary")):
        yield quiz[-1].number, f"the quiz should end with summary('{page.number}')"
    if sum(len(cell.links) for cell in reading if cell.is_prose) < 2:
        yield reading[0].number, "further reading should have at least two links"
    for cell in page.tagged("exercise"):
        if cell not in sections["Exercises"]:
            yield cell.number, "an exercise stands in the section Exercises"


def links(page: Page, folder: Path) -> Found:
    """What a link or image of the course's own names is there, down to the heading."""
    badge = COLAB.search(page.cells[0].source) if page.cells else None
    own = re.escape(f"https://github.com/{badge['slug']}/blob/main/") if badge else ""
    for cell in page.cells:
        for address in cell.links + [source for _, source in cell.images]:
            address = re.sub(rf"^{own}", "../", address) if own else address
            target, _, anchor = address.partition("#")
            if not target or re.match(r"[a-z]+:", target):
                continue
            if not (folder / target).exists():
                yield cell.number, f"{target} isn't there"
            elif target.endswith(".md") and anchor and anchor not in _anchors(folder / target):
                yield cell.number, f"{target} has no heading {anchor}"


@cache
def _anchors(document: Path) -> set[str]:
    tokens = MarkdownIt().use(anchors_plugin, max_level=6).parse(document.read_text(encoding="utf-8"))
    return {str(token.attrs["id"]) for token in tokens if token.type == "heading_open"}


def sections_to_reread(page: Page) -> Found:
    """A question that can be wrong leads back to a section above it, or says that its answer comes below."""
    sections = page.sections()
    for cell, item in page.shown_items:
        if isinstance(item, Prediction) or item.section not in sections:  # the quiz's own check tells of a lost section
            continue
        first, last = (sections[item.section][place].number for place in (0, -1))
        if first > cell.number and not item.below:
            yield cell.number, f"the section of {item.id}, '{item.section}', comes below it: add `below: true`"
        if last < cell.number and item.below:
            yield cell.number, f"the section of {item.id}, '{item.section}', comes above it: take out `below: true`"


RULES = (title, outline, setup_cell, code_length, known_tags, practice, sections_to_reread, exercises, result, closing)
