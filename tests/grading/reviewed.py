"""A class whose answers in words wait for a person, and some whose items a person should look at."""

from pathlib import Path

from course_utils.grading.bank.items import answer_name
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.records import Mark, Outcome, Result, State

BANK = Path(__file__).parents[2] / "docs" / "example_bank"
(QUIZ,) = open_bank(BANK)
ITEM = "90.7"  # of four points, with a rubric of two lines


def waiting(student, answer="", looks=(), remarks=(), source="here"):
    """All right but the free text, which waits; items in `looks` (id → what was answered) wait for a look."""
    marks = []
    for item in QUIZ.items:
        outcome = Outcome.WAITING if item.id == ITEM else Outcome.RIGHT
        outcome = Outcome.LOOK if item.id in dict(looks) else outcome
        points = float(item.points) if outcome is Outcome.RIGHT else None
        said = {ITEM: answer or f"Because, says {student}."} | dict(looks)
        told = ("It can't be read. A person looks at it.",) if outcome is Outcome.LOOK else ()
        marks.append(
            Mark(item.id, outcome, points, float(item.points), told, said.get(item.id, answer_name(item)), "i")
        )
    return Result(student, QUIZ.lesson, f"of {student}", source, State.PARTIAL, tuple(marks), tuple(remarks))
