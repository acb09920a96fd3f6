"""`course lessons build`, `run` and `check` on made-up lessons, good and bad."""

import base64
import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_output
from typer.testing import CliRunner

from course_utils import lessons as registry
from course_utils.cli.lessons import app, building, checking, running
from course_utils.cli.lessons.cleaning import CONTROL, WIDGET, clean
from course_utils.cli.lessons.files import Lesson, choose, read_notebook, read_solutions
from course_utils.errors import CourseError
from course_utils.quiz import reading

GOOD = (Path(__file__).parent / "toy_lesson.txt").read_text(encoding="utf-8")
TOP = Path(__file__).parents[1]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch):
    """Makes the lesson 07_toy from a text, with a quiz."""
    shutil.copy(TOP / "jupytext.toml", tmp_path)
    quizzes = tmp_path / "quizzes"
    quizzes.mkdir()
    shutil.copy(TOP / "tests" / "toy_quiz.yaml", quizzes / "07_toy.yaml")
    monkeypatch.setattr(reading, "FOLDER", quizzes)
    monkeypatch.setattr(registry, "LESSONS", (registry.Lesson("07_toy", "Does the toy work?"),))
    reading.lesson_quiz.cache_clear()

    def make(text: str = GOOD) -> Lesson:
        lesson = Lesson(tmp_path / "lessons", "07_toy")
        lesson.text.parent.mkdir(parents=True, exist_ok=True)
        lesson.text.write_text(text, encoding="utf-8", newline="\n")
        return lesson

    yield make
    reading.lesson_quiz.cache_clear()


def executed(lesson: Lesson, outputs: dict[int, list] | None = None) -> Lesson:
    """Build the lesson and pretend that it ran; `outputs` by number of the code cell, from 1."""
    building.build(lesson)
    for cell in (solutions := read_solutions(lesson)).cells:
        if cell.cell_type == "code":
            cell.execution_count = 1
    nbformat.write(solutions, lesson.solutions)
    notebook = read_notebook(lesson)
    given = {3: [new_output("stream", name="stdout", text="tuned 95.2%\n")], **(outputs or {})}
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count, cell.outputs = count, given.get(count, [])
    nbformat.write(notebook, lesson.notebook)
    return lesson


def html(content: str):
    return new_output("display_data", {"text/html": content, "text/plain": "<IPython.core.display.HTML object>"})


# Build


def test_build_keeps_ids_and_the_outputs_of_unchanged_cells(toy):
    before = read_notebook(executed(toy()))
    changed = GOOD.replace("tuned = 0.952", "tuned = 0.953").replace("print(7)", "print(7)  # seven")
    lesson = toy(changed.replace("# %%\nprint(7)", "# %%\nnew = 1\n\n# %%\nprint(7)"))
    assert building.build(lesson)
    after = read_notebook(lesson)
    kept = {cell.id for cell in before.cells} & {cell.id for cell in after.cells}
    assert len(kept) == len(before.cells) == len(after.cells) - 1
    counts = {cell.source.splitlines()[0]: cell.execution_count for cell in after.cells if cell.cell_type == "code"}
    assert counts["import sys"] == 1  # untouched
    assert counts["tuned = 0.953"] is None and counts["new = 1"] is None  # outputs of other code are gone
    assert not next(cell for cell in after.cells if cell.source.startswith("tuned = 0.953")).outputs


def test_build_twice_changes_nothing(toy):
    lesson = toy()
    assert building.build(lesson)
    content = lesson.notebook.read_bytes()
    assert not building.build(lesson)
    assert lesson.notebook.read_bytes() == content


def test_build_drops_a_removed_tag_and_foreign_metadata(toy):
    lesson = executed(toy())
    notebook = read_notebook(lesson)
    notebook.metadata.widgets = {"state": {}}
    notebook.cells[0].metadata.collapsed = True
    nbformat.write(notebook, lesson.notebook)
    building.build(toy(GOOD.replace('# %% tags=["result"]', "# %%")))
    after = read_notebook(lesson)
    assert set(after.metadata) == {"kernelspec", "language_info"}
    assert all(
        not cell.metadata.get("collapsed") and "result" not in cell.metadata.get("tags", []) for cell in after.cells
    )


