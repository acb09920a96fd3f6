"""Figure of reported and honest numbers: a row for each trap, intervals, the paired difference, refusals."""

import matplotlib.pyplot as plt
import pytest
from support.errors import refused

from course_utils.plots import plot_reported
from course_utils.statistics import mean_interval


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


TRAPS = {
    "split by slice\nsix a patient": ([0.90, 0.92, 0.94], [0.80, 0.83, 0.83]),
    "best of 100": ([0.64, 0.66], [0.5, 0.5]),
}


def test_each_trap_is_a_row_with_both_numbers_and_their_difference(drawn):
    plot_reported(TRAPS)
    figure, alt = drawn[0]
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == list(TRAPS)
    assert [text.get_text() for text in axis.texts] == ["-10.0 ± 2.5", "-15.0 ± 12.7"]
    assert "split by slice six a patient: 92.0% reported, 82.0% honest, -10.0 ± 2.5 points; best of 100: 65.0%" in alt
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["as reported", "honest"]


def test_a_bar_is_the_interval_over_runs(drawn):
    plot_reported(TRAPS)
    mean, half = mean_interval(TRAPS["best of 100"][0])
    bars = drawn[0][0].axes[0].containers[2]
    assert bars.lines[0].get_xdata() == pytest.approx([mean])
    assert bars.lines[2][0].get_segments()[0][:, 0] == pytest.approx([mean - half, mean + half])


def test_runs_that_are_no_pairs_are_refused():
    with refused("plots.nothing-to-show"):
        plot_reported({})
    with refused("statistics.lengths-differ"):
        plot_reported({"leak": ([0.1, 0.2], [0.1, 0.2, 0.3])})
