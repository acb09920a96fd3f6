"""Answers are judged, numbers are read, options are shuffled."""

import itertools
import math

import pytest
from support.liars import Quoted, Sure, Yes
from support.quiz_items import one

from course_utils.quiz.answers import compare, judge, read_number
from course_utils.quiz.text import inline, shuffled

MINUS = "\N{MINUS SIGN}"  # as in print


@pytest.mark.parametrize(
    ("kind", "answer", "right", "words"),
    [
        ("one choice", [0], True, "It is."),
        ("one choice", {1}, False, "Too long."),
        ("one choice", [], None, "Choose one"),
        ("one choice", [0, 1], None, "Choose one"),
        ("one choice", [7], None, "Choose one"),
        ("one choice", [-3], None, "Choose one"),
        ("one choice", "apple", None, "Choose one"),
        ("one choice", [True], None, "Choose one"),
        ("one choice", None, None, "Choose one"),
        ("several choices", [2, 0], True, "True: it is too."),
        ("several choices", [0], False, "1 true answer is still missing."),
        ("several choices", [0, 1, 2], False, "False: it isn't."),
        ("several choices", [1], False, "2 true answers are still missing."),
        ("several choices", [], None, "Tick every"),
        ("several choices", [0, 9], None, "Tick every"),
        ("order", [0, 1, 2], True, ""),
        ("order", [1, 0, 2], False, "The first one doesn't fit yet. Not freeze."),
        ("order", [0, 2, 1], False, "The first one fits. Not train."),
        ("order", [0, 1], None, "Name each of the 3 letters once."),
        ("order", [0, 1, 1], None, "Name each"),
        ("order", [0, 1, -1], None, "Name each"),
        ("order", [0, 1, "2"], None, "Name each"),
        ("order", "012", None, "Name each"),
        ("short text", " `Train`. ", True, ""),
        ("short text", "learn. train()", False, "That isn't it."),
        ("short text", "“learn.train”", True, ""),
        ("short text", "EVAL()", False, "That is the other mode."),
        ("short text", " ... ", None, "Write a word"),
        ("short text", 5, None, "Write a word"),
        ("short text", "train" * 1000, False, "That isn't it."),
        ("number", "15", True, ""),
        ("number", "15.5", True, ""),
        ("number", "14,5 %", True, ""),
        ("number", 15, True, ""),
        ("number", "15.51", False, "15.51% is too high."),
        ("number", "-15", False, "-15% is too low."),
        ("number", f"{MINUS}15", False, "-15% is too low."),
        ("number", "85 percent", False, "That is the rest."),
        ("number", "15 points", None, "The unit should be %"),
        ("number", "fifteen", None, "Write a number, like 12.5 or 12.5%."),
        ("number", "", None, "Write a number"),
        ("number", True, None, "no number but a bool"),
        ("number", [15], None, "no number but a list"),
    ],
)
def test_answers_are_judged(kind, answer, right, words):
    verdict = judge(one(kind), answer)
    assert verdict.right is right and words in " ".join(verdict.feedback)


def test_what_is_said_of_several_choices_follows_the_page_and_names_each_option():
    item, shown = one("several choices"), [2, 1, 0]
    assert judge(item, [0, 2], shown).feedback == ("**A** — True: it is too.", "**C** — True: it is.")
    assert judge(item, [0, 1], shown).feedback == ("**B** — False: it isn't.", "1 true answer is still missing.")
    assert judge(item, [0, 2]).feedback == ("True: it is.", "True: it is too."), "a submission has no page"


@pytest.mark.parametrize(
    ("answer", "unit", "value"),
    [
        ("86,67", "%", 86.67),
        ("86.67 %", "%", 86.67),
        ("86.67%", "%", 86.67),
        ("86,67 Per Cent", "%", 86.67),
        ("1e-3", "", 0.001),
        ("1E+2", "", 100.0),
        (" +.5 ", "", 0.5),
        (",5", "", 0.5),
        ("5.", "", 5.0),
        ("0,125", "", 0.125),
        (f"{MINUS}2", "", -2.0),
        ("3 points", "points", 3.0),
        ("1 point", "points", 1.0),
        ("30%", "points", 30.0),
        ("1 run", "runs", 1.0),
        ("4x", "×", 4.0),
        (7, "%", 7.0),
        (0.25, "%", 0.25),
    ],
)
def test_numbers_are_read(answer, unit, value):
    assert read_number(answer, unit) == (value, "")