def test_format_makes_an_untidy_text_pass(toy):
    lesson = executed(toy(GOOD.replace("tuned = 0.952", "tuned   =   0.952").replace("\n\n# %%", "\n\n\n\n# %%")))
    assert checking.check(lesson)
    assert building.tidy(lesson)
    assert checking.check(executed(lesson)) == []
    tidied = lesson.text.read_text(encoding="utf-8")
    assert [line for line in tidied.splitlines() if line] == [line for line in GOOD.splitlines() if line]
    assert not building.tidy(lesson)


def test_format_refuses_broken_code_and_keeps_the_text(toy):
    lesson = toy(GOOD.replace("tuned = 0.952", "tuned = = 0.952"))
    before = lesson.text.read_text(encoding="utf-8")
    with pytest.raises(CourseError, match=r"can't be formatted"):
        building.tidy(lesson)
    assert lesson.text.read_text(encoding="utf-8") == before


def test_lessons_are_chosen_by_slug_or_number(toy):
    lesson = toy()
    (lesson.text.parent / "08_other.py").write_text("# %%\n")
    assert [chosen.name for chosen in choose(lesson.folder)] == ["07_toy", "08_other"]
    assert choose(lesson.folder, ["07"]) == choose(lesson.folder, ["07_toy", "07"]) == [lesson]
    with pytest.raises(CourseError, match=r"no lesson '7'.*07_toy, 08_other"):
        choose(lesson.folder, ["7"])


@pytest.mark.parametrize("content", [None, "", "{}", '{"cells": [{}], "nbformat": 4, "nbformat_minor": 5}'])
def test_a_missing_or_damaged_notebook_says_what_to_do(toy, content):
    lesson = toy()
    if content is not None:
        lesson.notebook.write_text(content)
    with pytest.raises(CourseError, match=r"07_toy\.ipynb .*course lessons build 07_toy"):
        checking.check(lesson)


def test_a_folder_without_texts_and_a_missing_configuration_say_what_to_do(tmp_path, toy):
    with pytest.raises(CourseError, match=r"no lesson texts.*--folder"):
        choose(tmp_path / "nowhere")
    lesson = toy()
    (tmp_path / "jupytext.toml").unlink()
    with pytest.raises(CourseError, match=r"no jupytext\.toml"):
        building.build(lesson)


# Check


def test_the_good_lesson_is_clean(toy):
    assert checking.check(executed(toy())) == []


LONG = "word " * 61
TEXT_DEFECTS = {
    "no number in the title": ("# # 07 · Does", "# # Does", "the title should read"),
    "no question in the title": ("toy work?", "toy work", "the title should read"),
    "a second h1": ("# ## A result at once", "# # A result at once", "one h1, in its first cell; there are 2"),
    "a skipped level": ("# ## A result at once", "# ## A result\n#\n# #### Deep", "h4 'Deep' follows an h2"),
    "a heading twice": ("# ## A result at once", "# ## Predict first", "comes twice"),
    "another lesson's name": ('setup("07_toy")', 'setup("06_toy")', "names '06_toy'"),
    "another setup cell": ("# %%\nimport sys\n", "# %%\nimport os\nimport sys\n", "must be the setup cell"),
    "a long cell": ("tuned = 0.952\n", "tuned = 0.952\n" + "print(7)\n" * 6, "9 lines of code"),
    "a misspelt tag": ('["result"]', '["results"]', "unknown tag 'results'"),
    "no result cell": ('# %% tags=["result"]', "# %%", "0 cells are tagged result"),
    "a question that isn't asked": ('# %%\nask("07.3")\n\n', "", "item 07.3 of the quiz is asked 0 times"),
    "a question asked twice": ('ask("07.3")', 'ask("07.2")', "item 07.2 of the quiz is asked 2 times"),
    "an unknown question": ('ask("07.3")', 'ask("07.9")', "an item that the quiz doesn't have"),
    "a question shown as a guess": ('ask("07.3")', 'predict("07.3")', "show it with ask"),
    "a guess without a finding": ('ask("07.3")', 'predict("07.3")', "no later cell calls found('07.3', …)"),
    "a question among other code": ('ask("07.3")', 'ask("07.3")\nprint(1)', "should end a cell with nothing else"),
    "a result before the questions": ('ask("07.1")\n', "ask\n", "predict first"),
    "an exercise's letter": ("Exercise 07.B", "Exercise 07.C", "should begin '### Exercise 07.B"),
    "a check of another exercise": ('check("07.B", answer)', 'check("07.A", answer)', "should call check('07.B', …)"),
    "one exercise": ('# %% [markdown] tags=["exercise"]\n# ### Exercise 07.B', "# %% [markdown]\n# ###", "1 exercises"),
    "no summary": ('summary("07")', "print(7)", "the quiz should end with summary('07')"),
    "no limits section": ("## What would break this", "## Limits of this", "the last h2 sections should be"),
    "a recap of four": ("# - four\n", "", "it has 4"),
    "nothing to read": ("[docs](https://docs.fast.ai/)", "the docs", "at least two links"),
    "a wordy cell": ("One sentence that", LONG + "that", "words: at most 60"),
    "a stale count": ("Write your own", "Three exercises: write your own", "'three exercises', but the lesson has 2"),
    "a stale count in digits": ("One sentence", "Here are 4 practice questions", "but the lesson has 3"),
    "a stale count of cells": ("What the next line does", "The next three cells do", "'next three cells', but 2 come"),
    "a percentage from nowhere": ("reached 95%", "reached 97%", "'97%' is in no output"),
    "a decimal from nowhere": ("reached 95%", "reached 95.4%", "'95.4%' is in no output"),
    "points from nowhere": ("reached 95%", "gained 12 points", "'12 points' is in no output"),
    "a machine path in code": ("print(7)", 'print("/home/me/x")', "machine path in the source: '/home/me/x"),
    "a Windows path in prose": ("One sentence", r"`C:\Users\me`", "machine path in the source"),
    "an image without alt text": ("One sentence", "![](https://x.org/a.png)", "has the alt text ''"),
    "an HTML image without alt text": ("One sentence", '<img src="https://x.org/a.png">', "has the alt text ''"),
    "a dead link": ("One sentence", "[there](99_nowhere.ipynb)", "99_nowhere.ipynb isn't there"),
    "code that ruff flags": ("print(7)", "print(undefined_name)", "F821"),
    "code that isn't formatted": ("print(7)", "print( 7 )", "ruff format"),
}


