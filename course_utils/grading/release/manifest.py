"""The manifest that a release wrote: who was handed a notebook, and whether each got one of their own."""

import json
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.bank.items import GradedQuiz


def is_personal(quiz: GradedQuiz, released: Path) -> bool:
    """Whether each student got a notebook of their own, by the manifest that release wrote. CourseError if none."""
    return roster_of(quiz, released) is not None


def roster_of(quiz: GradedQuiz, released: Path) -> set[str] | None:
    """The students who got notebooks of their own, None when all got the same. CourseError without a manifest."""
    file = released / f"{quiz.lesson}.manifest.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {note["student"] for note in content["notebooks"].values()} if content["personal"] is True else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise CourseError(
            f"{file} isn't there or is no manifest, and without it nobody knows which letters the students saw: name "
            "the folder that `course quiz release` wrote with --released."
        ) from None
