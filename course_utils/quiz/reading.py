"""Reads course_utils/quizzes/**/*.yaml; what is wrong in a file is told with its line and the item's id."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from course_utils import lessons
from course_utils.errors import CourseError
from course_utils.quiz.faults import fields_at, of_field, of_yaml
from course_utils.quiz.items import AnyItem, Quiz

Lines = dict[tuple, int]  # the line, from 1, of each part of a file: ("items", 0, "options", 1) and so on


FOLDER = Path(__file__).parents[1] / "quizzes"  # package data: in a clone as in an installation


@cache
def lesson_quiz(number: str) -> Quiz:
    """Read the quiz of a lesson.

    Parameters
    ----------
    number : str
        The lesson's number, "04".

    Raises
    ------
    CourseError
        `quiz.unknown-lesson`, `quiz.encoding`, or those of `read`.
    """
    if number not in numbers():
        raise CourseError(
            f"There is no quiz for lesson {number!r}: choose one of {', '.join(numbers())}.", code="quiz.unknown-lesson"
        )
    file = _file(lessons.find_lesson(number).slug)
    assert file is not None  # numbers() found it
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CourseError(
            f"{file.name}: byte {error.start} isn't UTF-8: save the file as UTF-8.", code="quiz.encoding"
        ) from None
    return read(text, file.name)


def numbers() -> list[str]:
    """List the numbers of the lessons that have a quiz, in order."""
    return [lesson.number for lesson in lessons.LESSONS if _file(lesson.slug)]


def _file(slug: str) -> Path | None:
    """Find a quiz's file: those of Part I lie in FOLDER, those of later parts in a sub-folder of their part."""
    return next(FOLDER.rglob(f"{slug}.yaml"), None)


def item(identifier: str) -> AnyItem:
    """Find an item by its id, "04.2".

    Raises
    ------
    CourseError
        `quiz.item-name`, `quiz.unknown-lesson` or `quiz.unknown-item`.
    """
    number, dot, _ = str(identifier).partition(".")
    if not dot:
        raise CourseError(
            f"An item is named by its lesson and its number, like '04.2': {identifier!r} isn't.", code="quiz.item-name"
        )
    quiz = lesson_quiz(number)
    for one in quiz.items:
        if one.id == identifier:
            return one
    raise CourseError(
        f"Lesson {number} has no item {identifier!r}: choose one of {', '.join(i.id for i in quiz.items)}.",
        code="quiz.unknown-item",
    )


def read(text: str, name: str, form: type[BaseModel] = Quiz) -> Any:
    """Read a quiz from the text of its file.

    Parameters
    ----------
    text : str
        YAML.
    name : str
        The file's name, for the messages.
    form : type
        What the text should hold: practice items, or the graded ones of `course_utils.grading`.

    Raises
    ------
    CourseError
        `quiz.not-yaml`, `quiz.repeated-key`, or `quiz.faulty-items`, which names every fault with its line and item.
    """
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        problem = str(getattr(error, "problem", None) or error)
        todo = of_yaml(problem, str(getattr(error, "context", "")))
        raise CourseError(f"{where}: this isn't YAML ({problem}): {todo}.", code="quiz.not-yaml") from None
    lines: Lines = {(): 1}
    twice = list(_walk(node, (), lines)) if node else []
    if twice:
        raise CourseError(
            "\n".join(f"{name}:{line}: the name {key!r} comes twice here: keep one." for key, line in twice),
            code="quiz.repeated-key",
        )
    try:
        return form.model_validate(content)
    except ValidationError as error:
        faults = _without_twins(error.errors(), form)
        raise CourseError(
            "\n".join(_told(name, text, content, lines, fault, form) for fault in faults), code="quiz.faulty-items"
        ) from None


def sections(text: str) -> dict[str, str]:
    """Map each heading of a lesson's text to what stands below it, as far as the next heading of its level or above."""
    found = list(re.finditer(r"^# (#+) (.+)$", text, re.M))
    ends = [next((n.start() for n in found[i + 1 :] if len(n[1]) <= len(m[1])), None) for i, m in enumerate(found)]
    return {heading[2]: text[heading.end() : end] for heading, end in zip(found, ends, strict=True)}


def line_of(quiz: Quiz, identifier: str) -> str:
    """Tell where an item stands in its file, as ":12 (item 04.2)"; nothing for the quiz as a whole."""
    if not identifier:
        return ""
    file = _file(quiz.lesson)
    assert file is not None
    text = file.read_text(encoding="utf-8")
    before = re.split(rf"""^- id: ["']?{re.escape(identifier)}\b""", text, maxsplit=1, flags=re.M)[0]
    return f":{before.count(chr(10)) + 1} (item {identifier})"


def _walk(node: yaml.Node, path: tuple, lines: Lines) -> Iterator[tuple[str, int]]:
    """Fill `lines`; yield the names that a mapping has twice, which YAML itself would pass over."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            lines[(*path, key.value)] = key.start_mark.line + 1
            if key.value in seen:
                yield key.value, key.start_mark.line + 1
            seen.add(key.value)
            yield from _walk(value, (*path, key.value), lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            lines[(*path, number)] = value.start_mark.line + 1
            yield from _walk(value, (*path, number), lines)


def _without_twins(faults: list[Any], form: type[BaseModel]) -> list[Any]:
    """The faults without the missing fields that stand there misspelt."""
    misspelt = [fault["loc"] for fault in faults if fault["type"] == "extra_forbidden"]
    meant = {
        (*place[:-1], near[0])
        for place in misspelt
        if (near := get_close_matches(str(place[-1]), fields_at(form, place[:-1]), n=1))
    }
    return [fault for fault in faults if fault["type"] != "missing" or fault["loc"] not in meant]


def _told(name: str, text: str, content: Any, lines: Lines, fault: Mapping[str, Any], form: type[BaseModel]) -> str:
    """One fault in a sentence: file, line, item, what."""
    path: tuple = ()
    for part in fault["loc"]:  # pydantic names the kind among the parts, the file doesn't
        if (*path, part) in lines:
            path = (*path, part)
    if fault["type"] == "union_tag_invalid":
        path = (*path, "kind")
    line = lines[path]
    if fault["type"] == "no_python" and re.search(r"[|>][-+\d]*\s*$", text.splitlines()[line - 1]):
        line += fault["ctx"]["line"]  # the code stands below the field's name
    said = of_field(fault, form)
    return f"{name}:{line}{_whose(content, path)}: {said}{'' if said.endswith('?') else '.'}"


def _whose(content: Any, path: tuple) -> str:
    if path[:1] != ("items",) or len(path) < 2:
        return ""
    one = content["items"][path[1]]
    return f" (item {one['id']})" if isinstance(one, dict) and "id" in one else f" (item number {path[1] + 1})"
