"""The dry run tells a student what the grader will find, on any machine and without a key."""

import pytest
from handed_in import after, cell, code, write
from honest import answered, blank
from support.errors import refused
from typer.testing import CliRunner

from course_utils.cli.quiz import app
from course_utils.grading.marking.dry_run import dry_run


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
    cell(light, "91-1-answer")["source"] = cell(blank(), "91-1-answer")["source"]
    cell(light, "91-C-answer")["source"] = "import nowhere_to_be_found"
    cell(light, "91-E-answer")["source"] = "print('net')"
    after(light, "91-2-answer", code("1 / 0"))
    told, troubles = said(tmp_path, light)
    assert told["91.1"] == "answer_91_1 is blank" and told["91.2"] == "answer_91_2 is 4000"
    assert told["91.A"] == "squares is the function squares" and "nowhere_to_be_found" in told["91.C"]
    assert told["91.E"] == "its cell binds no answer"
    assert any("ZeroDivisionError" in line for line in told.values()) and troubles == 4


@pytest.mark.parametrize("source", ["while True: pass", "import os\nos._exit(0)"])
def test_what_takes_too_long_or_ends_python_is_told(tmp_path, light, source):
    cell(light, "91-A-answer")["source"] = source
    told, troubles = said(tmp_path, light, seconds=0.5)
    assert "91.1" in told and any("longer than 0.5 seconds" in line for line in told.values()) and troubles == 1


def test_what_is_no_assignment_is_refused(tmp_path):
    with refused("grading.no-notebook", "gone.ipynb"):
        dry_run(tmp_path / "gone.ipynb")
    with refused("grading.no-notebook"):
        dry_run(write(tmp_path / "cut.ipynb", b"{"))
    with refused("grading.no-answers"):
        dry_run(write(tmp_path / "own.ipynb", {"cells": [code("x = 1")]}))


def test_the_command(tmp_path, light):
    done = CliRunner().invoke(app, ["try", str(write(tmp_path / "91_exam.ipynb", light))])
    assert done.exit_code == 0 and "every answer is found" in done.output
