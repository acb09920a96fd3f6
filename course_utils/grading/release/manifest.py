"""The manifest of a release: what was handed out to whom, so that nobody grades by another key or other questions."""

import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment, Version
from course_utils.grading.bank.items import GradedQuiz, grade_id
from course_utils.grading.release.handout import Given, given
from course_utils.grading.release.wording import AROUND, TITLE, TRIAL, former_title_cell

FORM = 2
FORMS = (1, FORM)  # form 1 proved the words around the questions too
PROVEN = 3  # notebooks of different students that are held against the manifest


def release_id(version: Version, cells: list[Given] | None = None) -> str:
    """What a notebook's metadata names: tells a student's notebook from another's, and today's from last year's.

    cells: the version's, where they are at hand
    """
    return _digest(version, [cell for cell in cells or given(version) if cell.id not in AROUND])


def _former_id(version: Version) -> str:
    """The same in manifests of form 1."""
    title = former_title_cell(version.assignment.quiz.title)
    former = [replace(cell, source=title) if cell.id == TITLE else cell for cell in given(version)]
    return _digest(version, [cell for cell in former if cell.id != TRIAL])


def _digest(version: Version, cells: list[Given]) -> str:
    content = json.dumps([version.owner, [[cell.id, cell.source, cell.points] for cell in cells]])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def proves(version: Version, release: str) -> bool:
    """Whether that is a manifest's id of the questions that the student would get now."""
    return release in (release_id(version), _former_id(version))


def shared(version: Version) -> dict[str, Any]:
    """What a manifest says of all its notebooks: sha256 of the cells that are the same for everybody."""
    assignment, personal = version.assignment, version.owner is not None
    differing = _differing(assignment.quiz) if personal else set()
    return {
        "form": FORM,
        "assignment": assignment.name,
        "personal": personal,
        "key": _mark_of(assignment.course_key),
        "cells": {
            cell.id: {"locked": cell.locked, "sha256": hashlib.sha256(cell.source.encode()).hexdigest()}
            for cell in given(version)
            if cell.id not in differing and cell.id not in AROUND
        },
    }


def older(file: Path, common: dict[str, Any]) -> dict[str, Any]:
    """The notebooks of an earlier release to other students. CourseError when it handed out something else."""
    if not file.exists():
        return {}
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
        before["cells"] = {one: cell for one, cell in before["cells"].items() if one not in AROUND}
        alike = all(
            before[part] == common[part] for part in common if part != "form" and (part != "key" or part in before)
        )
        if alike and before["form"] in FORMS:
            return dict(before["notebooks"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass  # none of ours, or damaged: not ours to write over either
    raise CourseError(
        f"{file} belongs to another release: name another folder, so that both can be graded.",
        code="grading.other-release",
    )


def students_of(lesson: str, released: Path) -> list[str]:
    """Who was handed a notebook of their own, as far as a manifest says; nobody without one."""
    try:
        content = json.loads((released / f"{lesson}.manifest.json").read_text(encoding="utf-8"))
        return sorted({str(note["student"]) for note in content["notebooks"].values() if note["student"] is not None})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def as_released(quiz: GradedQuiz, released: Path, course_key: bytes) -> Assignment:
    """The assignment as it was handed out, by the manifest; CourseError as roster_of."""
    return Assignment(quiz, course_key, personal=roster_of(quiz, released, course_key) is not None)


def roster_of(quiz: GradedQuiz, released: Path, course_key: bytes) -> set[str] | None:
    """The students who got notebooks of their own, None when all got the same.

    CourseError without a manifest, and when the key isn't that of the release or students saw other questions.
    """
    file = released / f"{quiz.lesson}.manifest.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        notes = {note["student"]: note["release"] for note in content["notebooks"].values()}
        personal, cells, key = content["personal"] is True, dict(content.get("cells", {})), content.get("key")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise CourseError(
            f"{file} isn't there or is no manifest, and without it nobody knows which letters the students saw: name "
            "the folder that `course quiz release` wrote with --released.",
            code="grading.no-manifest",
        ) from None
    if key is not None and key != _mark_of(course_key):
        raise _other_key(quiz)
    assignment = Assignment(quiz, course_key, personal)
    for student in list(notes)[:PROVEN]:
        if changed := _changed(assignment.for_student(student), notes[student], cells):
            if key is None and all(
                one in _differing(quiz) for one in changed
            ):  # a manifest from before keys were noted
                raise _other_key(quiz)
            raise CourseError(
                f"{quiz.lesson} isn't what was released any more ({', '.join(changed[:5])}): put back what students "
                "saw, or name the item bank that it was released from with --bank. An item is left out of the totals "
                "with `course quiz decide`.",
                code="grading.changed-since-release",
            )
    return set(notes) if personal else None


def _changed(version: Version, release: str, cells: dict[str, Any]) -> list[str]:
    """The cells that a student would get otherwise now; of those that differ by student, all that may."""
    if proves(version, release):
        return []
    cells = {one: cell for one, cell in cells.items() if one not in AROUND}
    now, own = shared(version)["cells"], _differing(version.assignment.quiz)
    differing = [one for one in cells.keys() | now.keys() if cells.get(one) != now.get(one)]
    return sorted(set(differing) - own) or sorted(own)


def _differing(quiz: GradedQuiz) -> set[str]:
    """The questions that differ from student to student."""
    return {grade_id(item, "question") for item in quiz.items if item.personal}


def _other_key(quiz: GradedQuiz) -> CourseError:
    return CourseError(
        f"The course key isn't the one that {quiz.lesson} was released with: name that one with --course-key. A new "
        "one can't grade what is out.",
        code="grading.other-key",
    )


def _mark_of(course_key: bytes) -> str:
    """Tells one key from another, and nothing of either."""
    return hmac.digest(course_key, b"the key of a release", "sha256").hex()[:16]
