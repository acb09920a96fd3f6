"""`course run`: it executes the notebooks as they stand, prints a table, and changes no file."""

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from support.errors import refused
from typer.testing import CliRunner

from course_utils import lessons
from course_utils.cli import app
from course_utils.cli.run import choose, read_notebook
from course_utils.errors import CourseError

INTERRUPT = (
    b"import os, signal, time; os.kill(os.getppid(), signal.SIGINT); time.sleep(60)"  # as Ctrl-C, to the command
)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Makes the lesson 07_toy of some code cells, with its solutions if wanted."""
    monkeypatch.setattr(lessons, "LESSONS", (lessons.Lesson("07_toy", "Does the toy work?"),))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "solutions").mkdir()

    def make(*sources: str, solutions: tuple[str, ...] = ()) -> None:
        cells = [new_markdown_cell("# 07 · Does the toy work?"), *map(new_code_cell, sources)]
        cells[-1].metadata.tags = ["result"]
        nbformat.write(new_notebook(cells=cells), tmp_path / "07_toy.ipynb")
        if solutions:
            solved = [new_code_cell(source, id=f"check-{index}") for index, source in enumerate(solutions)]
            nbformat.write(new_notebook(cells=solved), tmp_path / "solutions" / "07_toy.ipynb")

    return make


def says(verdict: str) -> str:
    """Code whose value shows as a check's verdict does."""
    return f"type('Verdict', (), {{'__repr__': lambda self: {verdict!r}}})()"


def course(*words: str):
    return CliRunner().invoke(app, [*words])


@pytest.mark.parametrize("command", [["run"], ["lessons", "run"]], ids=" ".join)
def test_a_lesson_is_executed_and_its_file_left_alone(write, tmp_path, command):
    write("import os", 'print(os.environ["COURSE_NETWORK"], "says 42")', solutions=(says("Right. So it is."),))
    before = (tmp_path / "07_toy.ipynb").read_bytes()
    done = course(*command, "07", "--folder", str(tmp_path))
    assert done.exit_code == 0, done.output
    heading, row = done.output.splitlines()
    assert heading.split() == ["lesson", "seconds", "peak", "MB", "slowest", "cell", "result"]
    assert row.startswith("07_toy") and row.endswith("small says 42")
    assert (tmp_path / "07_toy.ipynb").read_bytes() == before


def test_ctrl_c_ends_in_one_line_that_says_how_to_go_on(write, tmp_path, monkeypatch):
    write("print(1)")
    (tmp_path / "08_next.ipynb").write_bytes((tmp_path / "07_toy.ipynb").read_bytes().replace(b"print(1)", INTERRUPT))
    both = [*lessons.LESSONS, lessons.Lesson("08_next", "And then?")]
    monkeypatch.setattr(lessons, "LESSONS", tuple(both))
    began = set(psutil.Process().children(recursive=True))
    done = course("run", "--folder", str(tmp_path))
    assert done.exit_code == 130
    assert done.stderr == (
        "Stopped. 1 of 2 lessons were run; `course run 08`, with the same options, goes on from there.\n"
    )
    assert not [each for each in psutil.Process().children(recursive=True) if each not in began], "a kernel is left"


def test_a_failing_cell_is_named_by_file_and_number(write, tmp_path):
    write("first = 1", "raise KeyError('broken')", "print(first)")
    done = course("run", "--folder", str(tmp_path))
    assert done.exit_code == 1
    assert f"FAILED {tmp_path / '07_toy.ipynb'}, cell 3 (07 · Does the toy work?)" in done.output
    assert "KeyError: 'broken'" in done.output


def test_a_solution_that_fails_its_check_is_told(write, tmp_path):
    write("print(7)", solutions=(says("Right."), says("Not yet: count again.")))
    done = course("run", "--folder", str(tmp_path))
    assert done.exit_code == 1 and "check-1" in done.output and "count again" in done.output


def test_warnings_fail_a_strict_run_only(write, tmp_path):
    write("import sys", "print('hm', file=sys.stderr)", "print('done')")
    lenient, strict = (course("run", "--folder", str(tmp_path), *more) for more in ([], ["--strict"]))
    assert lenient.exit_code == 0 and "warning: [2] print('hm', file=sys.stderr) wrote to stderr: hm" in lenient.output
    assert strict.exit_code == 1


def test_what_is_not_there_is_told(write, tmp_path, monkeypatch):
    with refused("cli.no-lessons", "--folder"):
        choose(tmp_path)
    write("print(7)")
    assert choose(tmp_path, ["07"]) == choose(tmp_path, ["07_toy", "07"]) == list(lessons.LESSONS)
    with refused("lessons.unknown", "'7'"):
        choose(tmp_path, ["7"])
    with refused("cli.no-notebook", "08_other.ipynb is missing"):
        read_notebook(tmp_path / "08_other.ipynb")
    (tmp_path / "07_toy.ipynb").write_text("{}")
    with refused("cli.no-notebook", "isn't a valid notebook"):
        read_notebook(tmp_path / "07_toy.ipynb")
    monkeypatch.setattr("course_utils.cli.run.find_spec", lambda name: None if name == "nbclient" else name)
    done = course("run", "--folder", str(tmp_path))
    assert isinstance(done.exception, CourseError) and done.exception.code == "cli.missing-packages"
    assert str(done.exception).startswith("nbclient can't be imported")


def test_the_former_name_is_understood_and_not_listed():
    commands = [line.split()[1] for line in course("--help").output.splitlines() if line.startswith("│ ")]
    assert "run" in commands and "lessons" not in commands
    told = " ".join(course("lessons", "run", "--help").output.split())
    assert "this is now `course run`" in told
