"""Correct work gets its points or waits for a person, however it was written; wrong work still loses them."""

import json

import pytest
from handed_in import write
from honest import EXAM, KEY, NET, SQUARES, answered, bare, beside, blank, cell, inside, noted, put
from needs import bwrap, run

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.intake.submissions import submissions
from course_utils.grading.marking import execution
from course_utils.grading.marking.batches import imports_of
from course_utils.grading.marking.marker import Marker
from course_utils.grading.records import Cell, Outcome, State, Submission
from course_utils.grading.release.handout import handed_out
from course_utils.grading.sandbox.worker_pool import WorkerPool

pytestmark = [bwrap, pytest.mark.timeout(120)]

BY_SQ = "def squares(n):\n    return [sq(i) for i in range(1, n + 1)]"
TRAIN = "net = torch.nn.Linear(2, 2)\n"
RIGHT, LOOK, WRONG = Outcome.RIGHT, Outcome.LOOK, Outcome.WRONG
# name → (what the student did, the item, how it ends)
CASES = {
    "%%time above a number": (put("2", "%%time\nanswer_91_2 = 4000"), "91.2", RIGHT),
    "%%time above a function": (put("A", f"%%time\n{SQUARES}"), "91.A", RIGHT),
    "%%capture above a network": (put("E", f"%%capture out\n{NET}\nout.show()"), "91.E", RIGHT),
    "%time before a statement": (put("2", "%time answer_91_2 = 4 * 1000"), "91.2", RIGHT),
    "%time before an expression": (put("2", "answer_91_2 = %time 4 * 1000"), "91.2", RIGHT),
    "%timeit after a function": (put("A", f"{SQUARES}\n%timeit squares(100)\n%time y = squares(3)"), "91.A", RIGHT),
    "a helper below %%time": (
        beside(
            "A",
            "%%time\ndef sq(i):\n    return i * i",
            True,
            "def squares(n):\n    return [sq(i) for i in range(1, n + 1)]",
        ),
        "91.A",
        RIGHT,
    ),
    "%%writefile and import": (
        beside(
            "A",
            "%%writefile mine.py\ndef sq(i):\n    return i * i",
            True,
            f"from mine import sq\n{BY_SQ}",
        ),
        "91.A",
        RIGHT,
    ),
    "await at the top": (
        put("2", "import asyncio\nasync def f():\n    return 4000\nanswer_91_2 = await f()"),
        "91.2",
        RIGHT,
    ),
    "asyncio.run": (
        put(
            "A",
            "import asyncio\nasync def f(n): return [i * i for i in range(1, n + 1)]\n"
            "def squares(n): return asyncio.run(f(n))",
        ),
        "91.A",
        RIGHT,
    ),
    "a cell of one's own below the blank": (beside("A", SQUARES), "91.A", RIGHT),
    "a cell of one's own above the blank": (beside("A", SQUARES, above=True), "91.A", RIGHT),
    "a letter in a cell of one's own": (beside("1", "answer_91_1 = 'LETTER'"), "91.1", RIGHT),
    "another answer's cell": (inside("A", "91-C-answer", SQUARES), "91.A", RIGHT),
    "the examples' cell": (inside("A", "91-A-examples", SQUARES), "91.A", RIGHT),
    "a cell that was split": (
        beside(
            "A", "def squares(n):\n    return [sq(i) for i in range(1, n + 1)]", False, "def sq(i):\n    return i * i"
        ),
        "91.A",
        RIGHT,
    ),
    "mended in a later cell": (beside("A", SQUARES, False, "def squares(n):\n    return 1"), "91.A", RIGHT),
    "two letters in two cells": (beside("1", "answer_91_1 = 'Q'", False, "answer_91_1 = 'LETTER'"), "91.1", LOOK),
    "an array without a dimension": (put("2", "answer_91_2 = np.array(4000)"), "91.2", RIGHT),
    "a tensor": (put("2", "answer_91_2 = torch.ones(1000).numel() * torch.tensor(4)"), "91.2", RIGHT),
    "a comma in a number": (put("2", "answer_91_2 = '4,000'"), "91.2", LOOK),
    "a letter with its text": (put("1", "answer_91_1 = 'LETTER — Adam'"), "91.1", RIGHT),
    "a letter with another's text": (put("1", "answer_91_1 = 'LETTER — Adagrad'"), "91.1", LOOK),
    "a letter in a list": (put("1", "answer_91_1 = ['LETTER']"), "91.1", RIGHT),
    "a letter without quotes": (put("1", "answer_91_1 = LETTER"), "91.1", RIGHT),
    "the last of two letters": (put("1", "answer_91_1 = 'Q'\nanswer_91_1 = 'LETTER'"), "91.1", RIGHT),
    "words below a blank cell": (noted("2", "It is 4000."), "91.2", LOOK),
    "a comment in a blank cell": (put("2", "answer_91_2 = None  # a number, in bytes\n# 4000"), "91.2", LOOK),
    "prints": (put("A", "def squares(n):\n    print([i * i for i in range(1, n + 1)])"), "91.A", WRONG),
    "a tuple": (put("A", "def squares(n):\n    return tuple(i * i for i in range(1, n + 1))"), "91.A", RIGHT),
    "a map": (put("A", "def squares(n):\n    return map(lambda i: i * i, range(1, n + 1))"), "91.A", RIGHT),
    "an array": (put("A", "def squares(n):\n    return np.arange(1, n + 1) ** 2"), "91.A", RIGHT),
    "a dict for a series": (
        put("C", "def means(c, p):\n    return dict(pd.Series(p).groupby(c).mean())"),
        "91.C",
        WRONG,
    ),
    "a series in another order": (
        put("C", "def means(c, p):\n    return pd.Series(p).groupby(c).mean()"),
        "91.C",
        WRONG,
    ),
    "a network under another name": (put("E", NET.replace("net", "model")), "91.E", LOOK),
    "a network trained on a GPU": (put("E", f"{TRAIN}net = net.to('cuda')\n{NET}"), "91.E", LOOK),
    "a loader with workers": (
        put(
            "E",
            f"{TRAIN}from torch.utils.data import DataLoader\n"
            "for _ in DataLoader(torch.zeros(9, 2), num_workers=2): pass\n" + NET,
        ),
        "91.E",
        LOOK,
    ),
    "a package that isn't here": (put("2", "import nowhere_to_be_found\nanswer_91_2 = 4000"), "91.2", LOOK),
    "a file that isn't here": (put("2", "n = len(open('mine.csv').read())\nanswer_91_2 = n"), "91.2", LOOK),
    "a plot": (
        put("A", f"import matplotlib.pyplot as plt\n%matplotlib inline\n{SQUARES}\nplt.plot(squares(3))\nplt.show()"),
        "91.A",
        RIGHT,
    ),
    "nothing but a title": (bare, "91.A", RIGHT),
    "left blank": (put("A", "def squares(n):\n    ..."), "91.A", Outcome.BLANK),
}


