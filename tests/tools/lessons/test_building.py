"""From a text to a notebook: what is kept, what is dropped, which lessons, and what is said of missing files."""

import nbformat
import pytest
from support.errors import refused
from support.toy_lesson import GOOD, executed

from course_utils import lessons
from course_utils.errors import CourseError
from tools.lessons import building, checking
from tools.lessons.files import choose, read_notebook, read_solutions
from tools.lessons.frame import unbroken
from tools.lessons.outputs import is_blank
from tools.lessons.page import Page


def register(monkeypatch, *slugs):
    monkeypatch.setattr(lessons, "LESSONS", tuple(lessons.Lesson(slug, "Does it work?") for slug in slugs))


def test_build_keeps_ids_and_the_outputs_of_unchanged_cells(toy):
    said = nbformat.v4.new_output("stream", text="ready\n")
    before = read_notebook(executed(toy(), {1: [said]}))
    changed = GOOD.replace("tuned = 0.952", "tuned = 0.953").replace("print(7)", "print(7)  # seven")
    lesson = toy(changed.replace("# %%\nprint(7)", "# %%\nnew = 1\n\n# %%\nprint(7)"))
    assert building.build(lesson)
    after = read_notebook(lesson)
    kept = {cell.id for cell in before.cells} & {cell.id for cell in after.cells}
    assert len(kept) == len(before.cells) == len(after.cells) - 1
    untouched, changed, new = (
        next(cell for cell in after.cells if words in cell.source) for words in ("import", "tuned = 0.953", "new = 1")
    )
    assert untouched.outputs == [said]
    assert untouched.execution_count == 1
    assert not changed.outputs and not new.outputs  # outputs of other code are gone
    assert changed.execution_count is None and new.execution_count is None


def test_build_twice_changes_nothing(toy):
    lesson = toy()
    assert building.build(lesson)
    content = lesson.notebook.read_bytes()
    assert not building.build(lesson)
    assert lesson.notebook.read_bytes() == content


@pytest.mark.parametrize(
    ("text", "built"),
    [
        ("from 5e-3 to 1.5e-10.", "from <nobr>5e-3</nobr> to <nobr>1.5e-10</nobr>."),
        ("`lr=1e-3` and `a`", "<nobr>`lr=1e-3`</nobr> and `a`"),
        ("[1e-3](https://x.org/1e-3)", "[<nobr>1e-3</nobr>](https://x.org/1e-3)"),
        ("```\nlr = 1e-3\n```\n", "```\nlr = 1e-3\n```\n"),
        ("`fit_one_cycle(8, slice(5e-3 / 2 / 3, 5e-3 / 2))`", "`fit_one_cycle(8, slice(5e-3 / 2 / 3, 5e-3 / 2))`"),
        ("$1e-3$, the e-3, 1e3, v1e-3", "$1e-3$, the e-3, 1e3, v1e-3"),
    ],
)
def test_a_small_number_keeps_to_one_line(text, built):
    assert unbroken(text) == built


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


def test_what_answers_a_guess_is_hidden_until_it_is_run(toy):
    text = GOOD.replace('ask("07.3")', 'predict("07.3")').replace("print(7)", 'print(6)\n\n# %%\nfound("07.3", 7)')
    text = text.replace('# %%\nask("07.2")', '# %%\nprint("a figure of the result")\n\n# %%\nask("07.2")')
    lesson = executed(toy(text))
    notebook = read_notebook(lesson)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="7\n")]
    nbformat.write(notebook, lesson.notebook)
    building.build(lesson)
    code = [cell for cell in read_notebook(lesson).cells if cell.cell_type == "code"]
    hidden = [cell.source.splitlines()[-1] for cell in code if cell.metadata.get("jupyter") == {"outputs_hidden": True}]
    result = ['show_result(f"tuned {tuned:.1%}", expected=tuned > 0.9)', 'print("a figure of the result")']
    assert hidden == [*result, "print(6)", 'found("07.3", 7)']
    shown = [cell.outputs for cell in code if "outputs_hidden" in cell.metadata.get("jupyter", {})]
    assert all(is_blank(first) and rest and not any(map(is_blank, rest)) for first, *rest in shown)
    building.build(toy(text.replace('predict("07.3")', "None").replace('found("07.3", 7)', "None")))
    (cell,) = (cell for cell in read_notebook(lesson).cells if cell.source == "print(6)")
    assert "jupyter" not in cell.metadata and [output.text for output in cell.outputs] == ["7\n"]  # hidden no longer


def test_what_a_question_asks_for_is_hidden_in_its_section_up_to_the_next_question(toy):
    text = GOOD.replace('# %%\nask("07.2")', '# %%\nprint("before")\n\n# %%\nask("07.1")')
    text = text.replace('ask("07.1")', 'ask("07.2")', 1).replace(
        '# %%\nask("07.3")', '# %%\nprint("it")\n\n# %%\nask("07.3")'
    )
    lesson = executed(toy(text))
    page = Page.of(lesson.name, read_notebook(lesson))
    awaited = {cell.source for cell in page.awaited}
    assert 'print("it")' in awaited and "print(7)" not in awaited


