"""A class of 300, honest, wrong, broken and hostile, from release to every export, killed on the way."""

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from attacks import POINTS
from needs import bwrap

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.bank.variants import read_course_key
from course_utils.grading.gradebook.store import Store
from course_utils.grading.records import Outcome, State
from course_utils.grading.release.sample_submissions import write_samples
from course_utils.grading.returning.review import review

EXAMPLE = Path(__file__).parents[2] / "docs" / "example_bank" / "90_example.yaml"
COURSE = str(Path(sys.executable).with_name("course"))
STUDENTS = [f"s{number:03}" for number in range(300)]
HOSTILE = [source for name, source in POINTS.items() if not name.startswith(("endless and deaf", "asleep"))]

pytestmark = [
    bwrap,
    pytest.mark.timeout(900),
]


def course(*arguments: object, check: bool = True, **more) -> subprocess.CompletedProcess:
    command = [COURSE, "quiz", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, **more)
    assert not check or done.returncode == 0, done.stderr + done.stdout
    return done


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def term(tmp_path_factory):
    """A course's folder with a locked item bank, a course key, personal notebooks, and what came back."""
    folder = tmp_path_factory.mktemp("term")
    (folder / "plain").mkdir()
    text = EXAMPLE.read_text(encoding="utf-8").replace("bank: example", "bank: graded").replace("limit: 20", "limit: 5")
    (folder / "plain" / EXAMPLE.name).write_text(text.replace("limit: 2\n", "limit: 1\n"), encoding="utf-8")
    (folder / "roster.csv").write_text("student\n" + "\n".join(STUDENTS) + "\n")
    course("keygen", folder / "keys")
    course("keygen", folder / "keys", "--course")
    (public,) = (folder / "keys").glob("*.public.key")
    course("lock", folder / "plain", "--for", public)
    (folder / "bank").mkdir()
    for file in (folder / "plain").glob("*.locked"):
        shutil.move(file, folder / "bank" / file.name)
    (private,) = (folder / "keys").glob("*.private.key")
    secret = folder / "keys" / "course.key"
    access = ["--bank", folder / "bank", "--key", private, "--course-key", secret]
    course("release", "90", *access, "--out", folder / "released", "--students", folder / "roster.csv")
    (quiz,) = open_bank(folder / "bank", key=private)
    told = write_samples(Assignment(quiz, read_course_key(secret, quiz), True), folder / "back", STUDENTS, HOSTILE)
    return folder, access, quiz, told


def grade(term, *more, **how):
    folder, access, _, _ = term
    store = ["--store", folder / "marks.sqlite", "--released", folder / "released"]
    return course("grade", folder / "back", *access, *store, *more, **how)


