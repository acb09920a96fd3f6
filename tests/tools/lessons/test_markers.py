"""No solution reaches a learner: markers pair up to the letter, or the lesson isn't built."""

import random
import shutil
from pathlib import Path

import nbformat
import pytest
from support.errors import refused

from course_utils import lessons
from tools.lessons import building
from tools.lessons.exercises import blanked, solutions
from tools.lessons.files import Lesson
from tools.lessons.markers import looks_like_marker

TOP = Path(__file__).parents[3]
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
EXERCISE = '# %% [markdown] tags=["exercise"]\n# ### Exercise 07.A — double it\n\n'
CHECK = '# %% tags=["check"]\ncheck("07.A", answer)\n'


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Makes a lesson of one exercise from the lines of its solution's cell, which begins on line 5."""
    shutil.copy(TOP / "jupytext.toml", tmp_path)
    monkeypatch.setattr(lessons, "LESSONS", (lessons.Lesson("07_toy", "Does it work?"),))

    def make(*cell: str, before: str = "", tags: str = ' tags=["solution"]') -> Lesson:
        lesson = Lesson(tmp_path / "lessons", "07_toy")
        lesson.text.parent.mkdir(parents=True, exist_ok=True)
        text = "\n".join([f"{before}{EXERCISE}# %%{tags}", *cell, "", CHECK])
        lesson.text.write_text(text, encoding="utf-8", newline="\n")
        return lesson

    return make


def code_of(lesson: Lesson) -> str:
    """The one blank of the learners' notebook."""
    (cell,) = [cell for cell in blanked(lesson).cells if "blank" in cell.metadata.get("tags", [])]
    return cell.source