def test_nothing_is_hidden_where_there_is_no_output(toy):
    lesson = toy(GOOD.replace('ask("07.3")', 'predict("07.3")'))
    building.build(lesson)
    cells = read_notebook(lesson).cells
    assert not any("outputs_hidden" in cell.metadata.get("jupyter", {}) or cell.get("outputs") for cell in cells)


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
    with pytest.raises(CourseError) as caught:  # ruff tells it in several lines
        building.tidy(lesson)
    assert caught.value.code == "tools.unformattable"
    assert lesson.text.read_text(encoding="utf-8") == before


def test_lessons_are_chosen_by_slug_or_number(toy, monkeypatch):
    lesson = toy()
    register(monkeypatch, "07_toy", "08_other")
    with refused("tools.no-text", "08_other.py is missing"):
        choose(lesson.folder)
    (lesson.text.parent / "08_other.py").write_text("# %%\n")
    assert [chosen.name for chosen in choose(lesson.folder)] == ["07_toy", "08_other"]
    assert choose(lesson.folder, ["07"]) == choose(lesson.folder, ["07_toy", "07"]) == [lesson]
    with refused("lessons.unknown", "'7'", "07_toy, 08_other"):
        choose(lesson.folder, ["7"])
    register(monkeypatch, "07_toy")
    with refused("tools.unregistered", "08_other.py", "course_utils/lessons.py"):
        choose(lesson.folder)


@pytest.mark.parametrize("content", [None, "", "{}", '{"cells": [{}], "nbformat": 4, "nbformat_minor": 5}'])
def test_a_missing_or_damaged_notebook_says_what_to_do(toy, content):
    lesson = toy()
    if content is not None:
        lesson.notebook.write_text(content)
    with refused("tools.no-notebook", "07_toy.ipynb ", "python -m tools lessons build 07_toy"):
        checking.check(lesson)


def test_a_folder_without_texts_and_a_missing_configuration_say_what_to_do(tmp_path, toy):
    with refused("tools.no-texts", "--folder"):
        choose(tmp_path / "nowhere")
    lesson = toy()
    (tmp_path / "jupytext.toml").unlink()
    with refused("tools.no-jupytext-configuration"):
        building.build(lesson)


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


BADGE = "[![Open in Colab](https://c.org/b.svg)](https://colab.research.google.com/github/a/b/blob/main/lessons/07_toy.ipynb)"
TERMS = "[*batch*](../docs/glossary.md#batch), [a page](../docs/networks.md), [another](https://x.org/docs/glossary.md)"


def test_the_build_opens_and_closes_a_lesson_from_the_registry(toy, monkeypatch):
    made = [lessons.Lesson(slug, "Is it?", 25, "lesson 06.", ("see it;",)) for slug in ("06_one", "07_toy", "08_two")]
    monkeypatch.setattr(lessons, "LESSONS", tuple(made))
    monkeypatch.setattr(lessons, "LAST", 12)
    heading, rest = GOOD.split("\n#\n", 1)
    lesson = executed(toy(f"{heading}\n#\n# {BADGE}\n#\n# {TERMS}\n#\n{rest}"))
    first, opening, *_, closing = read_notebook(lesson).cells
    colab = "https://colab.research.google.com/github/a/b/blob/main/lessons"
    assert opening.source == (
        "**Lesson 7 of 12** · 25 minutes · back: [06 · Is it?](06_one.ipynb) · next: [08 · Is it?](08_two.ipynb) · "
        f"on Colab: [back]({colab}/06_one.ipynb), [next]({colab}/08_two.ipynb)\n\n"
        "You will be able to\n\n- see it;\n\n*You need lesson [06](06_one.ipynb).*"
    )
    assert closing.source == f"**Next:** [08 · Is it?](08_two.ipynb) · on Colab: [next]({colab}/08_two.ipynb)"
    batch = "The few examples, often 16 to 256, that a network sees between two updates of its weights."
    pages = "https://github.com/a/b/blob/main/docs"
    assert f'[*batch*]({pages}/glossary.md#batch "{batch}"), [a page]({pages}/networks.md)' in first.source
    assert "[another](https://x.org/docs/glossary.md)" in first.source

    monkeypatch.setattr(lessons, "LESSONS", tuple(made[:2]))  # as if there were no next lesson any more
    assert "the notebook holds another cell here: run" in str(checking.check(lesson)[0])
    building.build(lesson)
    assert (
        read_notebook(lesson).cells[-1].source
        == "That was the last lesson. Back to the first: [06 · Is it?](06_one.ipynb)"
    )
    assert "08_two" not in lesson.notebook.read_text(encoding="utf-8")


def test_links_into_the_clone_are_looked_up(toy):
    heading, rest = GOOD.split("\n#\n", 1)
    wrong = TERMS.replace("glossary.md#batch", "glossary.md#patch").replace("networks.md", "nets.md")
    told = list(map(str, checking.check(executed(toy(f"{heading}\n#\n# {BADGE}\n#\n# {wrong}\n#\n{rest}")))))
    assert any(told_one.endswith("docs/glossary.md has no heading patch") for told_one in told)
    assert any(told_one.endswith("docs/nets.md isn't there") for told_one in told)
