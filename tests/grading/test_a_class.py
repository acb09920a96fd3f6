"""A class whose notebooks are odd in all honest ways: each point that is fair is given, or waits for a person.

`COURSE_CLASS=300 pytest tests/grading/test_a_class.py` takes a class in which nearly each oddity stands alone.
"""

import csv
import json
import os
import random
import shutil
import zipfile
from collections import Counter
from itertools import cycle
from pathlib import Path

import pytest
from example_quiz import BANK
from needs import bwrap
from odd_answers import ARGUABLE, PUT, WRONG, Hand
from oddities import DO, FILES, saved
from typer.testing import CliRunner

from course_utils.cli.quiz import app
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.bank.sample_answers import right
from course_utils.grading.bank.variants import PUBLIC
from course_utils.grading.gradebook.store import Store
from course_utils.grading.records import Outcome, State
from course_utils.grading.release.handout import given
from course_utils.grading.release.manifest import release_id
from course_utils.grading.release.releasing import notebook
from course_utils.grading.returning.queue import open_queue

STUDENTS = int(os.environ.get("COURSE_CLASS", "100"))
MOST_WAIT = 0.1  # of all answers, where oddities come together; about 0.03 where each is alone
KINDS = [
    *((item, name, "put") for item, kinds in PUT.items() for name in kinds),
    *((item, name, "do") for name, (item, _) in DO.items()),
    *(("file", name, "file") for name in FILES),
    *((item, name, "wrong") for item, kinds in WRONG.items() for name in kinds),
]
# What no program can read: its student is named, and asked.
LOST = {f"file: {name}" for name in ("cut off", "saved as Python", "saved as HTML", "empty file", "a link")}

pytestmark = [bwrap, pytest.mark.timeout(900)]


def hand_for(version) -> Hand:
    """The notebook of a student who has everything right."""
    quiz, cells = version.assignment.quiz, given(version)
    content = notebook(quiz, cells, release_id(version, cells))
    hand = Hand(json.loads(content), json.loads(content), {item.id: float(item.points) for item in quiz.items})
    for item in quiz.items:
        hand.cell(item.id[3:])["source"] = right(item, version)
    return hand


def apply(hand: Hand, item: str, name: str, how: str) -> None:
    hand.done.append(f"{item}: {name}" if item else name)
    if how == "file":
        FILES[name](hand)
    elif how == "do":
        DO[name][1](hand)
    else:
        source = (WRONG if how == "wrong" else PUT)[item][name]
        hand.clear(item) if source == "BLANK" else hand.put(item, source)
        if how == "wrong" or name in ARGUABLE:
            hand.fair[f"90.{item}"] = 0.0


def dealt(many: int) -> list[list[tuple[str, str, str]]]:
    """Which oddities each student has: every kind at least once, several where students are fewer than kinds.

    No two touch one item, at most one touches the whole notebook, and at most one the file.
    """
    order = sorted(KINDS, key=lambda kind: (kind[2] == "file", -len(kind[0]), kind[0] != "A"))
    students: list[list[tuple[str, str, str]]] = [[] for _ in range(many)]
    touched: list[set[str]] = [set() for _ in range(many)]
    for kind in order:
        wanted = set(kind[0]) if kind[2] != "file" else {"file"}
        wanted = wanted or {"notebook"}
        free = [n for n in range(many) if not touched[n] & wanted]
        fewest = min(free, key=lambda n: (len(students[n]), n))
        students[fewest].append(kind)
        touched[fewest] |= wanted
    more = cycle(random.Random(1).sample(KINDS, len(KINDS)))
    for chosen in students:
        if not chosen:
            chosen.append(next(more))
    return students