@pytest.mark.parametrize("defect", TEXT_DEFECTS)
def test_check_finds_in_the_text(toy, defect):
    old, new, message = TEXT_DEFECTS[defect]
    assert old in GOOD
    found = checking.check(executed(toy(GOOD.replace(old, new, 1))))
    assert any(message in str(finding) for finding in found), found


def test_prose_cells_are_short_on_average(toy):
    text = GOOD
    for start in ("One or two", "One sentence", "What the next", "Tuning reached", "Write your own"):
        text = text.replace(f"# {start}", "# " + "word " * 38 + start)
    found = [finding.message for finding in checking.check(executed(toy(text)))]
    assert found == ["prose cells have 47 words on average: at most 40"]


def test_prose_between_two_code_cells_is_limited_together(toy):
    cell = "# %% [markdown]\n# " + "word " * 30 + "\n\n"
    found = checking.check(executed(toy(GOOD.replace('# %% tags=["result"]', cell * 3 + '# %% tags=["result"]'))))
    assert [f.message for f in found] == ["95 words of prose before the next code cell: at most 90"]


@pytest.mark.parametrize(
    "prose",
    [
        "reached 95%",
        "reached 95.2%",
        "reached 0.95",
        "reached 95 percent",
        "reached 97% ([paper](https://arxiv.org))",
        "reached 97% [source]",
        "Question 07.2 is answered",
        "0.952 under Python 3.11.2",
        "that is a 90% interval",
        "two exercises and 3 questions",
    ],
)
def test_check_accepts_true_figures(toy, prose):
    assert checking.check(executed(toy(GOOD.replace("Tuning reached 95%", prose)))) == []


