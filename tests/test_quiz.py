"""The quiz engine: faults of items told with their line, the rules for authors, judged answers, executed exercises."""

import copy
import itertools
import math
import sys
import time
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import yaml

from course_utils.errors import CourseError
from course_utils.lessons import LESSONS, Lesson
from course_utils.quiz import reading, rules
from course_utils.quiz.answers import compare, judge, read_number
from course_utils.quiz.comparing import same
from course_utils.quiz.execution import MOST_PRINTED, SHOWN, run_item
from course_utils.quiz.items import Code, Model
from course_utils.quiz.text import shuffled

MINUS = "\N{MINUS SIGN}"  # as in print
REASON = "It is so because the lesson measured it twice, and well."


def item(kind, **fields):
    """An item of a kind as YAML would give it, without a fault."""
    common = {
        "kind": kind,
        "topic": "a topic",
        "section": "One",
        "difficulty": "easy",
        "stem": "What?",
        "hints": ["Look."],
    }
    return {"id": "04.1"} | common | {"explanation": REASON, "source": "measured"} | copy.deepcopy(KINDS[kind]) | fields


KINDS = {
    "one choice": {
        "explanation": "An apple is the fruit that falls from the tree in autumn.",
        "options": [
            {"text": "an apple", "right": True, "feedback": "It is."},
            {"text": "a pear", "feedback": "Too long."},
            {"text": "a cherry on a cake", "feedback": "Too small."},
        ],
    },
    "several choices": {
        "options": [
            {"text": "red", "right": True, "feedback": "True: it is."},
            {"text": "blue", "feedback": "False: it isn't."},
            {"text": "green", "right": True, "feedback": "True: it is too."},
        ]
    },
    "number": {
        "explanation": "Half of thirty, after all that was said, makes **15**.",
        "answer": 15.0,
        "tolerance": 0.5,
        "unit": "%",
        "mistakes": [{"answer": 85.0, "tolerance": 1.0, "feedback": "That is the rest."}],
    },
    "short text": {
        "explanation": "The learner calls train() before each epoch, and says nothing of it.",
        "accept": ["train", "learn.train()"],
        "mistakes": [{"answers": ["eval"], "feedback": "That is the other mode."}],
    },
    "order": {
        "explanation": "First make it, then freeze it, then train it, as the lesson does.",
        "steps": [
            {"text": f"to {cue} it", "cue": cue, "feedback": f"Not {cue}."} for cue in ("make", "freeze", "train")
        ],
    },
    "prediction": {"unit": "%", "within": 5.0, "low": 0.0, "high": 100.0},
    "code": {
        "id": "04.A",
        "name": "double",
        "inputs": "[(n,) for n in (0, 1, 2.5, int(rng.integers(9)))]",
        "reference": "def double(x):\n    return 2 * x",
        "mistakes": [
            {"code": "def double(x):\n    return x * x", "feedback": "That squares."},
            {"code": "def double(x):\n    return x", "feedback": "That copies."},
            {"code": "def double(x):\n    return 4 * x", "feedback": "That doubles twice."},
        ],
    },
    "model": {
        "id": "04.B",
        "name": "network",
        "held_out": "import torch\ninputs = torch.zeros(250, 3, 2, 2)\ntruth = torch.zeros(250, dtype=torch.long)",
        "at_least": 0.9,
        "mistakes": [{"code": f"network = {n}", "feedback": "No."} for n in range(3)],
    },
}


def text_of(*items, lesson="04_freezing"):
    return yaml.safe_dump({"lesson": lesson, "items": list(items)}, sort_keys=False, allow_unicode=True)


def read(*items, **options):
    return reading.read(text_of(*items, **options), "04_freezing.yaml")


def one(kind, **fields):
    return read(item(kind, **fields)).items[0]


def without(kind, name):
    return {key: value for key, value in item(kind).items() if key != name}