def handed_out_to(quiz, student):
    return handed_out(Assignment(quiz, KEY, personal=True).for_student(student))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Each case's result, all graded in one run."""
    place = tmp_path_factory.mktemp("class") / "in"
    names = {f"s{n}": name for n, name in enumerate(CASES)}
    for student, name in names.items():
        book = answered(student)
        CASES[name][0](book, blank(student))
        write(place / f"{student}.ipynb", book)
    found = list(submissions(place, [EXAM], handed_out_to))

    async def work():
        async with WorkerPool(2, imports_of([EXAM])) as pool:
            return await Marker(Assignment(EXAM, KEY, personal=True), pool).mark(found)

    return {names[result.student]: result for result in run(work())}


@pytest.mark.parametrize("name", CASES)
def test_correct_work_is_no_silent_zero(results, name):
    _, item, outcome = CASES[name]
    marks = {mark.item: mark for mark in results[name].marks}
    assert marks[item].outcome is outcome, marks[item]
    assert (marks[item].points is None) == (outcome is LOOK)
    assert all(mark.outcome in (RIGHT, Outcome.WAITING) for mark in marks.values() if mark.item != item)
    assert (results[name].state is State.LOOK) == (outcome is LOOK)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("prints", "prints its result and returns nothing"),
        ("a dict for a series", "gives a dict, and a Series is asked for"),
        ("a network trained on a GPU", "no GPU here"),
        ("a loader with workers", "no other process"),
        ("a package that isn't here", "nowhere_to_be_found isn't installed"),
        ("a cell of one's own below the blank", "another cell of the notebook"),
    ],
)
def test_what_happened_is_told(results, name, told):
    mark = next(mark for mark in results[name].marks if mark.item == CASES[name][1])
    assert told in " ".join(mark.feedback)


