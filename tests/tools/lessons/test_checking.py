"""`python -m tools lessons check`: nothing about a good lesson, and one clear line about each defect."""

import base64

import nbformat
import pytest
from nbformat.v4 import new_output
from PIL import Image
from support.toy_lesson import GOOD, executed, html
from typer.testing import CliRunner

from course_utils.display.figures import image_html
from course_utils.display.results import NOTE
from course_utils.errors import CourseError
from course_utils.quiz import reading
from tools.lessons import app, building, checking
from tools.lessons.cleaning import WIDGET
from tools.lessons.files import read_notebook


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
    "another setup cell": ("from importlib", "import os\nfrom importlib", "must be the setup cell"),
    "a long cell": ("tuned = 0.952\n", "tuned = 0.952\n" + "print(7)\n" * 6, "9 lines of code"),
    "a misspelt tag": ('["result"]', '["results"]', "unknown tag 'results'"),
    "a result that is only printed": ("show_result(f", "print(f", "must end in show_result"),
    "no result cell": ('# %% tags=["result"]', "# %%", "0 cells are tagged result"),
    "a question that isn't asked": ('# %%\nask("07.3")\n\n', "", "item 07.3 of the quiz is asked 0 times"),
    "a question asked twice": ('ask("07.3")', 'ask("07.2")', "item 07.2 of the quiz is asked 2 times"),
    "an unknown question": ('ask("07.3")', 'ask("07.9")', "an item that the quiz doesn't have"),
    "a question shown as a guess": ('ask("07.3")', 'predict("07.3")', "show it with ask"),
    "a guess without a finding": ('ask("07.3")', 'predict("07.3")', "no later cell calls found('07.3', …)"),
    "a question among other code": ('ask("07.3")', 'ask("07.3")\nprint(1)', "should end a cell with nothing else"),
    "a result before the questions": ('ask("07.1")\n', "ask\n", "predict first"),
    "a section further on": ('ask("07.1")', 'ask("07.2")', "of 07.2, 'A result at once', comes below it: add `below"),
    "a section that was read": (
        "# %% [markdown]\n# ## Exercises\n",
        '# %% [markdown]\n# ## Further\n\n# %%\nask("07.1")\n\n# %% [markdown]\n# ## Exercises\n',
        "comes above it: take out `below",
    ),
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
    "an answer above its question": ("Tuning reached", "Alpha, said tuning, reached", "'alpha', stands right above it"),
    "a number above its question": ("Tuning reached", "In 7 steps tuning reached", "07.3, 7, stands right above it"),
    "a percentage from nowhere": ("reached 95%", "reached 97%", "'97%' is in no output"),
    "a decimal from nowhere": ("reached 95%", "reached 95.4%", "'95.4%' is in no output"),
    "points from nowhere": ("reached 95%", "gained 12 points", "'12 points' is in no output"),
    "a machine path in code": ("print(7)", 'print("/home/me/x")', "machine path in the source: '/home/me/x"),
    "a Windows path in prose": ("One sentence", r"`C:\Users\me`", "machine path in the source"),
    "an image without alt text": ("One sentence", "![](https://x.org/a.png)", "has the alt text ''"),
    "an HTML image without alt text": ("One sentence", '<img src="https://x.org/a.png">', "has the alt text ''"),
    "a dead link": ("One sentence", "[there](99_nowhere.ipynb)", "99_nowhere.ipynb isn't there"),
    "a term that the glossary lacks": ("One sentence", "[dice](../docs/glossary.md#dice)", "has no heading dice"),
    "a link to the glossary is no source": (
        "reached 95%",
        "reached 97% [accuracy](../docs/glossary.md#accuracy)",
        "'97%' is in no output",
    ),
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
    "a blurred figure": (
        html(image_html(Image.new("RGB", (150, 90)), "black all over", 100).join(["<figure>", "</figure>"])),
        "1.5 pixels for each of the page's: at least 1.6",
    ),
    "a machine path": (new_output("stream", name="stdout", text="in /root/.cache/x\n"), "path in the output: '/root"),
    "a Mac's path": (html("<p>/Users/me/x</p>"), "path in the output: '/Users/me/x'"),
    "a warning": (new_output("stream", name="stdout", text="UserWarning: old\n"), "warning in the output"),
    "an address": (new_output("execute_result", {"text/plain": "<Line2D at 0x7f0042aabbcc>"}), "object's address"),
    "a progress bar": (new_output("stream", name="stdout", text=" 10%|█   | 1/10 [00:01]\n"), "progress bar"),
    "a raw training table": (html('<table class="fastprogress"></table>'), "progress bar"),
    "a time of day": (new_output("stream", name="stdout", text="2026-01-02 10:11:12\n"), "time of day"),
    "a result unlike the text's": (new_output("stream", name="stdout", text=f"{NOTE}\n"), "isn't what the text says"),
    "a widget's view": (new_output("display_data", {WIDGET: {"model_id": "1"}}), "a widget's view"),
}


