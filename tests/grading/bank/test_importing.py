"""nbgrader's assignments become items where they can, and nothing of a notebook is lost without a word."""

import json

import pytest
from needs import bwrap, run
from typer.testing import CliRunner

from course_utils.cli.quiz import app
from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.importing.nbgrader import import_notebook
from course_utils.grading.bank.importing.tests import read_tests
from course_utils.grading.bank.variants import PUBLIC
from course_utils.grading.marking.marker import Marker
from course_utils.grading.marking.selftest import faults
from course_utils.grading.release.handout import handed_out
from course_utils.grading.sandbox.worker_pool import WorkerPool

ANSWER = {"solution": True, "grade": False, "locked": False}
TESTS = {"solution": False, "grade": True, "locked": True}
BY_HAND = {"solution": True, "grade": True, "locked": False}
GIVEN = {"solution": False, "grade": False, "locked": True}

FIRST = [
    ("markdown", "Before you turn this problem in, make sure everything runs as expected.", None),
    ("code", 'NAME = ""\nCOLLABORATORS = ""', None),
    ("markdown", "# Sums of cubes\n\nWe add up cubes, with a helper that is given.", None),
    ("code", "%matplotlib inline\nimport math\nimport numpy as np\n\ndef given(n):\n    return n + 1", GIVEN),
    ("markdown", "---\n## Part A\n\nWrite `cubes(n)`, the cubes of 1 to `n`; below 1 it raises a `ValueError`.", None),
    (
        "code",
        'def cubes(n):\n    """The cubes of 1 to n."""\n    ### BEGIN SOLUTION\n    if n < 1:\n'
        '        raise ValueError("below 1")\n    return [i ** 3 for i in range(1, n + 1)]\n    ### END SOLUTION',
        ANSWER,
    ),
    ("code", "cubes(3)", None),
    ("code", "assert cubes(1) == [1]\nassert cubes(2) == [1, 8]\n### BEGIN HIDDEN TESTS\n"
             "for n, last in [(3, 27), (5, 125)]:\n    assert cubes(n) == [i ** 3 for i in range(1, n + 1)]\n"
             "### END HIDDEN TESTS", TESTS | {"points": 2}),
    ("code", "try:\n    cubes(0)\nexcept ValueError:\n    pass\nelse:\n    raise AssertionError('no error')",
     TESTS | {"points": 1}),
    ("markdown", "## Part B\n\nUse it in `sum_of_cubes(n)`.", None),
    ("code", "def sum_of_cubes(n):\n    ### BEGIN SOLUTION\n    return sum(cubes(n))\n    ### END SOLUTION", ANSWER),
    ("code", "from nose.tools import assert_equal\nassert_equal(sum_of_cubes(3), 36)\n"
             "assert_equal(sum_of_cubes(given(1)), 9)", TESTS | {"points": 0.5}),
    ("code", "# does it use cubes?\nold = cubes\ndel cubes\ntry:\n    sum_of_cubes(1)\nexcept NameError:\n    pass\n"
             "else:\n    raise AssertionError\nfinally:\n    cubes = old", TESTS | {"points": 0.5}),
    ("markdown", "## Part C\n\nWrite the sum as a formula.", None),
    ("markdown", "### BEGIN SOLUTION\n$(n(n+1)/2)^2$\n### END SOLUTION\n### BEGIN MARK SCHEME\nhalf for the square\n"
                 "### END MARK SCHEME", BY_HAND | {"points": 1}),
    ("markdown", "## Part D\n\nPlot it.", None),
    ("code", "import matplotlib.pyplot as plt\nplt.plot(cubes(5))", BY_HAND | {"points": 2}),
    ("markdown", "Read about both sums, and compare them.\n### BEGIN MARK SCHEME\none for each\n### END MARK SCHEME",
     GIVEN | {"grade": False, "task": True, "points": 4}),
    ("markdown", "Well done!", None),
]  # fmt: skip


def notebook(folder, cells, name="problem1.ipynb", version=3, language="python"):
    written = []
    for number, (kind, source, given) in enumerate(cells):
        metadata = {}
        if given is not None:
            metadata = {"grade_id": f"cell-{number}"} | given
            if version == 0:  # as nbgrader began: no version, texts for points, only what is true
                metadata = {key: value for key, value in metadata.items() if value is not False and key != "task"}
                metadata |= {"points": str(metadata["points"])} if "points" in metadata else {}
            else:
                metadata |= {"schema_version": version, "checksum": "x"} | (
                    {} if version < 3 else {"task": False} | given
                )
        cell = {"cell_type": kind, "metadata": {"nbgrader": metadata} if metadata else {}, "source": source}
        written.append(cell | ({"outputs": [], "execution_count": None} if kind == "code" else {}))
    whole = {"metadata": {"kernelspec": {"language": language}}, "nbformat": 4, "nbformat_minor": 4, "cells": written}
    (folder / name).write_text(json.dumps(whole), encoding="utf-8")
    return folder / name