def test_what_was_odd_is_remarked(results):
    for name in ("a cell of one's own above the blank", "another answer's cell", "words below a blank cell"):
        assert any("its own cell is blank" in remark for remark in results[name].remarks), name


def test_the_last_of_two_letters_is_shown(results):
    assert results["the last of two letters"].marks[0].answer != "Q"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_other_encodings_of_json_are_read(tmp_path, encoding):
    write(tmp_path / "in" / "ada.ipynb", json.dumps(answered()).encode(encoding))
    (found,) = submissions(tmp_path / "in", [EXAM], handed_out_to)
    assert not found.trouble and not found.missing


def test_a_blank_copy_does_not_hide_a_full_one(tmp_path):
    import os

    full, later = write(tmp_path / "in" / "ada" / "91_exam.ipynb", answered()), blank()
    cell(later, "91-2-answer")["source"] = "answer_91_2 = 4000"
    copy = write(tmp_path / "in" / "ada" / "91_exam-Copy1.ipynb", later)
    os.utime(full, (1, 1))
    os.utime(copy, (2, 2))
    (found,) = submissions(tmp_path / "in", [EXAM], handed_out_to)
    assert set(found.looks) == {"91.1", "91.A", "91.C", "91.E", "91.4"}
    assert all("An earlier file" in why for why in found.looks.values())


LIGHT = EXAM.model_copy(update={"setup": "import time", "items": [EXAM.item("91.A")]})


def marked(*cells, quiz=LIGHT, pool=None):
    async def work():
        async with WorkerPool(2, []) as made:
            one = Submission("eve", quiz.lesson, "here", "1", cells)
            done = []
            do = made.do

            async def seen(steps, *more, alone=False, **others):
                done.append(alone)
                return await do(steps, *more, alone=alone, **others)

            made.do = seen
            (result,) = await Marker(Assignment(quiz, KEY), made).mark([one])
            return result.marks[0], done.count(True)

    return run(work())


def test_cells_of_ones_own_have_the_items_limit(monkeypatch):
    monkeypatch.setattr(execution, "LIMIT", 0.2)
    mark, _ = marked(Cell("time.sleep(0.5)\ndef sq(i): return i * i"), Cell(SQUARES.replace("i * i", "sq(i)"), "91.A"))
    assert mark.outcome is RIGHT


def test_what_had_no_processor_is_tried_again_alone(monkeypatch):
    monkeypatch.setattr(execution, "AT_WORK", 0.05)  # this machine may be busy itself
    quiz = LIGHT.model_copy(update={"items": [EXAM.item("91.A").model_copy(update={"limit": 0.4})]})
    asleep, alone = marked(Cell(f"time.sleep(9)\n{SQUARES}", "91.A"), quiz=quiz)
    assert (asleep.outcome, alone) == (Outcome.TIMEOUT, 1)
    busy, alone = marked(Cell("while True: pass", "91.A"), quiz=quiz)
    assert (busy.outcome, alone) == (Outcome.TIMEOUT, 0)


def test_imports_have_their_own_time():
    quiz = LIGHT.model_copy(update={"items": [EXAM.item("91.A").model_copy(update={"limit": 0.3})]})
    mark, _ = marked(Cell(f"import pandas\n{SQUARES}", "91.A"), quiz=quiz)
    assert mark.outcome is RIGHT
