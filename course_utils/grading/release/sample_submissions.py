"""Sample submissions of a made-up class, to try a term out and measure a machine before anybody hands in."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

from course_utils.grading.bank.assignments import Assignment, Version
from course_utils.grading.bank.items import GradedQuiz, grade_id
from course_utils.grading.bank.sample_answers import mistaken, right
from course_utils.grading.release.handout import given
from course_utils.grading.release.manifest import release_id
from course_utils.grading.release.releasing import notebook

KINDS = {"honest": 0.7, "blank": 0.05, "broken": 0.1, "hostile": 0.15}
RIGHT = 0.7  # share of right answers among an honest student's
BROKEN = ("no JSON", "cut off", "an empty file", "a missing cell", "no Python", "endless")


def write_samples(
    assignment: Assignment,
    out: Path,
    students: Sequence[str],
    hostile: Sequence[str] = (),
    shares: dict[str, float] | None = None,
) -> dict[str, dict]:
    """Write OUT/STUDENT.ipynb for each student; tell of each what it is, and which items it has right.

    hostile: sources that stand in the cell of the first code item of those students
    shares: of the kinds in KINDS; the same students give the same files
    """
    out.mkdir(parents=True, exist_ok=True)
    told = {}
    parts = shares or KINDS
    everybody = {} if assignment.personal else _pieces(assignment.for_student(None))
    for student in students:
        rng = random.Random(f"{assignment.name} {student}")
        kind = rng.choices(list(parts), list(parts.values()))[0]
        pieces = _pieces(assignment.for_student(student)) if assignment.personal else everybody
        content, told[student] = _handed_in(assignment.quiz, pieces, rng, kind, hostile)
        (out / f"{student}.ipynb").write_bytes(content)
    return told


def _pieces(version: Version) -> dict:
    """The blank notebook, and the right and the mistaken cells of each item."""
    quiz, cells = version.assignment.quiz, given(version)
    return {
        "blank": notebook(quiz, cells, release_id(version, cells)),
        "right": {item.id: right(item, version) for item in quiz.items},
        "wrong": {item.id: [source for source, _ in mistaken(item, version)] for item in quiz.items},
    }


def _handed_in(
    quiz: GradedQuiz, pieces: dict, rng: random.Random, kind: str, hostile: Sequence[str]
) -> tuple[bytes, dict]:
    content = json.loads(pieces["blank"])
    cells = {cell["id"]: cell for cell in content["cells"]}
    knows = {item.id: kind != "blank" and (not pieces["wrong"][item.id] or rng.random() < RIGHT) for item in quiz.items}
    if kind != "blank":
        for item in quiz.items:
            wrong = pieces["wrong"][item.id]
            source = pieces["right"][item.id] if knows[item.id] else rng.choice(wrong)
            cells[grade_id(item, "answer")]["source"] = source
    told = {"kind": kind, "right": [name for name, known in knows.items() if known]}
    codes = quiz.executed
    if kind == "hostile" and hostile and codes:
        cells[grade_id(codes[0], "answer")]["source"] = rng.choice(hostile)
        told["right"] = [name for name in told["right"] if name != codes[0].id]
    if kind == "broken":
        return _broken(quiz, content, rng.choice(BROKEN), told)
    return json.dumps(content).encode(), told


def _broken(quiz: GradedQuiz, content: dict, how: str, told: dict) -> tuple[bytes, dict]:
    told["how"] = how
    item = next(item for item in quiz.items if not item.in_words)
    code = next(iter(quiz.executed), item)
    answer = {"a missing cell": item}.get(how, code)
    if how in ("no Python", "endless", "a missing cell"):
        told["right"] = [name for name in told["right"] if name != answer.id]
    for cell in content["cells"]:
        if cell["id"] == grade_id(answer, "answer"):
            if how == "a missing cell":
                content["cells"] = [one for one in content["cells"] if one is not cell]
            elif how in ("no Python", "endless"):
                cell["source"] = "while True: pass" if how == "endless" else "def ("
    whole = json.dumps(content).encode()
    if how in ("no JSON", "cut off", "an empty file"):
        told["right"] = []
        return {"no JSON": b"%PDF-1.4", "cut off": whole[: len(whole) // 2], "an empty file": b""}[how], told
    return whole, told