async def proven(*quizzes):
    async with WorkerPool(2, ["numpy"]) as pool:
        return [await faults(Marker(Assignment(quiz, PUBLIC), pool)) for quiz in quizzes]


@bwrap
def test_an_assignment_of_nbgraders_form_comes_over(tmp_path):
    done = import_notebook(notebook(tmp_path, FIRST), "01_problem1")
    assert run(proven(done.quiz)) == [[]]
    cubes, total, formula, task = done.quiz.items
    assert done.quiz.title == "Sums of cubes"
    assert done.quiz.setup == "import math\nimport numpy as np\n\ndef given(n):\n    return n + 1\n"
    assert (cubes.id, cubes.name, cubes.points, cubes.raises) == ("01.A", "cubes", 3, ["ValueError"])
    assert cubes.inputs == "[(1,), (2,), (3,), (5,), (0,)]"
    assert cubes.stem.startswith("We add up cubes") and "below 1 it raises a `ValueError`." in cubes.stem
    assert cubes.starter.endswith("# YOUR CODE HERE\n    raise NotImplementedError()\n")
    assert cubes.reference.count("SOLUTION") == 0
    assert total.inputs == "[(3,), (given(1),)]"
    assert "def cubes" in total.reference and "cubes" not in total.starter.splitlines()[-1]
    assert total.points == 0.5 and total.examples == [
        "assert sum_of_cubes(3) == 36\nassert sum_of_cubes(given(1)) == 9"
    ]
    assert (formula.id, formula.points, formula.explanation) == ("01.1", 1, "$(n(n+1)/2)^2$")
    assert [one.text for one in formula.rubric + task.rubric] == ["half for the square", "one for each"]
    assert task.points == 4 and task.stem == "Read about both sums, and compare them."
    handed = "\n".join(handed_out(Assignment(done.quiz, PUBLIC).for_student(None)).values())
    for hidden in ("(5, 125)", "i ** 3", "(n(n+1)/2)", "half for", "return sum(cubes(n))"):
        assert hidden not in handed
    left = {(one.cell, one.lost) for one in done.left}
    assert {(1, True), (2, True), (4, True), (7, True), (13, True), (17, True), (18, False), (19, True)} <= left
    for words in (
        "del cubes",
        "no item has its 0.5 points",
        "plt.plot(cubes(5))",
        "Plot it.",
        "Well done!",
        "%matplotlib",
    ):
        assert words in done.review


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_each_version_of_its_metadata_is_read(version, tmp_path):
    cells = [cell for cell in FIRST if not (cell[2] or {}).get("task")]  # which came with the third
    newest = import_notebook(notebook(tmp_path, cells), "01_problem1")
    done = import_notebook(notebook(tmp_path, cells, "old.ipynb", version), "01_problem1")
    assert done.quiz == newest.quiz


def asked(source, known=()):
    found = read_tests(source, {"f", "g", "total"}, set(known))
    return [(one.name, one.arguments, one.absolute or one.tolerance, one.raises) for one in found.asked], [
        why for _, _, why in found.left
    ]