@pytest.mark.parametrize(
    "answer",
    [
        *(math.nan, math.inf, 10**400, True, Sure(15), Quoted("15"), Yes(), None, [15]),
        *("nan", "NaN", "inf", "-inf", "1e400"),
        "15 kg",
        "15 %%",
        "1,000",
        "-12,345,678",
        "1_000",
        "0x10",
        "1e",
        "15 or 16",
        "1.2.3",
        "½",
        "--5",
        "15;16",
        b"15",
    ],
)
def test_what_is_no_number_costs_no_try(answer):
    _, words = read_number(answer, "%")
    assert words.endswith(".")
    verdict = judge(one("number"), answer)
    assert verdict.right is None and verdict.feedback == (words,)


@pytest.mark.parametrize(
    ("unit", "example"),
    [
        ("", "12.5."),
        ("%", "12.5 or 12.5%."),
        ("×", "12.5 or 12.5×."),
        ("images a second", "12.5 or 12.5 images a second."),
        ("in your currency", "12.5 or 12.5 in your currency."),
    ],
)
def test_an_unclear_number_gets_an_example_with_its_unit_that_can_be_read(unit, example):
    _, words = read_number("a few", unit)
    assert words == f"Write a number, like {example}"
    assert read_number(example.removesuffix(".").split(" or ")[-1], unit) == (12.5, "")
    assert read_number("12.5 bananas", unit)[1].endswith(f"write a number, like {example}")


def test_a_comma_for_thousands_is_asked_about():
    assert read_number("12,500", "")[1] == "Is that 12500 or 12.500? Write it without a comma."
    assert read_number("12,5", "") == (12.5, "")


@pytest.mark.parametrize("kind", ["one choice", "several choices", "order", "short text", "number"])
def test_a_lying_answer_gets_no_point(kind):
    for liar in (Yes(), Sure(15), Quoted("train"), [Yes()], [Sure(0)], (Yes(), Yes(), Yes())):
        assert judge(one(kind), liar).right is None


def test_a_guess_is_compared_with_the_finding():
    asked = one("prediction")
    assert compare(asked, 50, 54.9).right and not compare(asked, 50, 55.1).right
    assert compare(asked, 50, 62).feedback == ("You guessed 50%; the cell found 62%.", "The guess was too low by 12.")


@pytest.mark.parametrize(
    ("guess", "found", "said"),
    [
        (50, 5, "The guess was too high by a factor of 10."),
        (5, 50, "The guess was too low by a factor of 10."),
        (300, 437, "That is within a factor of 2."),
        (437, 218.5, "That is within a factor of 2."),
        (437, 218, "The guess was too high by a factor of 2."),
        (100_000, 437, "The guess was too high by a factor of 230."),
        (1, 23_456, "The guess was too low by a factor of 23,000."),
        (0, 8, "The guess was too low by a factor of 8."),  # noted before the item had its range
    ],
)
def test_a_guess_at_an_order_of_magnitude_is_judged_by_ratio(guess, found, said):
    asked = one("prediction", unit="images a second", within=None, factor=2.0, low=1.0, high=100_000.0)
    verdict = compare(asked, guess, found)
    assert verdict.right is said.startswith("That") and verdict.feedback[1] == said


@pytest.mark.parametrize("kind", ["one choice", "several choices", "order"])
def test_options_are_shuffled_for_each_learner_and_always_the_same(kind):
    asked = one(kind)
    given = tuple(range(len(asked.steps if kind == "order" else asked.options)))
    orders = {whose: shuffled(asked, whose) for whose in map(str, range(400))}
    assert all(shuffled(asked, whose) == order and sorted(order) == [*given] for whose, order in orders.items())
    seen = {tuple(order) for order in orders.values()}
    assert seen == set(itertools.permutations(given)) - ({given} if kind == "order" else set())
    other = one(kind, id="04.2")
    assert any(shuffled(other, whose) != order for whose, order in orders.items())  # each item has an order of its own


def test_a_small_number_keeps_to_one_line_and_text_stays_text():
    assert inline("from 5e-3 to <b>, `1e-3`") == "from <nobr>5e-3</nobr> to &lt;b&gt;, <code>1e-3</code>"
