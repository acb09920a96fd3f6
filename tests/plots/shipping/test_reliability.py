"""The reliability diagram: where its marks lie, what its text says, what it refuses."""

import numpy as np
import pytest
from support.errors import refused

from course_utils.plots import plot_reliability

# Four answers at 0.75, one of them right; six at 0.95, all right.
PROBABILITIES = np.array([[0.75, 0.25]] * 4 + [[0.95, 0.05]] * 6)
TRUTH = np.array([0, 1, 1, 1] + [0] * 6)


def test_a_mark_lies_at_the_mean_probability_and_the_accuracy_of_its_bin(drawn):
    plot_reliability({"as trained": (PROBABILITIES, TRUTH)})
    figure, alt = drawn[0]
    diagonal, line = figure.axes[0].lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 1]
    assert list(line.get_xdata()) == pytest.approx([0.75, 0.95])
    assert list(line.get_ydata()) == pytest.approx([0.25, 1.0])
    assert "as trained: 75% said, 25% right (4), 95% said, 100% right (6)" in alt


def test_an_answer_of_certainty_is_in_the_last_bin(drawn):
    plot_reliability({"sure": (np.array([[1.0, 0.0]]), np.array([0]))}, bins=5)
    line = drawn[0][0].axes[0].lines[1]
    assert list(line.get_xdata()) == [1.0] and list(line.get_ydata()) == [1.0]


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"scores": (np.array([[2.0, 1.0]]), np.array([0]))},
        {"short": (PROBABILITIES, TRUTH[:3])},
        {"flat": (np.ones(3), np.zeros(3))},
        {"empty": (np.ones((0, 2)), np.zeros(0))},
    ],
)
def test_what_isnt_probabilities_is_refused(answers):
    with refused("plots.bad-probabilities"):
        plot_reliability(answers)