@pytest.mark.parametrize(
    ("source", "arguments", "within", "raises"),
    [
        ("assert f(1) == 2", ("1",), 0, ""),
        ("assert 2 == f(1), 'no'", ("1",), 0, ""),
        ("assert f([1, 2], 'a') == {'b': 3}", ("[1, 2]", "'a'"), 0, ""),
        ("x = [1, 2]\nexpected = 3\nassert f(x) == expected", ("[1, 2]",), 0, ""),
        ("result = f(4)\nassert result == 5", ("4",), 0, ""),
        ("assert f(3) is None", ("3",), 0, ""),
        ("assert f(3)", ("3",), 0, ""),
        ("assert not f(3)", ("3",), 0, ""),
        ("assert abs(f(2) - 1.5) < 1e-3", ("2",), 1e-3, ""),
        ("assert abs(1.5 - f(2)) <= 0.01", ("2",), 0.01, ""),
        ("assert round(f(2), 2) == 1.5", ("2",), 0.005, ""),
        ("np.testing.assert_allclose(f(2), 1.5, rtol=1e-3)", ("2",), 1e-3, ""),
        ("np.testing.assert_almost_equal(f(2), 1.5, decimal=3)", ("2",), 1.5e-3, ""),
        ("np.testing.assert_array_equal(f(np.zeros(3)), np.zeros(3))", ("np.zeros(3)",), 0, ""),
        ("assert np.allclose(f(2), 1.5, atol=0.1)", ("2",), 0.1, ""),
        ("assert math.isclose(f(2), 1.5, rel_tol=0.01)", ("2",), 0.01, ""),
        ("assert (f(2) == np.array([1, 2])).all()", ("2",), 0, ""),
        ("assert np.array_equal(f(2), [1, 2])", ("2",), 0, ""),
        ("assert f(2).equals(pd.Series([1]))", ("2",), 0, ""),
        ("tc.assertEqual(f(2), 3)", ("2",), 0, ""),
        ("assert_true(f(2) == 3)", ("2",), 0, ""),
        ("assert list(f(2)) == [1]", ("2",), 0, ""),
        ("assert sorted(f(2)) == [1]", ("2",), 0, ""),
        ("with pytest.raises(ValueError):\n    f(-1)", ("-1",), 0, "ValueError"),
        ("assert_raises(TypeError, f, 'a')", ("'a'",), 0, "TypeError"),
        ("try:\n    f(-1)\n    assert False\nexcept KeyError:\n    pass", ("-1",), 0, "KeyError"),
        ("assert f(lambda x: x ** 2, 3) == 9", ("lambda x: x ** 2", "3"), 0, ""),
        ("def twice(x):\n    return 2 * x\nassert f(twice, 3) == 6", ("twice", "3"), 0, ""),
    ],
)  # fmt: skip
def test_a_test_that_states_a_value_becomes_an_input(source, arguments, within, raises):
    found, left = asked(source, ("np", "pd", "math"))
    assert (found, left) == ([("f", arguments, within, raises)], [])


def test_loops_and_several_conditions_are_taken_apart():
    found, left = asked("for n in range(3):\n    assert f(n) == n and g(n, n + 1) == 0\nassert total == 5")
    assert [(name, arguments) for name, arguments, _, _ in found] == [
        *(
            ("f", ("0",)),
            ("g", ("0", "0 + 1")),
            ("f", ("1",)),
            ("g", ("1", "1 + 1")),
            ("f", ("2",)),
            ("g", ("2", "2 + 1")),
        ),
        ("total", None),
    ]
    assert left == []
    pairs = (
        "for x, y in zip([1, 2], 'ab'):\n    assert f(x, y) == 1\nfor k, v in {'a': 1}.items():\n    assert g(k) == v"
    )
    assert [arguments for _, arguments, _, _ in asked(pairs)[0]] == [("1", "'a'"), ("2", "'b'"), ("'a'",)]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("assert f(1) > 0", "a property"),
        ("assert len(f(3)) == 3", "a property"),
        ("assert f(3)[0] == 1", "a property"),
        ("assert isinstance(f(3), list)", "a property"),
        ("assert f(3) != 4", "a property"),
        ("assert f(1) == g(1)", "compares answers with each other"),
        ("assert 1 == 1", "nothing that a solution binds"),
        ("assert f(data) == 1", "its arguments need data, which isn't a plain value"),
        ("x = []\nx.append(1)\nassert f(x) == 1", "isn't a comparison"),
        ("assert f(*[1, 2]) == 1", "its arguments are unpacked"),
        ("for n in range(1000):\n    assert f(n) == n", "its loop can't be unrolled"),
        ("for n in data:\n    assert f(n) == n", "its loop can't be unrolled"),
        ("if True:\n    assert f(1) == 1", "isn't a comparison with a value"),
        ("del f", "isn't a comparison with a value"),
        ("f = 3", "it binds 'f' anew"),
        ("def check(n):\n    assert f(n) == n\ncheck(3)", "a function of the tests calls the answer"),
        ("assert f(1) ==", "it is no Python"),
        ("import os; os.system('x')", "isn't a comparison with a value"),
        ("try:\n    f(0)\nexcept ValueError:\n    pass", "isn't a comparison with a value"),
    ],
)
def test_any_other_test_is_left_with_its_reason(source, why):
    found, left = asked(source)
    assert why in left[0] and not found


