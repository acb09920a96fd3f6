"""Shares of an item's points: by hidden inputs, by options, by places; all or nothing unless the author says so."""

from string import ascii_uppercase

import pytest
from honest import EXAM, KEY, OURS
from needs import bwrap, run
from support.errors import refused

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedCode, GradedOrder, GradedSeveral
from course_utils.grading.marking.marker import Marker
from course_utils.grading.marking.verdicts import Verdict, verdict
from course_utils.grading.records import Cell, Outcome, Submission
from course_utils.grading.sandbox.worker_pool import WorkerPool

SHARED = {"topic": "t", "section": "s", "difficulty": "easy", "hints": ["h"], "explanation": "e", "source": "measured"}
FIVE = {"inputs": "[(n,) for n in (1, 2, 3, 4, 5)]"}
HALF = "def squares(n):\n    return [i * i for i in range(1, n + 1)] if n < 4 else []"


def several(**more):
    options = [{"text": letter, "feedback": "f", "right": letter in "ab"} for letter in "abcd"]
    return GradedSeveral(id="91.5", kind="several choices", stem="?", options=options, **SHARED, **more)


def steps(**more):
    each = [{"text": f"step {n}", "cue": f"cue {n}", "feedback": "f"} for n in range(4)]
    return GradedOrder(id="91.6", kind="order", stem="?", steps=each, **SHARED, **more)


def code(**more):
    return GradedCode.model_validate(EXAM.item("91.A").model_dump() | FIVE | more)


@pytest.mark.parametrize(
    ("item", "value", "share"),
    [
        (several(credit="shares"), [0], 0.5),
        (several(credit="shares"), [0, 1, 2], 0.5),
        (several(credit="shares"), [0, 2], 0.0),
        (several(credit="shares"), [2, 3], 0.0),
        (several(), [0], 0.0),
        (steps(credit="shares"), [0, 1, 3, 2], 0.5),
        (steps(credit="shares"), [], 0.0),
        (steps(), [0, 1, 3, 2], 0.0),
    ],
)
def test_shares_of_choices_and_orders(item, value, share):
    version = OURS.for_student("eve")
    letters = "".join(ascii_uppercase[version.order(item).index(n)] for n in value)
    found = verdict(item, letters, version)
    assert found.share == share and found.outcome is (Outcome.WRONG if value else Outcome.BLANK)


def marked(item, source):
    quiz = EXAM.model_copy(update={"setup": "", "items": [item]})
    one = Submission("eve", quiz.lesson, "here", "1", (Cell(source, item.id),))

    async def work():
        async with WorkerPool(1, []) as pool:
            (result,) = await Marker(Assignment(quiz, KEY), pool).mark([one])
            return result.marks[0]

    return run(work())


@bwrap
@pytest.mark.parametrize(
    ("more", "points"),
    [
        ({}, 0),
        ({"credit": "shares"}, 1.8),
        ({"credit": "shares", "weights": [1, 1, 1, 1, 6]}, 0.9),
    ],
)
def test_shares_of_hidden_inputs(more, points):
    mark = marked(code(**more), HALF)
    assert (mark.outcome, mark.points) == (Outcome.WRONG, points)
    assert not any(sign.isdigit() for sign in " ".join(mark.feedback)), "it tells no input"


@bwrap
def test_what_raises_for_some_inputs_keeps_the_others_shares():
    mark = marked(code(credit="shares"), HALF.replace("[]", "1 / 0"))
    assert (mark.outcome, mark.points) == (Outcome.RAISED, 1.8)


@bwrap
def test_an_error_may_be_what_is_asked_for():
    item = code(reference="def squares(n):\n    if n > 3: raise ValueError\n    return n", raises=["ValueError"])
    right = "class Odd(ValueError): pass\ndef squares(n):\n    if n > 3: raise Odd('so')\n    return n"
    assert marked(item, right).outcome is Outcome.RIGHT
    assert marked(item, right.replace("(ValueError)", "(KeyError)")).outcome is Outcome.RAISED
    assert marked(item, "def squares(n):\n    return n").outcome is Outcome.WRONG


@bwrap
def test_each_input_has_its_weight():
    with refused("grading.weights", "2 weights"):
        marked(code(credit="shares", weights=[1, 2]), HALF)


def test_a_wrong_number_is_not_repeated():
    item = EXAM.item("91.2")
    eve = OURS.for_student("eve")
    assert verdict(item, 1234567, eve) == Verdict(Outcome.WRONG, ("That is another number.",))
    assert verdict(item, 32000, eve) == Verdict(Outcome.WRONG, ("Those are bits.",))


@bwrap
def test_tables_are_inputs_and_results():
    frame = "pd.DataFrame({'city': ['Ulm', 'Bonn', 'Ulm'], 'price': rng.normal(10, 3, 3)})"
    setup = "import pandas as pd"
    item = code(inputs=f"[({frame},) for _ in range(3)]", reference="def squares(t): return t.sort_values('price')")
    quiz = EXAM.model_copy(update={"setup": setup, "items": [item]})
    answers = ["return t.loc[t.price.argsort()]", "return t.sort_values('price', ascending=False)", "return t.price"]
    each = [
        Submission(f"s{n}", quiz.lesson, "here", f"{n}", (Cell(f"def squares(t):\n    {line}", item.id),))
        for n, line in enumerate(answers)
    ]

    async def work():
        async with WorkerPool(2, ["pandas"]) as pool:
            return await Marker(Assignment(quiz, KEY), pool).mark(each)

    found = [result.marks[0] for result in run(work())]
    assert [mark.outcome for mark in found] == [Outcome.RIGHT, Outcome.WRONG, Outcome.WRONG]
    assert "a Series, and a DataFrame is asked for" in found[2].feedback[0]
