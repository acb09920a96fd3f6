"""The class report and similar code: right numbers, flags for faulty items, and copies found among many."""

import base64
import random
import re
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.records import Mark, Outcome, Result, State, Timing
from course_utils.grading.returning.report import alike, report, statistics
from course_utils.grading.returning.similarity import GRAM, WINDOW, fingerprints, similar

(QUIZ,) = open_bank(Path(__file__).parents[3] / "docs" / "example_bank")
OURS = Assignment(QUIZ)
MOST = {item.id: float(item.points) for item in QUIZ.items}
OWN = """
def balanced(truth, guess):
    found = {}
    for place, (one, other) in enumerate(zip(truth, guess)):
        found.setdefault(one, []).append(one == other)
        if place % 7 == 3 and not found:
            raise KeyError(place)
    return sum(sum(rows) / len(rows) for rows in found.values()) / len(found)
"""
SHAPES = (
    "return float(np.mean([np.mean(g[t == c] == c) for c in np.unique(t)]))",
    "total = 0\n    for c in set(t):\n        mask = t == c\n        total += (g[mask] == c).sum() / mask.sum()\n"
    "    return total / len(set(t))",
    "from sklearn.metrics import recall_score\n    return recall_score(t, g, average='macro')",
)
EXTRAS = (
    *("print({0})", "assert len({0}) > {1}", "if {0} is None:\n        return {1}", "{0} = {0} + {1}"),
    *("{0} = [x for x in {0} if x > {1}]", "while {1} < {1}:\n        break", "{0}, {2} = {2}, {0}"),
    *("{0} = sorted({0}, key=lambda k: -k)[{1}:]", "{0}.append({2}[{1}])", "{0} = {{1: {2}}}.get({0}, {1})"),
)


def result(student, shares=None, answers=None, outcomes=None, feedback=()):
    shares, answers, outcomes = shares or {}, answers or {}, outcomes or {}
    marks = []
    for item, most in MOST.items():
        share = shares.get(item, 0.0)
        default = Outcome.RIGHT if share == 1 else Outcome.WAITING if share is None else Outcome.WRONG
        points = None if share is None else share * most
        marks.append(Mark(item, outcomes.get(item, default), points, most, feedback, answers.get(item, "")))
    state = State.PARTIAL if None in shares.values() else State.GRADED
    return Result(student, QUIZ.lesson, f"of {student}", "here", state, tuple(marks), tier="sandbox")


def student_code(rng):
    lines = [
        rng.choice(EXTRAS).format(rng.choice("abcdef"), rng.randint(0, 9), rng.choice("ghijk"))
        for _ in range(rng.randint(2, 14))
    ]
    return "def balanced(t, g):\n    " + "\n    ".join([*lines, rng.choice(SHAPES)])


def test_difficulty_and_discrimination_are_those_of_the_textbook():
    rng = np.random.default_rng(0)
    able = rng.random(200)
    table = {item: (rng.random(200) < able).astype(float) for item in MOST}
    table["90.3"] = (rng.random(200) > able).astype(float)  # as with a wrong key
    results = [result(f"s{n}", {item: column[n] for item, column in table.items()}) for n in range(200)]
    found = {one.item: one for one in statistics(results, OURS)}
    for item, column in table.items():
        rest = sum(table[other] * MOST[other] for other in MOST if other != item)
        assert found[item].mean == pytest.approx(column.mean())
        assert found[item].rest == pytest.approx(np.corrcoef(column, rest)[0, 1])
    assert any("look at its key" in flag for flag in found["90.3"].flags) and found["90.3"].rest < 0
    assert not found["90.1"].flags and found["90.1"].rest > 0.2


def test_unknown_points_are_in_no_mean():
    results = [result("a", {"90.1": 1.0}), result("b", {"90.1": None}), result("c", {"90.1": None})]
    one = statistics(results, OURS)[0]
    assert (one.n, one.open, one.mean, one.rest) == (1, 2, 1.0, None)
    nobody = statistics([result("b", {"90.1": None})], OURS)[0]
    assert (nobody.n, nobody.mean) == (0, None)
    assert statistics([], OURS)[0].mean is None


def test_shares_of_what_went_wrong():
    kinds = [Outcome.BLANK, Outcome.BLANK, Outcome.RAISED, Outcome.TIMEOUT, Outcome.CRASHED]
    results = [result(f"s{n}", outcomes={"90.A": kind}) for n, kind in enumerate(kinds)]
    one = next(one for one in statistics(results, OURS) if one.item == "90.A")
    assert (one.blank, one.raised, one.stopped) == (0.4, 0.2, 0.4)
    assert any("limit" in flag for flag in one.flags)


def test_wrong_answers_are_counted_in_one_form():
    said = ["Train", " train. ", "TRAIN", "test", "", "<b>x</b>"]
    results = [result(f"s{n}", answers={"90.5": words}, feedback=("That.",)) for n, words in enumerate(said)]
    wrong = dict(next(one for one in statistics(results, OURS) if one.item == "90.5").wrong)
    assert wrong["train"] == 3 and wrong["test"] == wrong["(nothing)"] == 1
    code = next(one for one in statistics(results, OURS) if one.item == "90.A")
    assert code.wrong == [("That.", 6)]  # of code, what was found


def test_letters_of_personal_notebooks_are_counted_by_what_they_stand_for():
    item = QUIZ.item("90.1")
    results = []
    for n in range(12):
        letters = {words: letter for letter, words in OURS.for_student(f"s{n}").lettered(item)}
        results.append(result(f"s{n}", answers={"90.1": letters["none of them"]}))
    assert len({one.marks[0].answer for one in results}) > 1
    assert statistics(results, OURS)[0].wrong == [("none of them", 12)]