PNG = base64.b64encode(bytes(60_001)).decode()
OUTPUT_DEFECTS = {
    "stderr": (new_output("stream", name="stderr", text="hm\n"), "text on stderr: 'hm'"),
    "an error": (
        new_output("error", ename="ValueError", evalue="no", traceback=["no"]),
        "raises-exception: ValueError",
    ),
    "a bare image": (new_output("display_data", {"image/png": "AAAA"}), "bare image/png"),
    "a bare drawing": (new_output("display_data", {"image/svg+xml": "<svg/>"}), "bare image/svg+xml"),
    "no alt text": (html('<figure><img src="data:image/png;base64,AAAA"></figure>'), "has the alt text ''"),
    "poor alt text": (html('<img alt="a figure" src="data:image/png;base64,AAAA">'), "has the alt text 'a figure'"),
    "a large image": (html(f'<img alt="black all over" src="data:image/png;base64,{PNG}">'), "image of 60 kB"),
    "a machine path": (new_output("stream", name="stdout", text="in /root/.cache/x\n"), "path in the output: '/root"),
    "a Mac's path": (html("<p>/Users/me/x</p>"), "path in the output: '/Users/me/x'"),
    "a warning": (new_output("stream", name="stdout", text="UserWarning: old\n"), "warning in the output"),
    "an address": (new_output("execute_result", {"text/plain": "<Line2D at 0x7f0042aabbcc>"}), "object's address"),
    "a progress bar": (new_output("stream", name="stdout", text=" 10%|█   | 1/10 [00:01]\n"), "progress bar"),
    "a raw training table": (html('<table class="fastprogress"></table>'), "progress bar"),
    "a time of day": (new_output("stream", name="stdout", text="2026-01-02 10:11:12\n"), "time of day"),
    "a widget's view": (new_output("display_data", {WIDGET: {"model_id": "1"}}), "a widget's view"),
}


@pytest.mark.parametrize("defect", OUTPUT_DEFECTS)
def test_check_finds_in_the_outputs(toy, defect):
    output, message = OUTPUT_DEFECTS[defect]
    found = checking.check(executed(toy(), {1: [output]}))
    assert len(found) == 1 and message in found[0].message, found
    assert found[0].where.endswith("07_toy.py:6 (import sys)")


def test_a_described_small_image_and_a_deliberate_error_are_fine(toy):
    image = html('<figure><img alt="two bars, tuned above scratch" src="data:image/png;base64,AAAA"></figure>')
    assert checking.check(executed(toy(), {1: [image]})) == []
    text = GOOD.replace("# %%\nprint(7)", '# %% tags=["raises-exception"]\nprint(7)')
    error = new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
    assert checking.check(executed(toy(text), {6: [error]})) == []


def test_a_measured_answer_may_not_tell_figures_from_nowhere(toy):
    lesson = executed(toy())
    file = reading.FOLDER / "07_toy.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("because one of each", "as 37% of them show, one of each"))
    reading.lesson_quiz.cache_clear()
    (finding,) = checking.check(lesson)
    assert "'37%' is in no output" in finding.message


def test_the_notebook_gets_blanks_and_the_solutions_their_own(toy):
    lesson = toy()
    building.build(lesson)
    sources = [cell.source for cell in read_notebook(lesson).cells if cell.cell_type == "code"]
    blank_function, blank_value = (source for source in sources if "your" in source)
    assert blank_function.startswith("def double(x):\n    raise NotImplementedError(") and "2 * x" not in blank_function
    assert blank_value == "answer = ...  # write your own lines here"
    solved = [cell.source for cell in read_solutions(lesson).cells]
    assert "def double(x):\n    return 2 * x" in solved and "answer = 4" in solved
    assert not any("SOLUTION" in source for source in sources + solved)


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


def test_check_finds_cells_out_of_order_and_execution_times(toy):
    lesson = executed(toy())
    notebook = read_notebook(lesson)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code[2].execution_count, code[3].metadata["execution"] = 9, {"iopub.status.busy": "2026"}
    nbformat.write(notebook, lesson.notebook)
    messages = " ".join(finding.message for finding in checking.check(lesson))
    assert "executed as [9] where [3] is due" in messages and "holds times of execution" in messages


def test_check_finds_a_lesson_that_never_ran(toy):
    lesson = toy()
    building.build(lesson)
    messages = " ".join(finding.message for finding in checking.check(lesson))
    assert "executed as [ ] where [1] is due" in messages
    assert "must print the lesson's result" in messages and "a result at once" in messages


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("tuned = 0.952", "tuned = 0.1"), "the notebook holds another cell here"),
        (lambda text: text.replace('tags=["result"]', 'tags=["check"]'), "the notebook holds another cell here"),
        (lambda text: text + "\n# %%\nprint(8)\n", "23 cells in the text, 22 in the notebook"),
    ],
)
def test_check_finds_a_notebook_that_isnt_its_text(toy, edit, message):
    lesson = executed(toy())
    toy(edit(GOOD))
    found = checking.check(lesson)
    assert len(found) == 1 and message in found[0].message, found


# Run

