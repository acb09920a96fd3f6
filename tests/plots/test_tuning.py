"""Figures of a search: what is drawn, what their texts say, and what is refused."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from support.errors import refused

from course_utils.display import figures as output
from course_utils.plots import plot_history, plot_importance, plot_parallel
from tools.lessons.images import IMAGE_BYTES, with_small_images


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


@pytest.fixture
def table():
    """Five trials: the third pruned, the fourth failed, the last the best."""
    return pd.DataFrame(
        {
            "number": range(5),
            "state": ["complete", "complete", "pruned", "failed", "complete"],
            "value": [0.6, 0.5, 0.3, np.nan, 0.9],
            "lr": [1e-3, 1e-2, 1e-1, 1e-1, 3e-3],
            "epochs": [2, 3, 4, 5, 6],
        }
    )


def test_the_history_draws_each_trial_and_the_best_so_far(drawn, table):
    plot_history(table)
    figure, alt = drawn[0]
    (axis,) = figure.axes
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), [0.6, 0.6, 0.6, 0.6, 0.9])
    complete, pruned, failed = (points.get_offsets() for points in axis.collections)
    np.testing.assert_array_equal(complete, [[0, 0.6], [1, 0.5], [4, 0.9]])
    np.testing.assert_array_equal(pruned, [[2, 0.3]])
    assert failed[0, 0] == 3 and failed[0, 1] < 0.3
    assert alt == "The search, trial by trial. 5 trials, 1 pruned, 1 failed; best 90.0% in trial 4."
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["best so far", "complete", "pruned", "failed"]


def test_a_pruned_trial_is_never_the_best(drawn, table):
    table.loc[2, "value"] = 0.95
    plot_history(table)
    assert drawn[0][0].axes[0].lines[0].get_ydata().max() == 0.9
    assert "best 90.0% in trial 4" in drawn[0][1]


def test_several_histories_share_their_axes(drawn, table):
    plot_history({"random": table, "TPE": table.replace({"state": {"failed": "pruned"}})}, title="Two searches")
    figure, alt = drawn[0]
    assert [axis.get_title() or axis.get_title("left") for axis in figure.axes] == ["random", "TPE"]
    assert len({axis.get_ylim() for axis in figure.axes}) == 1
    assert alt.startswith("Two searches. random: 5 trials, 1 pruned, 1 failed; best") and "TPE: 5 trials" in alt


def test_parallel_lines_run_from_setting_to_score_and_the_best_is_thick(drawn, table):
    plot_parallel(table, ["lr", "epochs"], logarithmic=["lr"])
    figure, alt = drawn[0]
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    heights = {tuple(np.round(line.get_ydata(), 3)): line.get_linewidth() for line in lines}
    best = max(heights, key=heights.get)
    assert len(heights) == 3 and best == (0.477, 1, 1)  # a half of a decade, on a logarithmic axis
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["lr", "epochs", "score"]
    assert {"0.001", "0.01", "50%", "90%"} <= {text.get_text() for text in figure.axes[0].texts}
    assert "3 trials; the best, 90.0%: lr 0.003, epochs 6; the worst, 50.0%: lr 0.01, epochs 3" in alt


def test_a_setting_that_never_changed_is_drawn_in_the_middle(drawn, table):
    plot_parallel(table.assign(epochs=4), ["lr", "epochs"])
    lines = [line for line in drawn[0][0].axes[0].lines if len(line.get_xdata()) == 3]
    assert {line.get_ydata()[1] for line in lines} == {0.5}


def test_importances_are_bars_with_the_longest_on_top(drawn):
    plot_importance({"lr": 0.7, "wd": 0.1, "epochs": 0.2})
    figure, alt = drawn[0]
    assert [bar.get_width() for bar in figure.axes[0].patches] == [0.1, 0.2, 0.7]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["wd", "epochs", "lr"]
    assert alt == "Which settings mattered. lr 70%, epochs 20%, wd 10%."


def test_several_studies_are_dots_on_their_mean(drawn):
    plot_importance(pd.DataFrame([{"lr": 0.6, "wd": 0.4}, {"lr": 0.8, "wd": 0.2}]))
    axis = drawn[0][0].axes[0]
    np.testing.assert_allclose([bar.get_width() for bar in axis.patches], [0.3, 0.7])
    assert [list(line.get_xdata()) for line in axis.lines] == [[0.4, 0.6], [0.2, 0.8]]
    assert drawn[0][1].endswith("lr 70%, wd 30%. Mean of 2 studies.")


def test_titles_and_texts_can_be_given_and_the_committed_images_are_small(drawn, table):
    plot_history(table, title="A", alt="One sentence.")
    plot_parallel(table, ["lr"], title="B", alt="Another sentence.")
    plot_importance({"lr": 1.0}, title="C", alt="A third sentence.")
    assert [alt for _, alt in drawn] == ["One sentence.", "Another sentence.", "A third sentence."]
    assert [figure.get_suptitle() for figure, _ in drawn] == ["A", "B", "C"]
    committed = [with_small_images(output.figure_html(figure, alt)) for figure, alt in list(drawn)]
    assert max(map(len, committed)) < 1.4 * IMAGE_BYTES


def test_what_can_not_be_drawn_is_told(table):
    with refused("plots.column-missing", "state"):
        plot_history(table.drop(columns="state"))
    with refused("plots.no-complete-trial"):
        plot_history(table[table.state == "pruned"])
    with refused("plots.column-missing", "wd"):
        plot_parallel(table, ["lr", "wd"])
    with refused("plots.too-few-complete-trials", "two or more"):
        plot_parallel(table[:1], ["lr"])
    for nothing in ({}, {"lr": float("nan")}):
        with refused("plots.no-importance"):
            plot_importance(nothing)


def test_the_callers_table_stays_as_it_was(drawn, table):
    before = table.copy()
    plot_history(table)
    plot_parallel(table, ["lr"])
    pd.testing.assert_frame_equal(table, before)