@pytest.fixture(scope="module")
def term(tmp_path_factory):
    """The class's hands by student, and the folder in which it was graded, marked, handed back and exported."""
    folder = tmp_path_factory.mktemp("class")
    (quiz,) = open_bank(BANK, ["90"])
    assignment = Assignment(quiz, PUBLIC, personal=True)
    hands = {}
    with zipfile.ZipFile(folder / "canvas.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for number, kinds in enumerate(dealt(STUDENTS), 1):
            student = str(1000 + number)
            hand = hands[student] = hand_for(assignment.for_student(student))
            for kind in sorted(kinds, key=lambda kind: (kind[2] == "file", kind[2] == "do", len(kind[0]) != 1)):
                apply(hand, *kind)
            if not hand.files:
                saved(hand)
            for nth, (name, content) in enumerate(hand.files):
                file.writestr(f"student{number}{'_LATE' * hand.late}_{student}_{number * 10 + nth}_{name}", content)
    (folder / "class.csv").write_text("student\n" + "\n".join(hands) + "\n")
    store, bank = folder / "marks.sqlite", ("--bank", folder / "bank")
    shutil.copytree(BANK, folder / "bank")
    released, to = ("--released", folder / "released"), ("--store", store)
    course("release", "90", *bank, "--students", folder / "class.csv", "--out", folder / "released")
    (folder / "due.yaml").write_text(
        "zone: UTC\nassignments:\n  90_example:\n    due: 2035-12-04 23:59\n    penalty: 10%\n"
    )
    course("deadline", folder / "due.yaml", *to, "--why", "As announced.")
    course("grade", folder / "canvas.zip", *bank, *released, *to)
    course("feedback", *bank, *released, *to, "--out", folder / "feedback")
    course("report", *bank, *released, *to, "--out", folder / "report")
    course("export", "nbgrader", *to, "--out", folder / "marks.csv")
    return folder, hands


def course(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def dealt_to(term):
    return dict(zip(term[1], dealt(STUDENTS), strict=True))


@pytest.fixture(scope="module")
def results(term):
    with Store(term[0] / "marks.sqlite") as store:
        return {result.student: result for result in store.results("90_example")}


def test_each_fair_point_is_given_or_waits_with_a_reason(term, results):
    """No silent zero, and no point that isn't deserved."""
    _, hands = term
    assert results.keys() == hands.keys()
    unfair = [
        (hand.done, mark)
        for student, hand in hands.items()
        for mark in results[student].marks
        if mark.points not in (None, hand.fair[mark.item])
    ]
    assert not unfair
    for result in results.values():
        for mark in result.marks:
            assert mark.outcome not in (Outcome.LOOK, Outcome.MISSING) or mark.feedback, (result.student, mark)
            read = result.state is not State.UNREADABLE
            assert mark.outcome is not Outcome.UNKNOWN if read else set(hands[result.student].done) & LOST, mark


def test_what_is_honestly_wrong_gets_its_zero_at_once(results, dealt_to):
    for student, kinds in dealt_to.items():
        marks = {mark.item: mark for mark in results[student].marks}
        alone = not any(how == "do" or name.startswith("blank newer") for _, name, how in kinds)
        for item, name, how in kinds:
            if how == "wrong" and alone:
                assert marks[f"90.{item}"].points == 0, (name, marks[f"90.{item}"])


def test_few_wait(results, dealt_to):
    """Tutors read what a program can't tell, and no more."""
    odd = sum(how != "wrong" for kinds in dealt_to.values() for *_, how in kinds)
    outcomes = Counter(mark.outcome for result in results.values() for mark in result.marks)
    looks = outcomes[Outcome.LOOK] + outcomes[Outcome.MISSING]
    print(f"{STUDENTS} students, {odd} oddities, {looks} of {outcomes.total()} answers wait:")
    marks = [mark for result in results.values() for mark in result.marks]
    reasons = Counter(mark.feedback[-1] for mark in marks if mark.outcome in (Outcome.LOOK, Outcome.MISSING))
    for sentence, many in reasons.most_common():
        print(f"{many:4} {sentence}")
    assert looks <= outcomes.total() * MOST_WAIT


def test_all_that_waits_is_in_the_review_and_what_a_person_gives_is_exported(term, results):
    """The last of all tests, since a tutor marks what waits as is fair."""
    folder, hands = term
    for row in table(folder / "marks.csv"):
        assert (row["score"] == "") == (results[row["student_id"]].points is None)
    queue = open_queue(folder / "marks.sqlite", folder / "bank", folder / "released", by="A. Tutor")
    unreadable = {student for student, one in results.items() if one.state is State.UNREADABLE}
    told = course("status", "--store", folder / "marks.sqlite", "--assignment", "90_example")
    assert all(student in told for student in unreadable)
    waiting = {
        (student, mark.item)
        for student, one in results.items()
        for mark in one.marks
        if mark.points is None and student not in unreadable
    }
    assert {key[1:] for key in queue.open} == waiting
    fair: dict[tuple[str, float], list] = {}
    for entry in queue.entries:
        fair.setdefault((entry.item.id, hands[entry.student].fair[entry.item.id]), []).append(entry)
    for (_, points), entries in fair.items():
        queue.mark(entries, points)
    queue.store.close()
    course("export", "nbgrader", "--store", folder / "marks.sqlite", "--out", folder / "marks.csv")
    rows = {row["student_id"]: row["score"] for row in table(folder / "marks.csv")}
    for student, hand in hands.items():
        unknown = hand.late or student in unreadable
        assert rows[student] == "" if unknown else float(rows[student]) == sum(hand.fair.values()), hand.done


def table(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))