def test_the_page_is_whole_and_escaped(tmp_path):
    nasty = "<script>alert(1)</script>\x1b[31m"
    results = [
        result(f"{nasty}{n}", {"90.1": n % 2, "90.2": (n % 3) / 2}, {"90.5": nasty, "90.A": OWN}) for n in range(30)
    ]
    path = report([*results, replace(results[0], assignment="91_other")], OURS, tmp_path / "out")
    text = path.read_text(encoding="utf-8")
    assert path == tmp_path / "out" / "90_example_report.html" and "30 submissions" in text
    assert '30 ran in isolation "sandbox"' in text
    assert "<script" not in text and "&lt;script&gt;" in text and "\x1b" not in text
    assert "default-src 'none'" in text and not re.search(r"(src|href)=\"(?!data:)", text)
    picture = base64.b64decode(re.search(r'base64,([^"]+)"', text)[1])
    assert picture.startswith(b"\x89PNG") and len(picture) < 60_000
    assert re.search(r'<img alt="Histogram of the points of 30 submissions: median [\d.]+ of 18', text)


def test_a_class_without_marks_has_a_report_too(tmp_path):
    nothing = Result("ada", QUIZ.lesson, "d", "here", State.UNREADABLE, ())
    for results in ([], [nothing], [result("ada", {"90.1": None})]):
        page = report(results, OURS, tmp_path).read_text(encoding="utf-8")
        assert "No submission has all its points yet" in page and f"<p>{len(results)} submissions" in page


def test_renaming_numbers_spaces_and_comments_hide_no_copy():
    other = (
        OWN.replace("found", "x").replace("place", "i").replace("7", "9").replace("    for", "    # mine\n\n    for")
    )
    other = other.replace(" == ", "==")
    assert other != OWN and fingerprints(other) == fingerprints(OWN)


def test_what_is_long_enough_is_always_found():
    """Winnowing's guarantee: a shared run of GRAM + WINDOW - 1 tokens shares a fingerprint."""
    rng = random.Random(1)
    signs = list("+-*/%&|^<>~.,:;@")
    for _ in range(200):
        shared = [rng.choice(signs) for _ in range(GRAM + WINDOW - 1)]
        one, other = ([rng.choice(signs) for _ in range(rng.randint(0, 40))] for _ in range(2))
        tail = [rng.choice(signs) for _ in range(rng.randint(0, 40))]
        first, second = " ".join([*one, *shared]), " ".join([*other, *shared, *tail])
        assert fingerprints(first) & fingerprints(second)
        assert len(fingerprints(first)) <= max(WINDOW, len(first.split()) - GRAM - WINDOW + 2)  # fewer than the grams


def test_the_starter_and_what_the_class_shares_count_for_nobody():
    rng = random.Random(2)
    assert similar({"a": OWN, "b": OWN}, handed_out=[OWN]) == []
    everybody = {f"s{n}": OWN for n in range(100)}
    assert similar(everybody) == []
    own = {f"s{n}": OWN + student_code(rng) for n in range(100)}
    assert not [pair for pair in similar(own) if pair.share > 0.95 and own[pair.first] == own[pair.second]]


def test_broken_and_hostile_code_stops_nothing():
    odd = ["", "'''", '"' * 3001, "'" * 3001, "(" * 10_000, "\x00\ud800", "def (:", "é = '", "#" * 9000, "\\" * 9000]
    start = time.process_time()
    assert similar({str(n): source for n, source in enumerate(odd)}) is not None
    assert time.process_time() - start < 5
    broken = "def broken(((:\n  '''" + OWN
    assert similar({"a": OWN, "b": broken, "c": "print(1)"})[0][:2] == ("a", "b")


def test_twenty_thousand_answers_are_not_compared_two_by_two():
    rng = random.Random(0)
    answers = {f"s{n:05}": student_code(rng) for n in range(20_000)}
    answers["s00010"] = OWN
    answers["s15000"] = OWN.replace("found", "kept") + "\n# mine"
    start = time.process_time()
    pairs = similar(answers, ["def balanced(t, g):\n    ..."])
    took = time.process_time() - start
    assert ("s00010", "s15000", 1.0) in [pair[:3] for pair in pairs] and len(pairs) <= 200
    assert all(pair.share >= 0.6 for pair in pairs) and took < 40, took


def test_only_code_that_was_written_is_compared():
    results = [result(student, answers={"90.A": OWN, "90.7": OWN}) for student in ("ada", "grace")]
    results.append(result("emmy", answers={"90.A": OWN}, outcomes={"90.A": Outcome.BLANK}))
    found = dict(alike(results, OURS))
    assert list(found) == [QUIZ.item("90.A").label, QUIZ.item("90.B").label]
    assert [pair[:3] for pair in found[QUIZ.item("90.A").label]] == [("ada", "grace", 1.0)]


def test_who_was_late_is_named_and_no_figure_depends_on_it(tmp_path):
    due = datetime(2026, 12, 4, 23, 59, 59, tzinfo=ZoneInfo("Europe/Berlin"))
    in_time = [result(f"s{n}", {"90.1": n % 2}) for n in range(12)]
    timing = Timing(due, due + timedelta(hours=2), timedelta(hours=2), "list.csv", True, 1.0)
    late = [replace(in_time[1], timing=timing), *in_time[:1], *in_time[2:]]
    assert statistics(late, OURS) == statistics([in_time[1], *in_time[:1], *in_time[2:]], OURS)
    pages = [report(rows, OURS, tmp_path / "r.html").read_text() for rows in (in_time, late)]
    assert "Handed in after the deadline" not in pages[0]
    assert "Handed in 2 h after the deadline" in pages[1] and "list.csv" in pages[1]
