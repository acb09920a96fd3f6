"""Hands an assignment out: its notebook for everybody or one for each student, and a manifest; no key is in them."""

import base64
import hashlib
import json
import os
import textwrap
from functools import lru_cache
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment, Version
from course_utils.grading.bank.items import GradedItem, GradedQuiz
from course_utils.grading.release.handout import Given, given
from course_utils.grading.release.manifest import older, proves, release_id, shared
from course_utils.grading.release.roster import checked
from course_utils.quiz import reading
from course_utils.quiz.text import TYPES


def release(
    quiz: GradedQuiz,
    out: Path,
    course_key: bytes = b"",
    roster: list[str] | None = None,
    figures: Path = reading.FOLDER,
) -> list[Path]:
    """Write the notebook, out/NN_slug.ipynb, or with a roster each student's, out/STUDENT/NN_slug.ipynb; tell where.

    The same input gives the same bytes. out/NN_slug.manifest.json says what was handed out; a later release to more
    students adds to it. figures: the folder of the items' images.
    A notebook that an earlier version handed out, in other words around the questions, stays as it is.
    CourseError when a roster is needed, when an id can't name a folder, when a file is there that differs: it may be
    somebody's work.
    """
    students: list[str | None] = [None] if roster is None else list(checked(roster))
    assignment = Assignment(quiz, course_key, personal=roster is not None)
    files = {student: out / (student or "") / f"{quiz.lesson}.ipynb" for student in students}
    pictures = {item.id: _picture(item, figures) for item in quiz.items if item.figure}

    def made(student: str | None) -> tuple[bytes, str]:
        return _made(assignment.for_student(student), pictures)

    manifest = out / f"{quiz.lesson}.manifest.json"
    common = shared(assignment.for_student(students[0]))
    notes = older(manifest, common)
    made_before = set()
    for student, file in files.items():
        if not file.exists() or (there := file.read_bytes()) == made(student)[0]:
            continue
        note = notes.get(file.relative_to(out).as_posix(), {})
        as_noted = note.get("sha256") == hashlib.sha256(there).hexdigest()
        if not as_noted or not proves(assignment.for_student(student), note.get("release", "")):
            raise CourseError(
                f"{file} is there and differs from what would be handed out: name another folder.",
                code="grading.already-released",
            )
        made_before.add(student)
    for student, file in files.items():
        if student in made_before:
            continue
        content, number = made(student)
        _write(file, content)
        digest = hashlib.sha256(content).hexdigest()
        notes[file.relative_to(out).as_posix()] = {"student": student, "release": number, "sha256": digest}
    noted = common | {"notebooks": dict(sorted(notes.items()))}
    _write(manifest, (json.dumps(noted, indent=1, ensure_ascii=False) + "\n").encode())
    return list(files.values())


def preview(version: Version, out: Path, figures: Path = reading.FOLDER) -> Path:
    """Write out/NN_slug.ipynb as `release` would hand it out, for its author alone: nothing is noted in a manifest.

    An earlier preview is written over. CourseError where something was released.
    """
    quiz = version.assignment.quiz
    if (manifest := out / f"{quiz.lesson}.manifest.json").exists():
        raise CourseError(
            f"{manifest} says that this was released there: name another folder, or look at the notebooks in it.",
            code="grading.no-preview",
        )
    file = out / f"{quiz.lesson}.ipynb"
    _write(file, _made(version, {item.id: _picture(item, figures) for item in quiz.items if item.figure})[0])
    return file


def _made(version: Version, pictures: dict[str, str]) -> tuple[bytes, str]:
    """(the notebook of a version, its number)."""
    cells = given(version)
    number = release_id(version, cells)
    return notebook(version.assignment.quiz, cells, number, pictures), number


def notebook(quiz: GradedQuiz, cells: list[Given], number: str, pictures: dict[str, str] | None = None) -> bytes:
    """The notebook of those cells, as nbformat writes it. pictures: item id → Markdown of its figure."""
    after = {f"{one.replace('.', '-')}-question": text for one, text in (pictures or {}).items()}
    listed = []
    for cell in cells:
        listed.append(_written(cell))
        if cell.id in after:  # apart from the question, whose source stays readable and free of the picture's bytes
            listed.append(_cell(cell.id.replace("question", "figure"), after[cell.id], False, True, {}))
    rest = {
        "metadata": {
            "course": {"assignment": quiz.lesson, "release": number},
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    inside = ",\n".join(listed)
    return f'{{\n "cells": [\n{inside}\n ],\n{_json(rest)[2:]}\n'.encode()


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)


@lru_cache(maxsize=1024)  # most cells are the same for all students
def _written(cell: Given) -> str:
    return _cell(cell.id, cell.source, cell.code, cell.locked, cell.metadata)


def _picture(item: GradedItem, folder: Path) -> str:
    """The item's figure as Markdown, with its bytes: Colab shows no attachments."""
    figure = item.figure
    assert figure is not None, "asked for items with a figure alone"
    file = (folder / figure.file).resolve()
    if file.suffix not in TYPES or not file.is_relative_to(folder.resolve()) or not file.is_file():
        raise CourseError(
            f"The figure {figure.file!r} of {item.id} should be a {'/'.join(TYPES)} in {folder}: put it there.",
            code="grading.figure",
        )
    alt = " ".join(figure.alt.split()).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return f"![{alt}](data:{TYPES[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode()})"


def _cell(identifier: str, source: str, code: bool, locked: bool, metadata: dict[str, Any]) -> str:
    """The JSON of a cell, indented as it stands in a notebook."""
    cell = {
        "cell_type": "code" if code else "markdown",
        "id": identifier,
        "metadata": metadata | {"deletable": False} | ({"editable": False} if locked else {}),
        "source": source.splitlines(keepends=True),
    }
    return textwrap.indent(_json(cell | ({"execution_count": None, "outputs": []} if code else {})), "  ")


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.{os.getpid()}")
    half.write_bytes(content)
    os.replace(half, file)
