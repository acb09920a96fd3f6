"""What is nearly right waits for a person, and what is merely wrong doesn't."""

import numpy as np
import pytest
from honest import EXAM, NAMED

from course_utils.grading.bank.items import GradedText
from course_utils.grading.marking.comparing import Rules
from course_utils.grading.marking.near import near_results, near_words, why_not_run
from course_utils.grading.records import Cell

MODE = GradedText.model_validate(
    {
        **NAMED,
        "id": "91.5",
        "kind": "short text",
        "stem": "Which mode?",
        "accept": ["eval", "evaluation"],
        "mistakes": [{"answers": ["no eval"], "feedback": "f"}],
    }
)
SQUARES = EXAM.item("91.A")


@pytest.mark.parametrize(
    ("given", "near"),
    [
        *((text, True) for text in ("model.eval()", "in eval mode", "evalution", "Evaluaton", "train / eval")),
        *((text, False) for text in ("no eval", "train", "evil", "value", "evaluate it " * 9, 3, None, "")),
    ],
)
def test_a_word_that_is_nearly_accepted(given, near):
    assert near_words(MODE, given) is near


@pytest.mark.parametrize(
    ("expected", "given", "near"),
    [
        (3, [3], True),
        (3, {3}, True),
        (3.5, np.array([3.5]), True),
        (3.5, "3.5", True),
        (1 / 3, 0.33, True),
        (1 / 3, 0.3333, True),
        (2 / 3, 0.667, True),
        (1 / 3, 0.3, False),
        (1 / 3, 0.34, False),
        (0.004, 0.0, False),
        (3, [3, 3], False),
        (3, "three", False),
        (3, [], False),
        (3, 4, False),
        ([3], 3, False),
        (float("nan"), 0.5, False),
        ("3", 3, False),
    ],
)
def test_a_result_that_is_right_but_for_its_form(expected, given, near):
    assert near_results([(1, 1), (expected, given)], Rules()) is near
    assert not near_results([(1, 2), (expected, given)], Rules())
    assert not near_results([(expected, given)], Rules(exact=True))


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def squares(n):\n\u00a0\u00a0return [i for i in range(n)]", "pasting"),
        ("```python\ndef squares(n):\n    return [1]\n```", "pasting"),
        ("def squares(n):\n    return [\u201ca\u201d]", "pasting"),
        ("def squares(n):\n    return [1]\nprint 'done'", "One line"),
        ("so:\ndef squares(n):\n    return [1]", "One line"),
        ("def squares(n)\n    return [1]", ""),
        ("def squares(n):\n    return [1", ""),
        ("def squares(n):\n    ...\nprint 'done'", ""),
        ("x = 1\nprint 'done'", ""),
        ("(" * 5000, ""),
    ],
)
def test_a_cell_that_is_no_python(source, why):
    said = why_not_run(SQUARES, Cell(source, "91.A"), [], ["SyntaxError: invalid syntax"])
    assert said == "" if not why else why in said


def test_a_name_that_another_cell_makes():
    cell, below = Cell("print(sq(1))\ndef squares(n): return [1]", "91.A"), Cell("def sq(n): return n * n")
    error = ["NameError: name 'sq' is not defined"]
    assert "another order" in why_not_run(SQUARES, cell, [cell, below], error)
    assert not why_not_run(SQUARES, cell, [cell], error)
    many = [Cell(f"x = {n}  # sq") for n in range(100_000)]
    with pytest.MonkeyPatch.context() as patched:
        looked_at = []
        patched.setattr("course_utils.grading.marking.near.bound_by", lambda source: looked_at.append(source) or set())
        assert not why_not_run(SQUARES, cell, many, error) and len(looked_at) <= 100
    assert not why_not_run(SQUARES, cell, [cell, below], ["NameError: name 'other' is not defined", None, 3])
