"""Results to export, and the gradebooks of platforms that they go into."""

import csv
import io

from course_utils.grading.records import Mark, Outcome, Result, State


def result(student, points=(1.0, 0.5), assignment="04_frozen", feedback=("Look at `freeze`.",)):
    """Points None make an item that waits."""
    marks = tuple(
        Mark(f"04.{n}", Outcome.WAITING if p is None else Outcome.WRONG, p, 1.0, feedback, "B", f"i{n}")
        for n, p in enumerate(points, 1)
    )
    state = State.PARTIAL if None in points else State.GRADED
    return Result(student, assignment, f"digest of {student}", "here", state, marks)


def table(path, delimiter=","):
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), delimiter=delimiter))


def canvas(path, delimiter=",", ending="\r\n", bom=True):
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Warm up (11)", "Frozen (12)", "Final Score"],
        ["    Points Possible", "", "", "", "", "5", "2", "(read only)"],
        ["Lovelace, Ada", "101", "ada", "ada@uni.edu", "=1", "4.00", "", "80"],
        ["Hopper, Grace", "102", "grace", "g@uni.edu", "A", "", "1", "70"],
        ["Noether, Émmy", "103", "emmy", "e@uni.edu", "A; B", "3", "EX", ""],
        ["Student, Test", "104", "", "", "A", "", "", ""],
    ]
    with path.open("w", newline="", encoding="utf-8-sig" if bom else "utf-8") as file:
        csv.writer(file, delimiter=delimiter, lineterminator=ending).writerows(rows)
    return rows


def moodle(path):
    head = ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade", "Grade can be changed"]
    rows = [
        [*head, "Last modified (grade)", "Feedback comments"],
        ["Participant 7", "Ada Lovelace", "ada@uni.edu", "Submitted", "", "2.00", "Yes", "-", ""],
        ["Participant 8", "Grace Hopper", "g@uni.edu", "Submitted", "1.50", "2.00", "Yes", "-", "Kept."],
        ["Participant 9", "Ada Lovelace", "other@uni.edu", "No submission", "", "2.00", "Yes", "-", ""],
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return rows