HARD = [
    ("code", "import math", None),
    ("code", "import numpy as np\ndef area(r):\n    return math.pi * r ** 2\ndef ring(r, width=1, *, hole=0):\n"
             "    return area(r + width) - area(r) - hole\nUNIT = 'cm'", ANSWER),
    ("code", "def square(x):\n    return x * x\nassert abs(area(2) - 12.566) < 1e-2\n"
             "assert abs(ring(1, width=2) - 25.13) < 1e-2\nassert ring(2, hole=1) > 0\nassert UNIT == 'cm'",
     TESTS | {"points": 3}),
    ("code", "class Point:\n    ### BEGIN SOLUTION\n    x = 1\n    ### END SOLUTION", ANSWER),
    ("code", "assert Point() == 1", TESTS | {"points": 1}),
    ("code", "slope = lambda f, x, h=1e-6: (f(x + h) - f(x)) / h", ANSWER),
    ("code", "np.testing.assert_allclose(slope(square, 3), 6, rtol=1e-3)\n"
             "### BEGIN HIDDEN TESTS\ndef cube(x):\n    return x ** 3\n"
             "np.testing.assert_allclose(slope(cube, 1), 3, rtol=1e-3)\n"
             "np.testing.assert_allclose(slope(lambda t: 5 * t, 1), 5, rtol=1e-3)\n### END HIDDEN TESTS",
     TESTS | {"points": 2}),
    ("code", "### BEGIN SOLUTION\nbest = 4\n", ANSWER),
    ("code", "def (", ANSWER),
    ("code", "### AUTOTEST slope(abs, 1)", TESTS | {"points": 1}),
    ("markdown", "![a picture](figure.png)\n\nWhy?", None),
    ("markdown", "Because.", BY_HAND | {"points": 0}),
    ("markdown", "", BY_HAND | {"points": 1.5}),
]  # fmt: skip


@bwrap
def test_a_hard_one_comes_over_as_far_as_it_can(tmp_path):
    done = import_notebook(notebook(tmp_path, HARD), "07_hard")
    assert run(proven(done.quiz)) == [[]]
    items = {getattr(item, "name", item.kind): item for item in done.quiz.items}
    assert list(items) == ["area", "ring", "UNIT", "slope", "free text"]
    assert (items["ring"].inputs, items["area"].absolute, items["UNIT"].inputs) == ("[(1, 2)]", 1e-2, None)
    assert [items[name].points for name in ("area", "ring", "UNIT")] == [1, 1, 1]
    assert "def cube" in items["slope"].stand_in and items["slope"].tolerance == 1e-3
    assert "lambda t: 5 * t" in items["slope"].inputs
    for words in (
        "a property of the answer",
        "Point is a class",
        "a region in it has a beginning and no end",
        "its solution is no Python",
        "tests from templates",
        "no item has its 1 point",
        "for no points",
        "which share its 3 points",
        "shows an image",
    ):
        assert words in done.review, words
    assert "def cube" not in "\n".join(handed_out(Assignment(done.quiz, PUBLIC).for_student(None)).values())


def test_the_command_writes_both_files_and_never_over_one(tmp_path):
    ask = CliRunner()
    source = notebook(tmp_path, FIRST)
    notebook(tmp_path, HARD, "second 2.ipynb")
    done = ask.invoke(app, ["import", "nbgrader", str(tmp_path), "--out", str(tmp_path / "plain")])
    assert done.exit_code == 0, done.output
    written = sorted(file.name for file in (tmp_path / "plain").iterdir())
    assert written == [f"{name}.{end}" for name in ("01_problem1", "02_second_2") for end in ("review.md", "yaml")]
    assert "in no item: cell 13: line 3: it isn't a comparison with a value" in done.output
    again = ask.invoke(app, ["import", "nbgrader", str(source), "--out", str(tmp_path / "plain")])
    assert isinstance(again.exception, CourseError)
    assert "already exists, and nothing was written" in str(again.exception)
    named = ask.invoke(app, ["import", "nbgrader", str(source), "--out", str(tmp_path / "plain"), "--as", "09_cubes"])
    assert named.exit_code == 0 and (tmp_path / "plain" / "09_cubes.yaml").is_file()


@pytest.mark.parametrize(
    ("cells", "options", "words"),
    [
        ([("markdown", "Nothing.", None)], {}, "can become an item: is it the source version"),
        (FIRST, {"language": "R"}, "is in R: only Python's"),
    ],
)
def test_what_holds_no_assignment_is_refused(cells, options, words, tmp_path):
    with pytest.raises(CourseError, match=words):
        import_notebook(notebook(tmp_path, cells, **options), "01_x")


@pytest.mark.parametrize("content", ["", "[]", '{"cells": 5}', '{"cells": [5]}', '{"cells": [{}]}', "\x00"])
def test_what_is_no_notebook_is_refused(content, tmp_path):
    (tmp_path / "a.ipynb").write_text(content, encoding="utf-8")
    with pytest.raises(CourseError, match="can't be read as a notebook"):
        import_notebook(tmp_path / "a.ipynb", "01_x")
