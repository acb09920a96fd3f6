"""Reads course_utils/quizzes/*.yaml; what is wrong in a file is told with its line and the item's id."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from course_utils import lessons
from course_utils.errors import CourseError
from course_utils.quiz.items import AnyItem, Quiz

Places = dict[tuple, int]  # the line, from 1, of each part of a file: ("items", 0, "options", 1) and so on


FOLDER = Path(__file__).parents[1] / "quizzes"  # package data: in a clone as in an installation


@cache
def lesson_quiz(number: str) -> Quiz:
    """The quiz of a lesson by its number, "04". CourseError when it has none, or a faulty one."""
    if number not in numbers():
        raise CourseError(f"There is no quiz for lesson {number!r}: choose one of {', '.join(numbers())}.")
    file = FOLDER / f"{lessons.find_lesson(number).slug}.yaml"
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CourseError(f"{file.name}: byte {error.start} isn't UTF-8: save the file as UTF-8.") from None
    return read(text, file.name)


def numbers() -> list[str]:
    """The numbers of the lessons that have a quiz, in order."""
    return [lesson.number for lesson in lessons.LESSONS if (FOLDER / f"{lesson.slug}.yaml").is_file()]


def item(identifier: str) -> AnyItem:
    """The item with that id, "04.2". CourseError when there is none."""
    number, dot, _ = str(identifier).partition(".")
    if not dot:
        raise CourseError(f"An item is named by its lesson and its number, like '04.2': {identifier!r} isn't.")
    quiz = lesson_quiz(number)
    for one in quiz.items:
        if one.id == identifier:
            return one
    raise CourseError(
        f"Lesson {number} has no item {identifier!r}: choose one of {', '.join(i.id for i in quiz.items)}."
    )


def read(text: str, name: str, form: type[BaseModel] = Quiz) -> Any:
    """The quiz of that form that a file's text holds. CourseError names every fault with its line and item."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        raise CourseError(f"{where}: this isn't YAML ({getattr(error, 'problem', error)}): mend that line.") from None
    places: Places = {(): 1}
    twice = list(_walk(node, (), places)) if node else []
    if twice:
        raise CourseError(
            "\n".join(f"{name}:{line}: the name {key!r} comes twice here: keep one." for key, line in twice)
        )
    try:
        return form.model_validate(content)
    except ValidationError as error:
        raise CourseError("\n".join(_told(name, content, places, fault) for fault in error.errors())) from None


def headings(text: str) -> list[str]:
    """The headings of a lesson's text."""
    return re.findall(r"^# #+ (.+)$", text, re.M)


def line_of(quiz: Quiz, identifier: str) -> str:
    """ ":12 (item 04.2)", the place of an item in its file; nothing for the quiz as a whole."""
    if not identifier:
        return ""
    text = (FOLDER / f"{quiz.lesson}.yaml").read_text(encoding="utf-8")
    before = re.split(rf"""^- id: ["']?{re.escape(identifier)}\b""", text, maxsplit=1, flags=re.M)[0]
    return f":{before.count(chr(10)) + 1} (item {identifier})"


def _walk(node: yaml.Node, path: tuple, places: Places) -> Iterator[tuple[str, int]]:
    """Fill `places`; yield the names that a mapping has twice, which YAML itself would pass over."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            places[(*path, key.value)] = key.start_mark.line + 1
            if key.value in seen:
                yield key.value, key.start_mark.line + 1
            seen.add(key.value)
            yield from _walk(value, (*path, key.value), places)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            places[(*path, number)] = value.start_mark.line + 1
            yield from _walk(value, (*path, number), places)


def _told(name: str, content: Any, places: Places, fault: dict) -> str:
    """One fault in a sentence: file, line, item, what."""
    location = fault["loc"]
    path: tuple = ()
    for part in location:  # pydantic names the kind among the places, the file doesn't
        if (*path, part) in places:
            path = (*path, part)
    message = fault["msg"].removeprefix("Value error, ").rstrip(".")
    if fault["type"] == "missing":
        message = f"`{location[-1]}` is missing"
    elif fault["type"] == "union_tag_not_found":
        message = "`kind` is missing"
    elif fault["type"] == "union_tag_invalid":
        path = (*path, "kind")
        message = f"`kind` is {fault['ctx']['tag']!r}: give one of {fault['ctx']['expected_tags']}"
    elif path and isinstance(path[-1], str):
        message = f"`{path[-1]}`: {message}"
    return f"{name}:{places[path]}{_whose(content, path)}: {message}."


def _whose(content: Any, path: tuple) -> str:
    if path[:1] != ("items",) or len(path) < 2:
        return ""
    one = content["items"][path[1]]
    return f" (item {one['id']})" if isinstance(one, dict) and "id" in one else f" (item number {path[1] + 1})"