@pytest.mark.parametrize("defect", OUTPUT_DEFECTS)
def test_check_finds_in_the_outputs(toy, defect):
    output, message = OUTPUT_DEFECTS[defect]
    found = checking.check(executed(toy(), {1: [output]}))
    assert len(found) == 1 and message in found[0].message, found
    assert found[0].where.endswith("07_toy.py:6 (Install the course where it is missing (on Colab or Kaggle, )")


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
    assert "a result at once" in messages


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("tuned = 0.952", "tuned = 0.1"), "the notebook holds another cell here"),
        (lambda text: text.replace('tags=["result"]', 'tags=["check"]'), "the notebook holds another cell here"),
        (lambda text: text + "\n# %%\nprint(8)\n", "the notebook holds another cell here"),
    ],
)
def test_check_finds_a_notebook_that_isnt_its_text(toy, edit, message):
    lesson = executed(toy())
    toy(edit(GOOD))
    found = checking.check(lesson)
    assert len(found) == 1 and message in found[0].message, found


def test_check_finds_a_cell_that_was_added_to_the_notebook(toy):
    lesson = executed(toy())
    notebook = read_notebook(lesson)
    notebook.cells.append(nbformat.v4.new_code_cell("print(8)"))
    nbformat.write(notebook, lesson.notebook)
    (found,) = checking.check(lesson)
    assert "24 cells from the text, 25 in the notebook" in found.message


def test_check_exits_with_1_when_it_found_something(toy):
    lesson = executed(toy())
    clean_run = CliRunner().invoke(app, ["check", "--folder", str(lesson.folder)])
    assert (clean_run.exit_code, clean_run.output) == (0, "nothing to mend\n")
    executed(toy(GOOD.replace("toy work?", "toy work")))
    bad_run = CliRunner().invoke(app, ["check", "--folder", str(lesson.folder)])
    assert bad_run.exit_code == 1 and bad_run.output.endswith("1 to mend\n") and "07_toy.py:1 (" in bad_run.output


def test_missing_tools_are_named(toy, monkeypatch):
    monkeypatch.setattr("tools.lessons.find_spec", lambda name: None if name == "jupytext" else name)
    done = CliRunner().invoke(app, ["check", "--folder", str(toy().folder)])
    assert isinstance(done.exception, CourseError)
    assert str(done.exception).startswith("jupytext can't be imported") and "[lab,test]" in str(done.exception)


def test_a_question_that_was_edited_is_found_and_built_anew(toy):
    lesson = executed(toy(), {2: [html("<p>How it was asked before.</p>")]})
    assert any("another form of 07.1 is stored" in str(found) for found in checking.check(lesson))
    building.build(lesson)
    assert checking.check(lesson) == []


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("the picture shows", "image or photo"),
        ("you thaw them", "unfreeze"),
        ("another throw of the dice", "random generator"),
        ("a higher rate", "learning rate"),
        ("the test part", "test set"),
        ("with 20 labels of each", "labelled examples per class"),
        ("differ in spread", "standard deviation"),
    ],
)
def test_a_private_word_is_named_with_the_standard_one(toy, said, instead):
    (found,) = checking.check(executed(toy(GOOD.replace("One sentence", f"Here {said}: one sentence"))))
    assert "say " in str(found) and instead in str(found)


@pytest.mark.parametrize(
    "said", ["a learning rate", "the true positive rate", "spread over the image", "Learning rates"]
)
def test_standard_words_may_stand(toy, said):
    assert checking.check(executed(toy(GOOD.replace("One sentence", f"Here {said}: one sentence")))) == []


def test_questions_use_the_standard_words_too(toy):
    quiz = reading.FOLDER / "07_toy.yaml"
    text = quiz.read_text(encoding="utf-8")
    quiz.write_text(text.replace("Two labels, because", "Two labels, as the picture tells, because"), encoding="utf-8")
    reading.lesson_quiz.cache_clear()
    assert any("'picture': say image or photo" in str(found) for found in checking.check(executed(toy())))
