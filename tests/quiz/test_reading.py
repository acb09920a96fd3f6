"""Items are read, and each fault is told with its file, line and item."""

import math

import pytest
from support.errors import refused
from support.quiz_items import KINDS, changed, item, one, text_of, trouble, without

from course_utils.lessons import Lesson
from course_utils.quiz import reading


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_item_of_each_kind_is_read(kind):
    assert one(kind).kind == kind


FAULTY = {
    "kind missing": (without("order", "kind"), "`kind` is missing"),
    "kind unknown": (item("order") | {"kind": "riddle"}, "`kind` is 'riddle'"),
    "field missing": (without("order", "section"), "`section` is missing"),
    "field unknown": (item("order", colour="red"), "there is no field `colour` here: there are id, kind, topic"),
    "stem empty": (item("order", stem="  "), "`stem` should be a text, and is empty"),
    "wrong type": (item("number", tolerance="a little"), "`tolerance` should be a number, and is the text 'a little'"),
    "a number as text": (
        item("number", answer="15"),
        "`answer` should be a number, and is the text '15': take away",
    ),
    "no finite answer": (item("number", answer=math.nan), "`answer` should be a finite number"),
    "no finite tolerance": (item("number", tolerance=math.inf), "`tolerance` should be a finite number"),
    "negative tolerance": (item("number", tolerance=-1.0), "`tolerance` should be at least 0, and is -1.0"),
    "no hint": (item("order", hints=[]), "`hints` should have at least 1 part, and has 0"),
    "difficulty unknown": (
        item("order", difficulty="nasty"),
        "`difficulty` should be one of 'easy', 'medium', 'hard', and is the text 'nasty'",
    ),
    "too many points": (item("order", points=11), "`points` should be at most 10, and is 11"),
    "an id of no form": (item("order", id="4.1"), "`id` should be the assignment's number and the item's"),
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
    "one option": (
        item("one choice", options=[{"text": "a", "right": True, "feedback": "b"}]),
        "at least 2 parts, and has 1",
    ),
    "seven options": (
        item("one choice", options=[{"text": t, "right": t == "a", "feedback": "b"} for t in "abcdefg"]),
        "`options` should have at most 6 parts, and has 7",
    ),
    "option without feedback": (
        changed("one choice", "options", 1, feedback=""),
        "`feedback` should be a text, and is empty",
    ),
    "mistake that is right": (changed("number", "mistakes", 0, answer=16.0), "the mistake 16 would count as right"),
    "no mistake": (item("number", mistakes=[]), "`mistakes` should have at least 1 part"),
    "accepted mistake": (
        changed("short text", "mistakes", 0, answers=["`Train`."]),
        "'train' stands among the accepted",
    ),
    "two steps": (item("order", steps=item("order")["steps"][:2]), "`steps` should have at least 3 parts, and has 2"),
    "two steps alike": (changed("order", "steps", 1, text="To  make it"), "two steps say 'to make it'"),
    "every guess near": (item("prediction", within=50.0), "every guess would be near"),
    "every guess near by ratio": (item("prediction", within=None, factor=3.0, low=20.0), "every guess would be near"),
    "a distance and a ratio": (
        item("prediction", factor=2.0),
        "give either `within`, a distance, or `factor`, a ratio",
    ),
    "neither": (item("prediction", within=None), "give either `within`, a distance, or `factor`, a ratio"),
    "a ratio to zero": (item("prediction", within=None, factor=2.0), "a ratio needs numbers above 0"),
    "two mistakes in code": (
        item("code", mistakes=item("code")["mistakes"][:2]),
        "at least 3 parts, and has 2",
    ),
    "inputs alone": (item("code", reference=None, expect="assert double"), "`inputs` are there for a `reference`"),
    "nothing at all": (item("code", inputs=None, reference=None), "nothing is checked"),
    "no name": (item("code", name="Double me"), "`name` should be a name of Python"),
    "no time": (item("code", limit=0.0), "`limit` should be more than 0"),
    "no share": (item("model", at_least=1.5), "`at_least` should be less than 1"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_told_with_file_line_and_item(name):
    faulty, words = FAULTY[name]
    text = text_of(item("order", id="04.7"), faulty)
    first = next(n for n, line in enumerate(text.splitlines(), start=1) if faulty["id"] in line)
    told = trouble(text)
    place, _, said = told.partition(": ")
    assert place.endswith(f" (item {faulty['id']})") and words in said and said[-1] in ".?" and "\n" not in told
    line = int(place.removeprefix("04_freezing.yaml:").split()[0])
    assert first <= line <= len(text.splitlines())


def test_the_line_is_that_of_the_part_itself():
    lines = text_of(item("order", id="04.7"), changed("one choice", "options", 2, right="yes")).splitlines()
    number = next(n for n, line in enumerate(lines, start=1) if "right: 'yes'" in line)
    assert trouble("\n".join(lines)).startswith(
        f"04_freezing.yaml:{number} (item 04.1): `right` should be true or false, and is the text 'yes'"
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
        ("", "04_freezing.yaml:1: the file should have fields of its own (lesson, items)"),
        ("- a\n- b\n", "04_freezing.yaml:1: the file should have fields of its own (lesson, items)"),
        ("lesson: 04_freezing\nitems: []\n", "04_freezing.yaml:2: `items` should have at least 1 part"),
        ("lesson: 04_freezing\nitems:\n  a: b\n", "04_freezing.yaml:2: `items` should be a list"),
        ("lesson: 04_freezing\nitems:\n- 5\n", "04_freezing.yaml:3 (item number 1): a part of `items` should be"),
        ("lesson: four\nitems: 5\n", "04_freezing.yaml:1: `lesson` should be two digits and a name"),
        ("items: 5\n", "04_freezing.yaml:1: `lesson` is missing"),
        ("5: x\n", "04_freezing.yaml:1: "),
    ],
)
def test_what_is_no_quiz_is_told(text, words):
    assert words in trouble(text)


def test_items_by_name(monkeypatch, tmp_path):
    assert reading.item("04.2").id == "04.2"
    with refused("quiz.item-name", "'4'"):
        reading.item("4")
    with refused("quiz.unknown-item", "'04.99'", "choose one of 04.1"):
        reading.item("04.99")
    with refused("quiz.unknown-lesson", "'99'"):
        reading.item("99.1")
    (tmp_path / "97_toy.yaml").write_bytes(b"lesson: \xff")
    monkeypatch.setattr(reading, "FOLDER", tmp_path)
    monkeypatch.setattr("course_utils.lessons.LESSONS", (Lesson("97_toy", "Can this be read?"),))
    with refused("quiz.encoding", "97_toy.yaml: byte 8"):
        reading.item("97.1")