def trouble(text):
    with pytest.raises(CourseError) as caught:
        reading.read(text, "04_freezing.yaml")
    return str(caught.value)


# ---------------------------------------------------------------------------------------------------- items and reading


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_item_of_each_kind_is_read(kind):
    assert one(kind).kind == kind


def changed(kind, part, place, **fields):
    """An item with one of its options, steps or mistakes changed."""
    raw = item(kind)
    raw[part][place] = raw[part][place] | fields
    return raw


FAULTY = {
    "kind missing": (without("order", "kind"), "`kind` is missing"),
    "kind unknown": (item("order") | {"kind": "riddle"}, "`kind` is 'riddle'"),
    "field missing": (without("order", "section"), "`section` is missing"),
    "field unknown": (item("order", colour="red"), "`colour`: Extra inputs are not permitted"),
    "stem empty": (item("order", stem="  "), "`stem`: String should have at least 1 character"),
    "wrong type": (item("number", tolerance="a little"), "`tolerance`: Input should be a valid number"),
    "a number as text": (item("number", answer="15"), "`answer`: Input should be a valid number"),
    "no finite answer": (item("number", answer=math.nan), "`answer`: Input should be a finite number"),
    "no finite tolerance": (item("number", tolerance=math.inf), "`tolerance`: Input should be a finite number"),
    "negative tolerance": (item("number", tolerance=-1.0), "`tolerance`: Input should be greater than or equal to 0"),
    "no hint": (item("order", hints=[]), "`hints`: List should have at least 1 item"),
    "difficulty unknown": (
        item("order", difficulty="nasty"),
        "`difficulty`: Input should be 'easy', 'medium' or 'hard'",
    ),
    "too many points": (item("order", points=11), "`points`: Input should be less than or equal to 10"),
    "an id of no form": (item("order", id="4.1"), "`id`: String should match pattern"),
    "a letter for a question": (item("order", id="04.A"), "'04.A' should end in a number"),
    "a number for an exercise": (item("code", id="04.1"), "'04.1' should end in a letter"),
    "nothing right": (changed("one choice", "options", 0, right=False), "0 options are right"),
    "two right": (changed("one choice", "options", 1, right=True), "2 options are right"),
    "no truth among several": (
        item("several choices", options=[{"text": t, "feedback": "False: no."} for t in "ab"]),
        "no option is right",
    ),
    "all true": (changed("several choices", "options", 1, right=True), "all options are right"),
    "two options alike": (changed("one choice", "options", 1, text=" An  APPLE"), "two options say 'an apple'"),
    "one option": (item("one choice", options=[{"text": "a", "right": True, "feedback": "b"}]), "at least 2 items"),
    "seven options": (
        item("one choice", options=[{"text": t, "right": t == "a", "feedback": "b"} for t in "abcdefg"]),
        "at most 6 items",
    ),
    "option without feedback": (changed("one choice", "options", 1, feedback=""), "`feedback`: String should have"),
    "mistake that is right": (changed("number", "mistakes", 0, answer=16.0), "the mistake 16 would count as right"),
    "no mistake": (item("number", mistakes=[]), "`mistakes`: List should have at least 1 item"),
    "accepted mistake": (
        changed("short text", "mistakes", 0, answers=["`Train`."]),
        "'train' stands among the accepted",
    ),
    "two steps": (item("order", steps=item("order")["steps"][:2]), "`steps`: List should have at least 3 items"),
    "two steps alike": (changed("order", "steps", 1, text="To  make it"), "two steps say 'to make it'"),
    "every guess near": (item("prediction", within=50.0), "every guess would be near"),
    "two mistakes in code": (item("code", mistakes=item("code")["mistakes"][:2]), "at least 3 items"),
    "inputs alone": (item("code", reference=None, expect="assert double"), "`inputs` are there for a `reference`"),
    "nothing at all": (item("code", inputs=None, reference=None), "nothing is checked"),
    "no name": (item("code", name="Double me"), "`name`: String should match pattern"),
    "no time": (item("code", limit=0.0), "`limit`: Input should be greater than 0"),
    "no share": (item("model", at_least=1.5), "`at_least`: Input should be less than 1"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_told_with_file_line_and_item(name):
    faulty, words = FAULTY[name]
    text = text_of(item("order", id="04.7"), faulty)
    first = next(n for n, line in enumerate(text.splitlines(), start=1) if faulty["id"] in line)
    told = trouble(text)
    place, _, said = told.partition(": ")
    assert place.endswith(f" (item {faulty['id']})") and words in said and said.endswith(".") and "\n" not in told
    line = int(place.removeprefix("04_freezing.yaml:").split()[0])
    assert first <= line <= len(text.splitlines())


def test_the_line_is_that_of_the_part_itself():
    lines = text_of(item("order", id="04.7"), changed("one choice", "options", 2, right="yes")).splitlines()
    number = next(n for n, line in enumerate(lines, start=1) if "right: 'yes'" in line)
    assert trouble("\n".join(lines)).startswith(
        f"04_freezing.yaml:{number} (item 04.1): `right`: Input should be a valid b"
    )


def test_all_faults_are_told_at_once():
    told = trouble(text_of(item("order", stem=""), item("number", id="04.2", unit=5), without("order", "id")))
    assert [line.split(": ")[0].partition(" ")[2] for line in told.splitlines()] == [
        "(item 04.1)",
        "(item 04.2)",
        "(item number 3)",
    ]


def test_names_that_come_twice():
    text = text_of(item("order")).replace("  section: One\n", "  section: One\n  section: Two\n")
    number = text.splitlines().index("  section: Two") + 1
    assert trouble(text) == f"04_freezing.yaml:{number}: the name 'section' comes twice here: keep one."


def test_ids_are_unique_and_the_lessons_own():
    assert "the id '04.1' comes twice" in trouble(text_of(item("order"), item("number")))
    assert "the id '05.1' belongs to another lesson" in trouble(text_of(item("order", id="05.1")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lesson: 04_freezing\nitems:\n- id: [04.1\n", "04_freezing.yaml:4: this isn't YAML"),
        ("lesson: 04_freezing\n\titems: 1\n", "04_freezing.yaml:2: this isn't YAML"),
        ("lesson: \x00", "this isn't YAML"),
        ("? [a]\n: b\n", "04_freezing.yaml:1: this isn't YAML"),
        ("", "04_freezing.yaml:1: Input should be a valid dictionary"),
        ("- a\n- b\n", "04_freezing.yaml:1: Input should be a valid dictionary"),
        ("lesson: 04_freezing\nitems: []\n", "04_freezing.yaml:2: `items`: List should have at least 1 item"),
        ("lesson: 04_freezing\nitems:\n  a: b\n", "04_freezing.yaml:2: `items`: Input should be a valid list"),
        ("lesson: 04_freezing\nitems:\n- 5\n", "04_freezing.yaml:3 (item number 1): Input should be a valid"),
        ("lesson: four\nitems: 5\n", "04_freezing.yaml:1: `lesson`: String should match pattern"),
        ("items: 5\n", "04_freezing.yaml:1: `lesson` is missing"),
        ("5: x\n", "04_freezing.yaml:1: "),
    ],
)
def test_what_is_no_quiz_is_told(text, words):
    assert words in trouble(text)


def test_items_by_name(monkeypatch, tmp_path):
    assert reading.item("04.2").id == "04.2"
    for wrong, words in {
        "4": "named by its lesson",
        "04.99": "choose one of 04.1",
        "99.1": "no quiz for lesson '99'",
    }.items():
        with pytest.raises(CourseError, match=words):
            reading.item(wrong)
    (tmp_path / "97_toy.yaml").write_bytes(b"lesson: \xff")
    monkeypatch.setattr(reading, "FOLDER", tmp_path)
    monkeypatch.setattr("course_utils.lessons.LESSONS", (Lesson("97_toy", "Can this be read?"),))
    with pytest.raises(CourseError, match=r"97_toy.yaml: byte 8 isn't UTF-8"):
        reading.item("97.1")


# ---------------------------------------------------------------------------------------------------------------- rules


def good_quiz():
    """Nine items, right options at other places, longest or not: nothing to mend."""
    kinds = ["one choice", "one choice", "one choice", "several choices", "number", "short text", "order", "prediction"]
    items = [item(kind, id=f"04.{n}") for n, kind in enumerate(kinds, start=1)]
    items[1]["options"].reverse()
    items[2]["options"] = [items[2]["options"][1], items[2]["options"][0]]
    return [*items, item("code")]


def faults_of(items, headings=("One",)):
    return [f"{of}: {fault}" for of, fault in rules.faults(read(*items), headings)]


def test_a_good_quiz_has_nothing_to_mend():
    assert faults_of(good_quiz()) == []


BREACHES = {
    "section": ({"section": "Two"}, "the lesson has no section 'Two'"),
    "source": ({"source": "a book"}, "the source should be a Markdown link"),
    "short explanation": ({"explanation": "make freeze train"}, "the explanation has fewer than eight words"),
    "figure": ({"figure": {"file": "none.png", "alt": "Nothing."}}, "isn't in the folder quizzes"),
    "figure outside": ({"figure": {"file": "../LICENSE", "alt": "Words."}}, "should be one of .png"),
    "cue missing": (
        {"explanation": "First make it, then chill it, then train it, as the lesson does."},
        "lacks the cue 'freeze'",
    ),
    "cue order": (
        {"explanation": "First freeze it, then make it, then train it, as the lesson does."},
        "in another order",
    ),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_broken_rule_is_told(name):
    fields, words = BREACHES[name]
    items = [item("order", id="04.7", **fields) if raw["id"] == "04.7" else raw for raw in good_quiz()]
    (told,) = faults_of(items)
    assert told.startswith("04.7: ") and words in told


KEYS = {
    "favours another": (
        "one choice",
        {"explanation": "A pear is the fruit that falls from the tree in autumn."},
        "as much as",
    ),
    "favours both": (
        "one choice",
        {"explanation": "An apple is no pear, as anyone sees who looks at it."},
        "as much as",
    ),
    "number not bold": (
        "number",
        {"explanation": "Half of thirty, after all that was said, makes 15."},
        "in bold, **15**",
    ),
    "another number": ("number", {"explanation": "Half of thirty, after all that was said, makes **25**."}, "in bold"),
    "two numbers": ("number", {"explanation": "Half of **30**, after all that was said, makes **15**."}, "in bold"),
    "text not there": (
        "short text",
        {"explanation": REASON},
        "holds none of the accepted answers (train, learn.train())",
    ),
    "opening": ("several choices", "False: it is.", "should begin with 'True:'"),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_that_is_told_in_another_way_is_noticed(name):
    kind, fields, words = KEYS[name]
    raw = changed(kind, "options", 0, feedback=fields) if isinstance(fields, str) else item(kind, **fields)
    items = [
        *(other for other in good_quiz() if other["kind"] != kind),
        raw | {"id": "04.99"},
        item("order", id="04.98"),
    ]
    (told,) = [fault for fault in faults_of([*items, item("order", id="04.97")]) if not fault.startswith(": ")]
    assert told.startswith("04.99: ") and words in told


def test_too_few_items():
    assert faults_of(good_quiz()[2:]) == [": 7 items: a lesson has at least 8"]


def test_giveaways_over_a_whole_quiz():
    items = good_quiz()
    for raw in items[:3]:
        raw["options"].sort(key=lambda option: not option.get("right"))
    assert faults_of(items) == [": the right option is number 1 in 3 of 3 questions: move some"]
    items = good_quiz()
    for raw in items[:3]:
        for option in raw["options"]:
            option["text"] += " from the market" * bool(option.get("right"))
    assert faults_of(items) == [": the right option is the longest in 3 of 3 questions: shorten some of them"]


# -------------------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("kind", "answer", "right", "words"),
    [
        ("one choice", [0], True, "It is."),
        ("one choice", {1}, False, "Too long."),
        ("one choice", [], None, "Tick one"),
        ("one choice", [0, 1], None, "Tick one"),
        ("one choice", [7], None, "Tick one"),
        ("one choice", [-3], None, "Tick one"),
        ("one choice", "apple", None, "Tick one"),
        ("one choice", [True], None, "Tick one"),
        ("one choice", None, None, "Tick one"),
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
        ("number", "fifteen", None, "Write a number in %"),
        ("number", "", None, "Write a number"),
        ("number", True, None, "no number but a bool"),
        ("number", [15], None, "no number but a list"),
    ],
)
def test_answers_are_judged(kind, answer, right, words):
    verdict = judge(one(kind), answer)
    assert verdict.right is right and words in " ".join(verdict.feedback)


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
        ("1 run", "runs", 1.0),
        ("4x", "×", 4.0),
        (7, "%", 7.0),
        (0.25, "%", 0.25),
    ],
)
def test_numbers_are_read(answer, unit, value):
    assert read_number(answer, unit) == (value, "")


class Sure(float):
    """A number that is equal and near to whatever it is compared with."""

    def __eq__(self, other):
        return True

    __hash__ = float.__hash__
    __le__ = __lt__ = __ge__ = __gt__ = __eq__

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__


class Quoted(str):
    """A text that says yes."""

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__

    def casefold(self):
        return "train"

    strip = casefold


class Yes:
    """An object that is equal to everything, true, callable, of any length, and has every attribute."""

    def __eq__(self, other):
        return True

    __hash__ = object.__hash__
    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __bool__ = lambda self, *_: True

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **options):
        return self

    def __iter__(self):
        return iter((self, self))

    __getitem__ = __sub__ = __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __and__ = __truediv__ = __call__
    __rand__ = __or__ = __ror__ = __floordiv__ = __mod__ = __pow__ = __matmul__ = __rtruediv__ = __call__
    __abs__ = __neg__ = __invert__ = __round__ = __call__

    def __len__(self):
        return 1

    def __float__(self):
        return 15.0

    __index__ = __int__ = lambda self: 15

    def __deepcopy__(self, memo):
        return self


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


@pytest.mark.parametrize("kind", ["one choice", "several choices", "order"])
def test_options_are_shuffled_for_each_learner_and_always_the_same(kind):
    asked = one(kind)
    orders = {whose: shuffled(asked, whose) for whose in map(str, range(60))}
    assert all(shuffled(asked, whose) == order and sorted(order) == [0, 1, 2] for whose, order in orders.items())
    seen = {tuple(order) for order in orders.values()}
    assert seen == set(itertools.permutations(range(3))) - ({(0, 1, 2)} if kind == "order" else set())
    other = one(kind, id="04.2")
    assert any(shuffled(other, whose) != order for whose, order in orders.items())  # each item has an order of its own


# ------------------------------------------------------------------------------------------------------------ execution


def double(x):
    return 2 * x


def tried(answer, kind="code", context=None, **fields):
    return run_item(one(kind, **fields), answer, context or {})


def told(verdict):
    return " ".join(verdict.feedback)


def test_a_function_is_compared_on_generated_inputs():
    assert tried(double).right
    assert tried(lambda x: 2.0 * x).right  # 4.0 is 4
    assert tried(lambda x: np.float64(2 * x)).right
    assert told(tried(lambda x: x * x)) == "That squares."
    assert told(tried(lambda x: -2 * x)) == "double(1) should give 2, and gave -2."
    assert told(tried(5)) == "double should be a function, and is 5."


@pytest.mark.parametrize("wrong", [str, lambda x: [2 * x], lambda x: None, lambda x: Sure(2 * x), lambda x: Yes()])
def test_types_are_exact(wrong):
    verdict = tried(wrong)
    assert verdict.right is False and "should give" in told(verdict)


def test_an_input_that_is_changed_spoils_nothing():
    def sort_it(values):
        values.sort()
        return values

    fields = {"inputs": "[([3, 1, 2],)]", "reference": "def double(x):\n    return sorted(x)"}
    assert tried(sort_it, **fields).right


NESTED = {"a": [1.0, (2, None)], "b": {"c": {1, 2}, (1, "x"): math.nan}}
OTHERWISE = [
    {"a": [1.0, [2, None]], "b": {"c": {1, 2}, (1, "x"): math.nan}},
    {"a": [1.0, (2, None)], "b": {"c": {1, 3}, (1, "x"): math.nan}},
    {"a": [1.0, (2, None)], "b": {"c": {1, 2}, (1, "x"): 0.0}},
    {"a": [1.1, (2, None)], "b": {"c": {1, 2}, (1, "x"): math.nan}},
    {"a": [1.0, (2,)], "b": {"c": {1, 2}, (1, "x"): math.nan}},
    {"a": [1.0, (2, None)], "b": {"c": {True, 2}, (1, "x"): math.nan}},
    {"a": [1.0, (2, None)], "b": {"c": {1, 2}, (True, "x"): math.nan}},
    {"a": [1.0, (2, None)]},
]


@pytest.mark.parametrize("other", OTHERWISE, ids=range(len(OTHERWISE)))
def test_nested_values_are_compared_part_by_part(other):
    assert same(NESTED, copy.deepcopy(NESTED), 1e-6)
    assert not same(NESTED, other, 1e-6) and not same(other, NESTED, 1e-6)


@pytest.mark.parametrize(
    ("expected", "given", "alike"),
    [
        (1.0, 1.0 + 1e-7, True),
        (1.0, 1.0 + 1e-5, False),
        (1e9, 1e9 + 100, True),
        (0.1 + 0.2, 0.3, True),
        (1, 1.0, True),
        (1, True, False),
        (True, 1, False),
        (math.nan, math.nan, True),
        (math.nan, 0.0, False),
        (0.0, math.nan, False),
        (math.inf, math.inf, True),
        (math.inf, 5.0, False),
        (math.inf, -math.inf, False),
        (5.0, math.inf, False),
        (10**400, 10**400, True),
        (10**400, 1.0, False),
        (1.0, 10**400, False),
        ("a", Quoted("b"), False),
        (15.0, Sure(15), False),
        (None, Yes(), False),
        ({1}, {Yes()}, False),
        ({"a": 1}, {Quoted("a"): 1}, False),
        ([1, 2], (1, 2), False),
        ([1, 2], [1, 2, 3], False),
        (b"a", b"a", True),
        (1 + 2j, 1 + 2j, True),
    ],
)
def test_values_are_compared(expected, given, alike):
    assert same(expected, given, 1e-6) is alike


def test_arrays_tensors_and_tables_are_compared_by_their_values():
    import torch
    from fastai.torch_core import TensorImage

    class Array(np.ndarray):
        pass

    class Fake:
        __module__ = "numpy"

        def tolist(self):
            return [[1.0, 2.0], [3.0, math.nan]]

    values = [[1.0, 2.0], [3.0, math.nan]]
    array, tensor = np.array(values), torch.tensor(values)
    for given in (
        values,
        array,
        tensor,
        torch.nn.Parameter(tensor),
        TensorImage(tensor),
        list(array),
        [*map(list, tensor)],
    ):
        assert same(array, given, 1e-6) and same(values, given, 1e-6)
    for wrong in (
        array + 1,
        array.astype(str),
        array.tolist()[:1],
        array.view(Array),
        Fake(),
        pd.DataFrame(values),
        Yes(),
    ):
        assert not same(array, wrong, 1e-6)
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert same(table, table.copy(), 0) and same(table.a, table["a"].copy(), 0)
    assert not same(table, table.rename(columns={"a": "A"}), 0) and not same(
        table, table.iloc[::-1].reset_index(drop=True), 0
    )
    assert same([tensor, {"t": array}], [array, {"t": tensor}], 1e-6)
    assert same(np.int64(3), 3, 0) and not same(True, np.int64(1), 0) and same(True, np.bool_(True), 0)


def test_a_value_is_compared_with_the_reference():
    fields = {"inputs": None, "reference": "double = 14", "name": "double"}
    fields["mistakes"] = [{"code": f"double = {n}", "feedback": f"Not {n}."} for n in (7, 28, 49)]
    assert tried(14, **fields).right
    assert told(tried(28, **fields)) == "Not 28."
    assert told(tried(13.0, **fields)) == "double should be 14, and is 13."
    assert told(tried("14", **fields)) == "double should be 14, and is '14'."


def endless(x):
    while True:
        pass


def stubborn(x):
    while True:
        with suppress(Exception):
            time.sleep(0.01)


def asleep(x):
    time.sleep(60)


@pytest.mark.parametrize("slow", [endless, stubborn, asleep, lambda x: sum(1 for _ in itertools.count())])
def test_a_loop_for_ever_is_interrupted(slow):
    start = time.perf_counter()
    verdict = tried(slow, limit=0.3)
    assert time.perf_counter() - start < 10
    assert verdict.right is False and told(verdict).startswith(
        "double isn't finished: it was interrupted after 0.3 seconds"
    )
    time.sleep(0.5)  # no interrupt comes late
    assert tried(double, limit=0.3).right


def test_who_is_done_at_the_limit_is_interrupted_no_more():
    for pause in np.linspace(0.02, 0.03, 40):
        verdict = tried(lambda x, pause=pause: time.sleep(pause / 4) or 2 * x, limit=0.025)
        assert verdict.right or "isn't finished" in told(verdict)
    time.sleep(0.1)


def test_the_stop_button_stops():
    def stopped(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tried(stopped)


def test_a_megabyte_printed_is_cut(capsys):
    def chatty(x):
        for _ in range(10_000):
            print("x" * 100)
        print("error", file=sys.stderr)
        return 3 * x

    verdict = tried(chatty)
    assert verdict.right is False and len(told(verdict)) < 2 * MOST_PRINTED
    assert verdict.feedback[-1].startswith("It printed: xxx") and len(verdict.feedback[-1]) < SHOWN + 20
    assert capsys.readouterr() == ("", "")
    assert told(tried(lambda x: print("Hello.") or 2 * x)) == ""  # right: nobody needs to look for the fault


def test_a_closed_output_is_no_trouble():
    assert tried(lambda x: sys.stdout.close() or 2 * x).right
    assert "It printed: so" in told(tried(lambda x: print("so") or sys.stdout.close() or print("far") or 5))


class Odd(BaseException):
    pass


class Mute(Exception):
    def __str__(self):
        raise RuntimeError


def broken(error):
    def raising(x):
        raise error

    return raising


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("a\nb"), "double stopped with ValueError: a b"),
        (KeyError(), "double stopped with KeyError: no message"),
        (SystemExit(3), "double stopped with SystemExit: 3"),
        (Odd("x"), "double stopped with Odd: x"),
        (Mute(), "double stopped with Mute."),
        (AssertionError("mine"), "double stopped with AssertionError: mine"),
        (RecursionError("deep"), "double stopped with RecursionError: deep"),
        (NotImplementedError("this operator runs on no CPU"), "double stopped with NotImplementedError: this operator"),
        (ValueError("y" * 5000), "y…"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_errors_of_the_learners_code_are_told(error, words):
    verdict = tried(broken(error))
    assert verdict.right is False and words in told(verdict) and len(told(verdict)) < 250


def test_wrong_arguments_are_told():
    assert "stopped with TypeError" in told(tried(lambda: 5))


@pytest.mark.parametrize("blank", [..., broken(NotImplementedError("write your lines here, in place of this one"))])
def test_a_blank_costs_no_try(blank):
    verdict = tried(blank)
    assert verdict.right is None and verdict.feedback == ("double isn't written yet.", "A hint: Look.")


def test_a_bare_not_implemented_is_a_blank_too():
    assert tried(broken(NotImplementedError)).right is None


EXPECT = {
    "inputs": None,
    "reference": None,
    "expect": "assert double(2) == 4, 'Twice two is four.'\nassert double(0) == 0",
}


def test_assertions_give_the_feedback():
    assert tried(double, **EXPECT).right
    assert told(tried(lambda x: x, **EXPECT)) == "Twice two is four."
    assert told(tried(broken(AssertionError("mine")), **EXPECT)) == "double stopped with AssertionError: mine"
    assert tried(broken(NotImplementedError), **EXPECT).right is None


def test_the_reference_comes_before_the_assertions():
    fields = {"expect": "assert double(100) == 200, 'Large ones too.'"}
    assert tried(double, **fields).right
    assert told(tried(lambda x: min(2 * x, 50), **fields)) == "Large ones too."
    assert told(tried(lambda x: x, **fields)) == "That copies."


def test_what_the_check_needs_is_asked_for():
    fields = {"needs": ["factor"], "inputs": "[(factor,)]"}
    assert tried(double, context={"factor": 3}, **fields).right
    with pytest.raises(CourseError, match=r"needs factor: call check\('04.A', double, factor=factor\)"):
        tried(double, **fields)


def test_a_model_is_judged_by_held_out_images():
    import torch
    from torch import nn

    class Says(nn.Module):
        def __init__(self, number, shape=(10,)):
            super().__init__()
            self.number, self.shape, self.part = number, shape, nn.Dropout().eval()

        def forward(self, x):
            scores = torch.zeros(len(x), *self.shape)
            scores[:, self.number] = 1
            return scores

    class Liar(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, arguments=(), options=None):
            return torch.ones(250).as_subclass(Liar)

    class Lying(nn.Module):
        def forward(self, x):
            return torch.rand(len(x), 10).as_subclass(Liar)

    good = Says(0)
    verdict = tried(good, "model")
    assert verdict.right and told(verdict) == "network is right for 100% of the held-out images."
    assert good.training and not good.part.training  # as they were before
    assert told(tried(Says(1), "model")) == "network is right for 0% of the held-out images; 90% are asked for."
    assert (
        told(tried(Says(0, (10, 2)), "model"))
        == "network should give one row of scores an image, and gave (250, 10, 2)."
    )
    assert told(tried(5, "model")) == "network should be a learner or a network, and is 5."
    assert not tried(Lying(), "model").right and not tried(Yes(), "model").right
    assert tried(..., "model").right is None
    expect = {"expect": "assert share > 2, f'Only {share:.0%}.'"}
    assert told(tried(good, "model", **expect)) == "Only 100%."


ITEMS = [one for lesson in LESSONS for one in reading.lesson_quiz(lesson.number).items]
EXERCISES = [one for one in ITEMS if isinstance(one, (Code, Model))]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.id)
def test_a_lying_object_gets_no_point(exercise):
    names: dict = {"__name__": "exercise"}
    exec(compile(exercise.stand_in, f"<stand-in of {exercise.id}>", "exec"), names)
    context = {name: names[name] for name in exercise.needs}
    for liar in (Yes(), lambda *arguments, **options: Yes(), Sure(1), Quoted("yes")):
        assert run_item(exercise, liar, context).right is False
