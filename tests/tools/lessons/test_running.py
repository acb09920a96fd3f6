"""`python -m tools lessons run`: a text is executed and measured, and its outputs are saved clean."""

import os

import pytest
from support.toy_lesson import GOOD
from typer.testing import CliRunner

from course_utils.cli import running as engine
from course_utils.errors import CourseError
from course_utils.quiz import reading
from tools.lessons import app, building, running
from tools.lessons.cleaning import CONTROL
from tools.lessons.files import read_notebook, read_solutions

LIVELY = """# %% [markdown]
# # 07 · Does it run?

# %%
import os
import sys

ours = sorted(name for name in os.environ if name.startswith("COURSE_"))
print("ours:", ours, "in", os.getcwd(), "home", os.path.expanduser("~/x"))
print("old text on stderr", file=sys.stderr)
print("10%| |", file=sys.stderr)

# %%
block = bytearray(300_000_000)
block[::4096] = b"1" * len(block[::4096])
import time

time.sleep(0.5)

# %%
import ipywidgets
from tqdm.auto import tqdm

for _ in tqdm(range(3)):
    pass
ipywidgets.VBox([ipywidgets.Button(description="go")])

# %% tags=["raises-exception"]
raise ValueError("on purpose")

# %% tags=["result"]
print("first")
print("it runs: 42")
"""


def test_run_measures_and_writes_clean_outputs(toy, one_thread, monkeypatch):
    monkeypatch.setenv("COURSE_SEED", "7")  # of the author's machine: a learner's output doesn't name it
    lesson = toy(LIVELY)
    report = running.run(lesson, write=True)
    assert not report.failure
    assert report.result == "it runs: 42"
    assert 0.5 < report.slowest_seconds <= report.seconds < 60
    assert 300 < report.peak_mb < 2000
    assert [warning for warning in report.warnings if "stderr" in warning] == report.warnings
    assert len(report.warnings) == 1 and "old text on stderr" in report.warnings[0]
    notebook = read_notebook(lesson)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5]
    assert [out.text for out in code[0].outputs] == ["ours: ['COURSE_PROGRESS'] in lessons home ~/x\n"]
    assert [dict(out.data) for out in code[2].outputs] == [
        {"text/html": f"<p><em>{CONTROL}</em></p>", "text/plain": CONTROL}
    ]
    assert code[3].outputs[0].traceback == ["ValueError: on purpose"]
    assert set(notebook.metadata) == {"kernelspec", "language_info"} and set(notebook.metadata.language_info) == {
        "name"
    }
    first = lesson.notebook.read_bytes()
    running.run(lesson, write=True)
    assert lesson.notebook.read_bytes() == first


def test_run_names_the_failing_cell_and_writes_nothing(toy, one_thread, monkeypatch):
    monkeypatch.setattr(running, "photographs_are_here", lambda: True)
    lesson = toy(LIVELY.replace('print("first")', 'raise KeyError("broken")\nprint("first")'))
    building.build(lesson)
    before = lesson.notebook.read_bytes()
    line = LIVELY.splitlines().index('# %% tags=["result"]') + 1
    ran = CliRunner().invoke(app, ["run", "07", "--write", "--folder", str(lesson.folder)])
    assert ran.exit_code == 1
    assert "FAILED" in ran.output and f"07_toy.py:{line} (07 · Does it run?)" in ran.output
    assert "KeyError: 'broken'" in ran.output
    assert lesson.notebook.read_bytes() == before


def test_run_reports_a_dead_kernel_and_a_stuck_cell(toy, one_thread, monkeypatch):
    died = running.run(toy("# %%\nimport os\n\nos._exit(1)\n"))
    assert "the kernel died" in died.failure
    monkeypatch.setattr(engine, "STUCK_SECONDS", 1)
    stuck = running.run(toy("# %%\nimport time\n\ntime.sleep(30)\n"))
    assert "ran for more than 1 s" in stuck.failure


def test_passed_limits_are_warnings_unless_strict(toy, one_thread, monkeypatch):
    for limit in ("LESSON_SECONDS", "CELL_SECONDS", "PEAK_MB"):
        monkeypatch.setattr(engine, limit, 0)
    lesson = toy('# %% tags=["result"]\nimport time\n\ntime.sleep(0.6)\nprint("done")\n')
    lenient = CliRunner().invoke(app, ["run", "--folder", str(lesson.folder)])
    assert lenient.exit_code == 0 and lenient.output.count("warning:") == 3 and "done" in lenient.output
    strict = CliRunner().invoke(app, ["run", "--strict", "--folder", str(lesson.folder)])
    assert strict.exit_code == 1


def test_outputs_are_only_committed_where_a_learner_would_see_photographs(toy, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))  # what counts is the folder without it
    monkeypatch.setattr(running, "data_dir", lambda: tmp_path / os.environ.get("COURSE_DATA_DIR", "learner"))
    done = CliRunner().invoke(app, ["run", "--write", "--folder", str(toy().folder)])
    assert isinstance(done.exception, CourseError) and done.exception.code == "tools.no-photographs"
    (tmp_path / "learner" / "archives").mkdir(parents=True)
    (tmp_path / "learner" / "archives" / "photographs.zip").touch()
    assert running.photographs_are_here() and os.environ["COURSE_DATA_DIR"] == str(tmp_path)


@pytest.mark.parametrize("choice", [("--network", "large"), ("--images", "drawings")], ids="=".join)
def test_only_the_small_network_on_photographs_is_committed(toy, choice):
    done = CliRunner().invoke(app, ["run", "--write", *choice, "--folder", str(toy().folder)])
    assert isinstance(done.exception, CourseError) and done.exception.code == "tools.not-committed"


def test_a_run_names_a_solution_that_fails_its_check(toy, one_thread):
    where = f"reading.FOLDER = Path({str(reading.FOLDER)!r})"
    known = 'lessons.LESSONS = (lessons.Lesson("07_toy", "Does the toy work?"),)'
    imports = "from pathlib import Path\n\nfrom course_utils import lessons\nfrom course_utils.quiz import reading"
    there = f"# %%\n{imports}\n\n{where}\n{known}\n\n"
    practice = (
        there + GOOD[GOOD.index("# %% [markdown]\n# ## Exercises") : GOOD.index("# %% [markdown]\n# ## What would")]
    )
    good = running.run(toy(practice), write=True)
    assert not good.failure
    checks = [cell for cell in read_solutions(toy(practice)).cells if cell.id.startswith("check")]
    assert all(cell.outputs[0].data["text/plain"].startswith("Right.") for cell in checks)
    bad = running.run(toy(practice.replace("answer = 4", "answer = 3")))
    assert "check-b" in bad.failure and "Count again." in bad.failure
