"""The dry run tells a student what the grader will find, on any machine and without a key."""

import json
import os
import subprocess
import sys

import pytest
from handed_in import after, cell, code, write
from honest import answered, blank
from support.errors import refused
from typer.testing import CliRunner

from course_utils.cli.quiz import app
from course_utils.grading.intake.notebooks import read_notebook
from course_utils.grading.marking import dry_run as dry
from course_utils.grading.marking.dry_child import _unfit
from course_utils.grading.marking.dry_run import _this_notebook, dry_run


def said(tmp_path, book, **more):
    lines, troubles = dry_run(write(tmp_path / "91_exam.ipynb", book), **more)
    return dict(line.split(": ", 1) for line in lines), troubles


@pytest.fixture
def light():
    """An answered exam that imports nothing heavy."""
    book = answered()
    cell(book, "setup")["source"] = "import math"
    cell(book, "91-E-answer")["source"] = "net = 1"
    return book


def test_answers_are_found_blank_or_stopped(tmp_path, light):
    light["cells"].insert(0, code("%%writefile mine.py\ntwo = 2"))
    cell(light, "91-2-answer")["source"] = "%%time\nfrom mine import two\nanswer_91_2 = 2000 * two"
    cell(light, "91-1-answer")["source"] = 'answer_91_1 = ""'
    cell(light, "91-C-answer")["source"] = "import nowhere_to_be_found"
    cell(light, "91-E-answer")["source"] = "print('net')"
    cell(light, "91-4-answer")["source"] = cell(blank(), "91-4-answer")["source"]
    after(light, "91-2-answer", code("1 / 0"))
    told, troubles = said(tmp_path, light)
    assert told["91.1"] == "answer_91_1 is blank" and told["91.2"] == "answer_91_2 is 4000"
    assert told["91.A"] == "squares is the function squares" and "nowhere_to_be_found" in told["91.C"]
    assert told["91.E"] == "its cell binds no answer" and told["91.4"] == "is blank"
    assert told["package nowhere_to_be_found"].startswith("isn't installed here")
    assert any("ZeroDivisionError" in line for line in told.values()) and troubles == 5


def test_what_was_never_touched_is_blank_and_what_is_gone_is_missed(tmp_path):
    book = blank()
    cell(book, "setup")["source"] = "import math"
    book["cells"].remove(cell(book, "91-E-answer"))
    cell(book, "91-C-answer")["source"] += "  \n"  # an editor's
    told, troubles = said(tmp_path, book)
    assert told == dict.fromkeys(("91.1", "91.2", "91.A", "91.C", "91.4"), "is blank") | {
        "91.E": "its answer cell is gone"
    }
    assert troubles == 6


@pytest.mark.parametrize(
    ("item", "value", "asked"),
    [
        ("1", "'the second one'", "one letter is asked for"),
        ("1", "'A B'", "one letter is asked for"),
        ("1", "'F'", "one letter is asked for"),
        ("2", "'4,000'", "a number is asked for"),
        ("2", "[4000]", ""),
        ("2", "[4, 0]", "a number is asked for"),
        ("1", "['b']", ""),
        ("1", "'B — Adam'", ""),
        ("2", "4000.0", ""),
        ("2", "True", "a number is asked for"),
    ],
)
def test_a_value_that_can_not_be_read_is_told(item, value, asked):
    (block,) = [one for one in read_notebook(json.dumps(blank()).encode()).blocks if one.id == f"91-{item}-answer"]
    assert _unfit(eval(value), block.asked) == asked


def test_an_unreadable_answer_is_no_answer_found(tmp_path, light):
    cell(light, "91-2-answer")["source"] = "answer_91_2 = '4,000'"
    told, troubles = said(tmp_path, light)
    assert told["91.2"] == "answer_91_2 is '4,000', which can't be read: a number is asked for" and troubles == 1


def test_what_takes_too_long_or_ends_python_is_told_and_the_rest_is_run(tmp_path, light):
    cell(light, "91-2-answer")["source"] = "import os\nos._exit(0)"
    cell(light, "91-A-answer")["source"] = "while True: pass"
    told, troubles = said(tmp_path, light, seconds=0.5)
    assert told["91.2"].startswith("ends Python;") and told["91.A"].startswith("takes longer than 0.5 seconds;")
    assert told["91.1"].startswith("answer_91_1 is ") and told["91.C"] == "means is the function means"
    assert troubles == 2


def test_what_is_no_assignment_is_refused(tmp_path):
    with refused("grading.no-notebook", "gone.ipynb"):
        dry_run(tmp_path / "gone.ipynb")
    with refused("grading.no-notebook"):
        dry_run(write(tmp_path / "cut.ipynb", b"{"))
    with refused("grading.no-answers"):
        dry_run(write(tmp_path / "own.ipynb", {"cells": [code("x = 1")]}))


def test_the_command_and_the_cell_say_the_same(tmp_path, light):
    cell(light, "91-2-answer")["source"] = "answer_91_2 = None"
    file = write(tmp_path / "mine.ipynb", light)
    write(tmp_path / "notes.ipynb", {"cells": []})
    done = CliRunner().invoke(app, ["try", str(file)])
    assert done.exit_code == 1 and "1 to look at before you hand in" in done.output
    trial = cell(light, "try")["source"]
    cells = trial if isinstance(trial, str) else "".join(trial)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "JPY_SESSION_NAME": ""}
    ran = subprocess.run(
        [sys.executable, "-c", cells], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    first, *rest = ran.stdout.splitlines()
    assert first.startswith("mine.ipynb, as saved at ") and rest == done.output.splitlines()


def test_the_cell_never_fails(tmp_path, monkeypatch, capsys):
    trial = "".join(cell(blank(), "try")["source"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    exec(trial, {})
    assert "try_here" in capsys.readouterr().out, "it says how to name the file"
    monkeypatch.setitem(sys.modules, "course_utils.grading.marking.dry_run", None)
    exec(trial, {})
    assert "isn't installed here" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.setenv("COURSE_DRY_RUN", "1")
    exec(trial, {})
    assert capsys.readouterr().out == "", "within a dry run it begins no other one"


def test_the_notebook_that_jupyter_names_is_tried(tmp_path, light, monkeypatch):
    file = write(tmp_path / "elsewhere" / "91_exam.ipynb", light)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JPY_SESSION_NAME", str(file))
    assert _this_notebook("91_exam") == file
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "gone.ipynb"))
    with refused("grading.no-notebook", "91_exam"):
        _this_notebook("91_exam")


def test_a_notebook_that_is_too_large_is_told(tmp_path, light, monkeypatch):
    monkeypatch.setattr(dry, "LARGEST", 1000)
    with refused("grading.no-notebook", "larger than"):
        dry_run(write(tmp_path / "91_exam.ipynb", light))
