"""The figure of scores against how many weights train."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from support.errors import refused

from course_utils.plots import plot_by_weights

WEIGHTS = {"head alone": 770, "LoRA": 74_498, "everything": 22_566_146}
ROWS = [
    {"strategy": arm, "weights": count, "metric": "accuracy", "score": 0.8 + 0.02 * number + 0.01 * seed}
    for number, (arm, count) in enumerate(WEIGHTS.items())
    for seed in range(3)
]


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


def test_each_arm_stands_over_its_number_of_weights(drawn):
    plot_by_weights(pd.DataFrame(ROWS), title="Few do")
    figure, alt = drawn[0]
    axis = figure.axes[0]
    assert axis.get_xscale() == "log" and axis.get_ylabel() == "accuracy (%)"
    marks = {bars.get_label(): bars.lines[0].get_xydata()[0].tolist() for bars in axis.containers}
    assert list(marks) == list(WEIGHTS)
    assert marks["LoRA"] == pytest.approx([74_498, 0.83])
    assert alt.startswith("Few do. ") and "head alone: 770 weights, 81.0% ± 2.5" in alt


@pytest.mark.parametrize("weights", [0, -3])
def test_an_arm_without_weights_is_named(weights):
    table = pd.DataFrame(ROWS)
    table.loc[table.strategy == "LoRA", "weights"] = weights
    with refused("plots.no-weights", "LoRA", str(weights)):
        plot_by_weights(table)


def test_an_arm_of_several_sizes_and_a_missing_column_are_named():
    table = pd.DataFrame(ROWS)
    table.loc[0, "weights"] = 5
    with refused("plots.no-weights", "head alone", "770"):
        plot_by_weights(table)
    with refused("plots.column-missing", "weights"):
        plot_by_weights(pd.DataFrame(ROWS).drop(columns="weights"))