# Each cell, the problem, and the line of the text that is named; the cell's first line is line 5.
REFUSED = {
    "unclosed": ([BEGIN, "answer = 4"], "unclosed-marker", 5),
    "unclosed after a pair": ([BEGIN, "answer = 4", END, "", BEGIN, "answer = 5"], "unclosed-marker", 9),
    "nested": ([BEGIN, "answer = 4", BEGIN, "answer = 5", END, END], "nested-marker", 7),
    "opened twice, closed once": ([BEGIN, BEGIN, "answer = 4", END], "nested-marker", 6),
    "an end after a pair": ([BEGIN, "answer = 4", END, "answer = 5", END], "stray-marker", 9),
    "an end first": ([END, BEGIN, "answer = 4", END], "stray-marker", 5),
    "an end alone": (["answer = 4", END], "stray-marker", 6),
    "no marker": (["answer = 4"], "no-solution", 5),
    "nothing between": ([BEGIN, "", END, "answer = 4"], "empty-solution", 5),
    "lower case": (["### begin solution", "answer = 4", "### end solution"], "misspelt-marker", 5),
    "a second pair in lower case": ([BEGIN, "a = 1", END, "### Begin Solution", "b = 2"], "misspelt-marker", 8),
    "two hashes": (["## BEGIN SOLUTION", "answer = 4", END], "misspelt-marker", 5),
    "one hash in a second pair": ([BEGIN, "a = 1", END, "# begin solution", "b = 2"], "misspelt-marker", 8),
    "four hashes": (["#### BEGIN SOLUTION", "answer = 4", END], "misspelt-marker", 5),
    "no space": (["###BEGIN SOLUTION", "answer = 4", END], "misspelt-marker", 5),
    "two spaces": (["### BEGIN  SOLUTION", "answer = 4", END], "misspelt-marker", 5),
    "an underscore": (["### BEGIN_SOLUTION", "answer = 4", END], "misspelt-marker", 5),
    "a space behind": ([f"{BEGIN} ", "answer = 4", END], "misspelt-marker", 5),
    "a word behind": ([BEGIN, "answer = 4", f"{END} A"], "misspelt-marker", 7),
    "the plural": (["### BEGIN SOLUTIONS", "answer = 4", END], "misspelt-marker", 5),
    "a typo in a second pair": (
        [BEGIN, "a = 1", END, "# BEGIN SOLUTOIN", "b = 2", "# END SOLUTOIN"],
        "misspelt-marker",
        8,
    ),
    "another word in a second pair": ([BEGIN, "a = 1", END, "### START", "b = 2", "### STOP"], "misspelt-marker", 8),
    "nbgrader's hidden tests": ([BEGIN, "a = 1", END, "### BEGIN HIDDEN TESTS"], "misspelt-marker", 8),
    "behind code": ([f"answer = 4  {BEGIN}", END], "misspelt-marker", 5),
    "in a string": ([BEGIN, "a = 1", END, f'print("{BEGIN}")'], "misspelt-marker", 8),
    "a tab": (["def f():", f"\t{BEGIN}", "\treturn 4", f"\t{END}"], "misspelt-marker", 6),
    "an end further in": ([BEGIN, "answer = 4", f"    {END}"], "odd-indent", 7),
    "an end further out": (["def f():", f"    {BEGIN}", "    return 4", END], "odd-indent", 8),
    "a pair further out": (["def f():", BEGIN, "    return 4", END], "odd-indent", 6),
    "a pair further in": ([f"  {BEGIN}", "answer = 4", f"  {END}"], "odd-indent", 5),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_no_pair_of_markers_is_refused_with_file_and_line(write, fault):
    cell, problem, line = REFUSED[fault]
    lesson = write(*cell)
    for make in (building.build, blanked, solutions):
        with refused(f"tools.{problem}", f"{lesson.text}:{line}: "):
            make(lesson)
    assert not lesson.notebook.exists() and not lesson.solutions.exists()


@pytest.mark.parametrize(
    "cell",
    [
        f"# %% [markdown]\n# {BEGIN}\n# two\n",
        "# %% [markdown]\n# ### Begin solution\n",
        f"# %% [raw]\n# {END}\n",
        f"# %% [markdown]\n# It stands between `{BEGIN}` and the end.\n",
        f"# %%\n{BEGIN}\nanswer = 4\n{END}\n",
        f'# %% tags=["solutions"]\n{BEGIN}\nanswer = 4\n{END}\n',
        f'# %% tags=["check"]\nanswer = 4  # {END}\n',
        '# %% [markdown] tags=["solution"]\n# Four.\n',
    ],
)
def test_a_marker_in_another_cell_is_refused_with_its_line(write, cell):
    lesson = write(BEGIN, "answer = 4", END, before=f"# %%\nfirst = 1\n\n{cell}\n")
    with pytest.raises(Exception, match=r"07_toy\.py:5: ") as caught:
        building.build(lesson)
    assert caught.value.code in ("tools.stray-marker", "tools.misspelt-marker", "tools.no-solution")
    assert not lesson.notebook.exists()


def test_several_pairs_in_a_cell_are_all_blanked(write):
    code = code_of(
        write(
            "def one():",
            f"    {BEGIN}",
            "    return 1",
            f"    {END}",
            "",
            "def two():",
            "    if one():",
            f"        {BEGIN}",
            "        return 2",
            f"        {END}",
            "    return 0",
            "",
            BEGIN,
            "answer = one() + two()",
            END,
        )
    )
    blank = 'raise NotImplementedError("write your lines here, in place of this one")'
    assert code == (
        f"def one():\n    {blank}\n\ndef two():\n    if one():\n        {blank}\n    return 0\n\n"
        "answer = ...  # write your own lines here"
    )


def test_ordinary_comments_are_no_markers(write):
    given = ["# the solution goes here", "# a solution", "# Solve it", "# end of the loop", "given = 1  # so be it"]
    assert code_of(write(*given, BEGIN, "answer = 4", END)).split("\n")[:-1] == given


@pytest.mark.parametrize("seed", range(8))
def test_no_learners_notebook_holds_a_marker_or_a_line_of_a_solution(write, seed):
    """Cells put together at random: each is either refused, or its notebook is free of markers and solutions."""
    rng = random.Random(seed)
    markers = [BEGIN, END, "### begin solution", "## END SOLUTION", "###BEGIN SOLUTION", f"{END} ", "# BEGIN SOLUTOIN"]
    built = 0
    for attempt in range(120):
        lines, secret, opened = [], [], False
        for number in range(rng.randrange(1, 9)):
            indent = " " * rng.choice([0, 0, 0, 0, 4])
            if rng.random() < 0.5:
                marker = rng.choice(markers) if rng.random() < 0.1 else END if opened else BEGIN
                opened = "BEGIN" in marker
                lines.append(indent + marker)
            elif opened:
                secret.append(f"secret_{attempt}_{number}")
                lines.append(f"{indent}{secret[-1]} = 1")
            else:
                lines.append(f"{indent}given_{number} = 1")
        lesson = write(*lines, tags=rng.choice([' tags=["solution"]'] * 9 + [""]))
        try:
            building.build(lesson)
        except Exception as error:
            assert error.code.startswith("tools."), error
            continue
        built += 1
        content = lesson.notebook.read_text(encoding="utf-8")
        assert "SOLUT" not in content.upper()
        assert not [one for one in secret if one in content]
        assert sorted(one for one in secret if one in lesson.solutions.read_text(encoding="utf-8")) == sorted(secret)
    assert built


@pytest.mark.parametrize("file", sorted((TOP / "lessons").rglob("*.ipynb")), ids=lambda file: file.stem)
def test_no_committed_notebook_holds_a_marker(file):
    cells = nbformat.read(file, as_version=4).cells
    lines = [(line, cell.cell_type == "code") for cell in cells for line in cell.source.split("\n")]
    assert not [line for line, is_code in lines if looks_like_marker(line, is_code)]