LIVELY = """# %% [markdown]
# # 07 · Does it run?

# %%
import os
import sys

print("profile", os.environ["COURSE_PROFILE"], "in", os.getcwd(), "home", os.path.expanduser("~/x"))
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


@pytest.fixture
def one_thread(monkeypatch):
    """Tests run beside each other, so a kernel shouldn't take every core."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_run_measures_and_writes_clean_outputs(toy, one_thread):
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
    assert [out.text for out in code[0].outputs] == ["profile mini in lessons home ~/x\n"]
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


def test_run_names_the_failing_cell_and_writes_nothing(toy, one_thread):
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
    monkeypatch.setattr(running, "STUCK_SECONDS", 1)
    stuck = running.run(toy("# %%\nimport time\n\ntime.sleep(30)\n"))
    assert "ran for more than 1 s" in stuck.failure


def test_passed_limits_are_warnings_unless_strict(toy, one_thread, monkeypatch):
    for limit in ("LESSON_SECONDS", "CELL_SECONDS", "PEAK_MB"):
        monkeypatch.setattr(running, limit, 0)
    lesson = toy('# %% tags=["result"]\nimport time\n\ntime.sleep(0.6)\nprint("done")\n')
    lenient = CliRunner().invoke(app, ["run", "--folder", str(lesson.folder)])
    assert lenient.exit_code == 0 and lenient.output.count("warning:") == 3 and "done" in lenient.output
    strict = CliRunner().invoke(app, ["run", "--strict", "--folder", str(lesson.folder)])
    assert strict.exit_code == 1


def test_missing_tools_are_named(toy, monkeypatch):
    monkeypatch.setattr("course_utils.cli.lessons.find_spec", lambda name: None if name == "jupytext" else name)
    done = CliRunner().invoke(app, ["check", "--folder", str(toy().folder)])
    assert isinstance(done.exception, CourseError)
    assert str(done.exception).startswith("jupytext can't be imported") and "[lab,test]" in str(done.exception)


def test_only_the_mini_profile_is_committed(toy):
    done = CliRunner().invoke(app, ["run", "--write", "--profile", "full", "--folder", str(toy().folder)])
    assert isinstance(done.exception, CourseError) and "mini" in str(done.exception)


def test_check_exits_with_1_when_it_found_something(toy):
    lesson = executed(toy())
    clean_run = CliRunner().invoke(app, ["check", "--folder", str(lesson.folder)])
    assert (clean_run.exit_code, clean_run.output) == (0, "nothing to mend\n")
    executed(toy(GOOD.replace("toy work?", "toy work")))
    bad_run = CliRunner().invoke(app, ["check", "--folder", str(lesson.folder)])
    assert bad_run.exit_code == 1 and bad_run.output.endswith("1 to mend\n") and "07_toy.py:1 (" in bad_run.output


def test_fastai_training_table_loses_its_seconds_and_bars(toy):
    lesson = executed(toy())
    notebook = read_notebook(lesson)
    table = (
        '<div><table class="fastprogress"><thead><tr><th>epoch</th><th>accuracy</th><th>time</th></tr></thead>'
        "<tbody><tr><td>0</td><td>0.593750</td><td>00:03</td></tr></tbody></table></div>"
    )
    style = "\n<style>\n progress { width: 300px; }\n</style>\n"
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.outputs = [html(style), html(""), html("<div></div>"), html('<progress value="3">'), html(table)]
    clean(notebook, Path("/nowhere"), lesson.folder.parent)
    assert len(code.outputs) == 1
    shown = code.outputs[0].data
    assert shown["text/plain"] == "epoch  accuracy\n    0  0.593750"
    assert "00:03" not in shown["text/html"] and "<td>0.593750</td>" in shown["text/html"]
    nbformat.write(notebook, lesson.notebook)
    assert checking.check(lesson) == []


def test_a_control_that_brings_its_own_page_keeps_it(toy):
    notebook = read_notebook(executed(toy()))
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    page = {"text/html": "<p>a car</p>", "text/plain": "a car"}
    code.outputs = [new_output("display_data", {**page, WIDGET: {"model_id": "1"}})]
    clean(notebook, Path("/nowhere"), Path("/nowhere"))
    assert [dict(output.data) for output in code.outputs] == [page]


def test_paths_of_other_folders_stay(toy):
    notebook = read_notebook(executed(toy()))
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.outputs = [new_output("stream", name="stdout", text="/h/me/a /h/me /h/mean /o/h/me /w/course/lessons/x\n")]
    clean(notebook, Path("/h/me"), Path("/w/course"))
    assert code.outputs[0].text == "~/a ~ /h/mean /o/h/me lessons/x\n".replace("/", os.sep)