def kept(folder: Path) -> int:
    try:
        with sqlite3.connect(f"file:{folder / 'marks.sqlite'}?mode=ro", uri=True) as file:
            return file.execute("SELECT count(*) FROM submissions").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def test_a_term(term):
    folder, access, quiz, told = term
    # The first run is killed in the middle.
    command = [COURSE, "quiz", "grade", folder / "back", *access]
    command += ["--store", folder / "marks.sqlite", "--released", folder / "released"]
    first = subprocess.Popen([str(part) for part in command], start_new_session=True, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while kept(folder) == 0 and time.monotonic() < until:
        time.sleep(0.1)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    before = kept(folder)
    assert 0 < before < 300
    # The second does the rest, the third nothing.
    again = grade(term)
    assert f"{before} of them done before" in again.stdout and "isolation: sandbox" in again.stdout
    nothing = grade(term)
    assert "300 of them done before" in nothing.stdout and "isolation" not in nothing.stdout
    with Store(folder / "marks.sqlite") as store:
        results = {result.student: result for result in store.results()}
    assert sorted(results) == STUDENTS and kept(folder) == 300
    right_points(results, told, quiz)
    reviewed_and_told(folder, access, quiz, results)
    exported(folder, results)


def right_points(results, told, quiz):
    """Honest work has the points that it was made with; nobody has an unearned one; nothing unread became a zero."""
    most = {item.id: item.points for item in quiz.items}
    states = set()
    for student, one in told.items():
        result = results[student]
        states.add(result.state)
        if one.get("how") in ("no JSON", "cut off", "an empty file"):
            assert result.state is State.UNREADABLE and result.points is None
            continue
        marks = {mark.item: mark for mark in result.marks}
        for item in most:
            if marks[item].outcome in (Outcome.WAITING, Outcome.MISSING):
                assert marks[item].points is None
            elif item in one["right"] and one["kind"] != "hostile":
                assert marks[item].points == most[item], (student, one, marks[item])
            elif item not in one["right"]:
                assert marks[item].points == 0, (student, one, marks[item])
        if one.get("how") == "a missing cell":
            assert result.state is State.MISSING_CELL and result.points is None
    assert State.INFRASTRUCTURE not in states
    assert {State.PARTIAL, State.UNREADABLE, State.MISSING_CELL, State.GRADED} <= states


def reviewed_and_told(folder, access, quiz, results):
    with Store(folder / "marks.sqlite") as store:
        page = review(store, [Assignment(quiz, read_course_key(folder / "keys" / "course.key", quiz), personal=True)])
        waiting = len(store.waiting(quiz.lesson))
        assert page is not None and waiting > 100
        for student, mark in store.waiting(quiz.lesson):
            store.mark(quiz.lesson, student, mark.item, mark.most / 2, "half of it", "a tutor")
        assert store.waiting(quiz.lesson) == []
    again = folder / "marks.sqlite"
    common = [*access[:4], "--store", again, "--released", folder / "released"]
    course("feedback", *common, *access[4:], "--out", folder / "feedback")
    pages = list((folder / "feedback").rglob("*.html"))
    assert len(pages) == 300 and not any("<script" in page.read_text(encoding="utf-8") for page in pages)
    course("report", *common, *access[4:], "--out", folder / "report")
    assert any((folder / "report").rglob("*.html"))


def exported(folder, results):
    with Store(folder / "marks.sqlite") as store:
        results = {result.student: result for result in store.results()}
    empty = sum(result.points is None for result in results.values())
    store = ["--store", folder / "marks.sqlite"]
    canvas = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "90_example (77)"]]
    canvas += [["    Points Possible", "", "", "", "", "18"], *([name, name, name, name, "A", ""] for name in results)]
    moodle = [["Identifier", "Full name", "Grade", "Maximum Grade", "Feedback comments"]]
    moodle += [[f"Participant {name}", name, "", "18", ""] for name in results]
    for name, sheet in (("canvas", canvas), ("moodle", moodle)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(sheet)
    for form, out, more in (
        ("nbgrader", "nbgrader.csv", []),
        ("canvas", "to_canvas.csv", ["--gradebook", folder / "canvas.csv", "--assignment", "90_example"]),
        ("moodle", "to_moodle.csv", ["--gradebook", folder / "moodle.csv", "--assignment", "90_example"]),
        ("gradescope", "gradescope", []),
        ("lti", "lti.json", []),
    ):
        done = course("export", form, "--out", folder / out, *more, *store)
        assert f"{empty} of them without points yet" in done.stdout, (form, done.stdout)
    scores = {row["student_id"]: row["score"] for row in rows(folder / "nbgrader.csv")}
    assert {name: float(score) if score else None for name, score in scores.items()} == {
        name: result.points for name, result in results.items()
    }
    assert len(rows(folder / "to_canvas.csv")) == 301 and len(rows(folder / "to_moodle.csv")) == 300
    assert zipfile.is_zipfile(folder / "gradescope") or any((folder / "gradescope").rglob("*.json"))
    assert json.loads((folder / "lti.json").read_text(encoding="utf-8"))
