"""The learner's progress: two writers, killed kernels, damaged files, no room to write; what comes again when."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.errors import refused
from typer.testing import CliRunner

from course_utils.cli.progress import app
from course_utils.quiz import progress
from course_utils.quiz.reading import lesson_quiz, numbers
from course_utils.quiz.widgets import ask

NOON = datetime(2026, 3, 10, 12).timestamp()
NOBODY = 65534


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """Where this test's learner is kept."""
    path = tmp_path / "of mine" / "progress.sqlite"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands at noon until the test moves it."""
    stands = SimpleNamespace(now=NOON)
    fake = SimpleNamespace(time=lambda: stands.now, strftime=time.strftime)
    monkeypatch.setattr(progress, "time", fake)
    return stands


def writing(answers: int, whose: str, file: Path) -> subprocess.Popen:
    """A process that notes answers, one after the other, and says which it has noted."""
    code = (
        "from course_utils.quiz import progress\n"
        f"for n in range({answers}):\n"
        f"    progress.record('04.1', n % 2 == 0, ['{whose}', n])\n"
        "    print(n, flush=True)\n"
    )
    environment = os.environ | {"COURSE_PROGRESS": str(file)}
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)


def noted() -> list:
    return [json.loads(row["answer"]) for row in progress.export()["answers"]]


# ------------------------------------------------------------------------------------------------ what is kept, and how


def test_answers_and_guesses_are_kept(file, clock):
    assert progress.last_answer("04.1") is None and progress.guess_of("04.8") is None and progress.standings() == {}
    progress.record("04.1", False, [2], hints=1)
    progress.record("04.1", True, [0])  # at the same moment: the order of writing counts
    progress.keep_guess("04.8", 3.0)
    progress.keep_guess("04.8", 4.5)
    assert progress.last_answer("04.1") == (True, [0]) and progress.guess_of("04.8") == 4.5
    standing = progress.standings()["04.1"]
    assert (standing.tries, standing.first_right, standing.last_right) == (2, False, True)
    progress.record("04.1", True, [0])
    assert (progress.standings()["04.1"].tries, progress.standings()["04.1"].needed) == (3, 2)
    assert [path.name for path in file.parent.iterdir()] == ["progress.sqlite"]  # one file when nobody writes


def test_a_clock_set_back_changes_no_order(clock):
    progress.record("04.1", False)
    clock.now -= 3600
    progress.record("04.1", True)
    assert progress.last_answer("04.1")[0] and progress.standings()["04.1"].last_right


def test_a_long_answer_is_cut():
    progress.record("04.7", True, "x" * 5000)
    assert progress.last_answer("04.7") == (True, None)


def test_watchers_hear_of_each_answer(monkeypatch):
    heard = []
    monkeypatch.setattr(progress, "_watching", [lambda: heard.append(progress.last_answer("04.1"))])
    progress.record("04.1", True, [1])
    assert heard == [(True, [1])]


@pytest.mark.parametrize("again", range(3))
def test_two_processes_write_at_once_without_loss(file, again):
    both = [writing(200, whose, file) for whose in "ab"]  # both find no file: one of them makes it
    assert [process.communicate(timeout=120)[0].split()[-1] for process in both] == ["199", "199"]
    assert [process.returncode for process in both] == [0, 0]
    answers = noted()
    assert len(answers) == 400
    for whose in "ab":
        assert [n for who, n in answers if who == whose] == list(range(200))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 on this system")
@pytest.mark.parametrize("after", [1, 5, 40])
def test_a_killed_kernel_loses_at_most_what_it_was_writing(file, after, capsys):
    process = writing(100_000, "a", file)
    said = [int(process.stdout.readline()) for _ in range(after)]
    process.send_signal(signal.SIGKILL)
    said += [int(line) for line in process.communicate()[0].split()]
    answers = [n for _, n in noted()]
    assert answers[: len(said)] == said and len(answers) <= len(said) + 1
    progress.record("04.2", True)
    assert progress.last_answer("04.2") == (True, None) and capsys.readouterr().out == ""


def test_who_waits_too_long_for_another_is_told(file, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.2)
    progress.record("04.1", True)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with refused("quiz.progress-file", "(database is locked)"):
        progress.record("04.1", False)
    other.close()
    progress.record("04.1", False)
    assert progress.standings()["04.1"].tries == 2


# -------------------------------------------------------------------------------------------------------- damaged files


def overwritten(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + b"damaged " * 500 + content[middle + 4000 :]


DAMAGES = {
    "a text": lambda content: b"This is no database, but a letter.\n" * 40,
    "the beginning": lambda content: b"\0" * 100 + content[100:],
    "the middle": overwritten,
    "the end": lambda content: content[: len(content) // 2 + 100],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_kept_and_a_new_one_begins(file, damage, capsys):
    for n in range(40):
        progress.record("04.1", True, ["an answer", n, "x" * 900])
    spoilt = DAMAGES[damage](file.read_bytes())
    file.write_bytes(spoilt)
    progress.record("04.2", False, [1])
    (kept,) = file.parent.glob("*.damaged-*")
    said = f"The file with your progress was damaged: it is kept as {kept.name}, and a new one begins.\n"
    assert capsys.readouterr().err == said and kept.read_bytes() == spoilt
    assert progress.last_answer("04.2") == (False, [1]) and progress.last_answer("04.1") is None
    assert capsys.readouterr().err == ""  # once


def test_a_table_of_another_form_is_told(file):
    file.parent.mkdir()
    with sqlite3.connect(file) as store:
        store.execute("CREATE TABLE answers (item TEXT, time REAL)")
    store.close()
    with refused("quiz.progress-file"):
        progress.record("04.1", True)


# ----------------------------------------------------------------------------------------------------- what comes again


def test_what_was_missed_comes_again_after_growing_gaps(clock):
    def due(days: float) -> bool:
        return progress.due_items(datetime.fromtimestamp(NOON) + timedelta(days=days)) == ["04.1"]

    day = 0
    progress.record("04.1", False)
    assert due(0)  # today
    for gap in (1, 3, 7, 21):
        progress.record("04.1", True)
        assert not due(day) and not due(day + gap - 0.6) and due(day + gap) and due(day + gap + 5)
        assert due(day + gap - 0.4)  # from midnight on
        day += gap
        clock.now = NOON + day * 86400
    progress.record("04.1", True)
    assert progress.standings()["04.1"].due is None and not due(day + 1000)
    progress.record("04.1", False)  # forgotten: from the beginning
    assert due(day)
    progress.record("04.1", True)
    assert not due(day) and due(day + 1)


def test_what_was_never_missed_does_not_come_again(clock):
    progress.record("04.1", True)
    progress.record("04.2", False)
    clock.now += 60
    progress.record("04.3", False)
    in_a_month = datetime.fromtimestamp(NOON) + timedelta(days=30)
    assert progress.due_items(in_a_month) == ["04.2", "04.3"]  # the longest overdue first


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone can't be set here")
def test_a_day_ends_at_the_learners_midnight(monkeypatch, clock):
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    try:
        progress.record("04.1", False)
        clock.now = datetime(2026, 3, 10, 16, 50).timestamp()  # ten to midnight in Greenwich
        progress.record("04.1", True)
        assert progress.due_items(datetime(2026, 3, 10, 23, 50)) == []
        assert progress.due_items(datetime(2026, 3, 11, 0, 10)) == ["04.1"]
    finally:
        monkeypatch.undo()
        time.tzset()


# ----------------------------------------------------------------------------------------------- what is brought back


def test_hints_are_kept_until_the_answer_is_right():
    assert progress.hints_seen("04.1") == 0
    progress.keep_hints("04.1", 1)
    progress.keep_hints("04.1", 2)
    assert progress.hints_seen("04.1") == 2
    progress.record("04.1", False, [2], hints=2)
    assert progress.hints_seen("04.1") == 2
    progress.keep_hints("04.1", 3)
    assert progress.hints_seen("04.1") == 3 and progress.hints_seen("04.2") == 0
    progress.record("04.1", True, [0], hints=3)
    assert progress.hints_seen("04.1") == 0


def test_misses_are_counted_since_the_last_right_answer():
    for right, misses in ((False, 1), (False, 2), (True, 0), (False, 1)):
        progress.record("04.1", right)
        assert (progress.misses("04.1"), progress.misses("04.2")) == (misses, 0)


def test_an_answer_to_an_item_that_has_changed_since_is_let_go():
    for stale in ([17], ["a"], "a word", None, [0, 0.5], {"a": 1}):
        for one in ("04.1", "04.5", "04.9"):
            progress.record(one, True, stale)
            question = ask(one)
            assert not question.done and question.input.answer == []


# -------------------------------------------------------------------------------------------------------- export, erase


def test_everything_is_exported(tmp_path):
    progress.record("04.1", False, [2], hints=1)
    progress.keep_guess("04.8", 4.5)
    progress.keep_hints("04.1", 2)
    content = progress.export()
    assert set(content) == {"answers", "guesses", "hints"} and content["hints"] == [{"item": "04.1", "seen": 2}]
    assert [(row["item"], row["right"], row["answer"], row["hints"]) for row in content["answers"]] == [
        ("04.1", 0, "[2]", 1)
    ]
    assert [(row["item"], row["guess"]) for row in content["guesses"]] == [("04.8", 4.5)]
    written = tmp_path / "mine.json"
    assert CliRunner().invoke(app, ["export", str(written)]).output == f"Written to {written}.\n"
    assert json.loads(written.read_text(encoding="utf-8")) == content
    assert json.loads(CliRunner().invoke(app, ["export"]).output) == content


def test_answers_of_another_machine_or_of_the_site_are_brought_here(tmp_path, clock):
    progress.record("04.1", False, [2], hints=1)
    progress.keep_guess("04.8", 4.5)
    site = {
        "answers": [
            {"item": "04.1", "time": NOON + 60, "right": 1, "answer": "[0]", "hints": 0},
            {"item": "04.3", "time": NOON - 60, "right": 0, "answer": '"40"', "hints": 2},
        ],
        "guesses": [
            {"item": "04.8", "time": NOON, "guess": 1.0},
            {"item": "01.5", "time": NOON, "guess": 12.0},
        ],
        "hints": [{"item": "04.3", "seen": 3}],
    }
    written = tmp_path / "answers.json"
    written.write_text(json.dumps(site | {"learner": "of an older version"}))  # what isn't known is left out
    assert CliRunner().invoke(app, ["import", str(written)]).output == "2 answers are new.\n"
    assert CliRunner().invoke(app, ["import", str(written)]).output == "0 answers are new.\n"
    assert progress.last_answer("04.1") == (True, [0]) and progress.last_answer("04.3") == (False, "40")
    assert [row["item"] for row in progress.export()["answers"]] == ["04.3", "04.1", "04.1"]  # in the order of time
    assert progress.guess_of("04.8") == 4.5 and progress.guess_of("01.5") == 12.0  # one's own guess stays
    assert progress.hints_seen("04.3") == 3 and progress.hints_seen("04.1") == 0


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"answers": [1], "guesses": []}', '{"answers": [], "guesses": [{"item": "04.8"}]}'],
)
def test_a_file_without_answers_is_refused_and_changes_nothing(tmp_path, content):
    progress.record("04.1", True)
    before = progress.export()
    file = tmp_path / "other.json"
    file.write_text(content)
    with refused("quiz.no-answers", "course progress export"):
        raise CliRunner().invoke(app, ["import", str(file)]).exception
    with refused("cli.progress-file", "missing.json"):
        raise CliRunner().invoke(app, ["import", str(tmp_path / "missing.json")]).exception
    assert progress.export() == before


def test_a_record_says_what_was_done_when_and_that_nobody_looked_on(tmp_path, clock):
    file = tmp_path / "record.html"
    assert f"0 of {len(numbers())} lessons complete, 0 of " in CliRunner().invoke(app, ["record", str(file)]).output
    for one in lesson_quiz("04").items:
        progress.record(one.id, True)
        clock.now += 3 * 86400 / len(lesson_quiz("04").items)
    progress.record("05.6", False)
    output = CliRunner().invoke(app, ["record", str(file), "--name", "Ada <Lovelace>"]).output
    told = (
        rf"1 of {len(numbers())} lessons complete, 7 of \d+ questions and 2 of \d+ exercises right; answered 10 March"
    )
    assert re.match(told, output)
    page = file.read_text(encoding="utf-8")
    assert "Ada &lt;Lovelace&gt;" in page and "Nobody looked on" in page
    assert "<td>9 of 9</td><td>9</td><td>10 March 2026 to 13 March 2026</td>" in page
    assert re.search(r"<td>0 of \d+</td><td>0</td><td>13 March 2026</td>", page)


def test_everything_is_erased(file, capsys):
    progress.record("04.1", False)
    file.write_bytes(b"damaged" * 100)
    progress.record("04.1", False)
    beside = file.with_name("progress.sqlite-of-a-friend")
    beside.write_text("not ours")
    assert len(list(file.parent.iterdir())) == 3
    assert CliRunner().invoke(app, ["erase"], input="n\n").exit_code == 1 and file.exists()
    assert CliRunner().invoke(app, ["erase", "--yes"]).output == "Erased.\n"
    assert list(file.parent.iterdir()) == [beside]
    assert CliRunner().invoke(app, ["erase", "--yes"]).output == "There was nothing to erase.\n"
    assert progress.standings() == {} and progress.due_items() == []


def test_the_table_of_all_lessons():
    progress.record("04.1", False)
    progress.record("04.2", True)  # a guess, which isn't counted
    progress.record("04.3", True)
    lines = CliRunner().invoke(app, []).output.splitlines()
    (line,) = [line for line in lines if line.startswith("04 ")]
    assert line.split()[1:3] == ["2", "of"] and line.split()[-3:] == ["1", "50%", "1"]
    assert lines[-1].startswith("Due again today: 04.1. In a notebook:")
