"""Figures with a mark for each method: where the marks lie, the line of mixtures, texts, refusals."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from support.errors import refused

from course_utils.plots import plot_by_weights, plot_trade_off


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


MEANS = {"before": (0.8, 0.0), "half": (0.6, 0.3), "tuned": (0.1, 0.9), "replay": (0.7, 0.8)}
ROWS = [
    {"strategy": arm, "task": task, "seed": seed, "metric": "accuracy", "score": mean + 0.01 * seed}
    for arm, means in MEANS.items()
    for task, mean in zip(("old", "new"), means, strict=True)
    for seed in range(3)
]


def test_each_arm_is_a_mark_and_mixtures_lie_on_a_line(drawn):
    plot_trade_off(pd.DataFrame(ROWS), "old", "new", path=["before", "half", "tuned"], path_name="mixed")
    figure, alt = drawn[0]
    axis = figure.axes[0]
    path = next(line for line in axis.lines if line.get_label() == "mixed")
    assert list(path.get_xdata()) == pytest.approx([0.81, 0.61, 0.11])
    assert list(path.get_ydata()) == pytest.approx([0.01, 0.31, 0.91])
    assert [bars.get_label() for bars in axis.containers] == ["before", "tuned", "replay"]
    assert axis.get_xlabel() == "old: accuracy (%)" and axis.get_ylabel() == "new: accuracy (%)"
    assert "replay: old 71.0% ± 2.5, new 81.0% ± 2.5" in alt and "half: old 61.0%" in alt


def test_an_arm_without_one_of_its_scores_is_named():
    table = pd.DataFrame(ROWS)
    with refused("plots.no-pair", "replay"):
        plot_trade_off(table[(table.strategy != "replay") | (table.task == "old")], "old", "new")
    with refused("plots.column-missing", "task"):
        plot_trade_off(table.drop(columns="task"), "old", "new")


WEIGHTS = {"head alone": 770, "LoRA": 74_498, "everything": 22_566_146}
BY_WEIGHTS = [
    {"strategy": arm, "weights": count, "metric": "accuracy", "score": 0.8 + 0.02 * number + 0.01 * seed}
    for number, (arm, count) in enumerate(WEIGHTS.items())
    for seed in range(3)
]


def test_each_arm_stands_over_its_number_of_weights(drawn):
    plot_by_weights(pd.DataFrame(BY_WEIGHTS), title="Few do")
    figure, alt = drawn[0]
    axis = figure.axes[0]
    assert axis.get_xscale() == "log" and axis.get_ylabel() == "accuracy (%)"
    marks = {bars.get_label(): bars.lines[0].get_xydata()[0].tolist() for bars in axis.containers}
    assert list(marks) == list(WEIGHTS)
    assert marks["LoRA"] == pytest.approx([74_498, 0.83])
    assert alt.startswith("Few do. ") and "head alone: 770 weights, 81.0% ± 2.5" in alt


@pytest.mark.parametrize("weights", [0, -3])
def test_an_arm_without_weights_is_named(weights):
    table = pd.DataFrame(BY_WEIGHTS)
    table.loc[table.strategy == "LoRA", "weights"] = weights
    with refused("plots.no-weights", "LoRA", str(weights)):
        plot_by_weights(table)


def test_an_arm_of_several_sizes_and_a_missing_column_are_named():
    table = pd.DataFrame(BY_WEIGHTS)
    table.loc[0, "weights"] = 5
    with refused("plots.no-weights", "head alone", "770"):
        plot_by_weights(table)
    with refused("plots.column-missing", "weights"):
        plot_by_weights(pd.DataFrame(BY_WEIGHTS).drop(columns="weights"))
