"""Figures of trouble and cure, and of what each threshold finds: panels, curves, texts, refusals."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from support.errors import refused

from course_utils.display import figures as output
from course_utils.plots import plot_before_after, plot_detection
from course_utils.statistics import mean_interval


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


def runs(trouble="rare class", measure="recall", arms=("before", "after"), seeds=range(4)):
    rows = [(trouble, measure, arm, s, 0.4 + 0.2 * place + 0.01 * s) for place, arm in enumerate(arms) for s in seeds]
    return pd.DataFrame(rows, columns=["trouble", "measure", "arm", "seed", "value"])


def test_each_trouble_is_a_panel_with_its_arms_in_order(drawn):
    plot_before_after(pd.concat([runs(), runs("leak", "accuracy", ("by slice", "by patient", "truth"))]))
    figure, alt = drawn[0]
    assert [axis.get_title("left") for axis in figure.axes] == ["rare class", "leak"]
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["by slice", "by patient", "truth"]
    assert [axis.get_xlabel() for axis in figure.axes] == ["recall", "accuracy"]
    assert "rare class, recall: before 41.5% ± 2.1%, after 61.5% ± 2.1%; leak, accuracy: by slice 41.5%" in alt


def test_a_point_is_the_mean_with_its_interval_and_a_line_is_a_seed(drawn):
    table = runs()
    plot_before_after(table)
    axis = drawn[0][0].axes[0]
    mean, half = mean_interval(table[table.arm == "after"].value)
    bars = axis.containers[1]
    assert bars.lines[0].get_xdata() == pytest.approx([mean])
    assert bars.lines[2][0].get_segments()[0][:, 0] == pytest.approx([mean - half, mean + half])
    seeds = [line for line in axis.lines if len(line.get_xdata()) == 2]
    assert [list(line.get_xdata()) for line in seeds] == [
        pytest.approx([0.4 + 0.01 * seed, 0.6 + 0.01 * seed]) for seed in range(4)
    ]


def test_a_loss_is_no_share(drawn):
    plot_before_after(runs(measure="test loss"))
    figure, alt = drawn[0]
    assert "test loss: before 0.42 ± 0.02, after 0.62 ± 0.02" in alt
    figure.draw_without_rendering()
    assert not any("%" in label.get_text() for label in figure.axes[0].get_xticklabels())


def test_eight_panels_stay_small_and_readable(drawn):
    plot_before_after(pd.concat([runs(f"trouble {n}", arms=("one way", "another way", "a third")) for n in range(8)]))
    figure, alt = drawn[0]
    assert len(figure.axes) == 8 and alt.count("a third 81.5%") == 8
    assert len(output.figure_html(figure, alt)) < 1.4 * output.MOST_BYTES


def test_what_is_missing_is_named():
    with refused("plots.column-missing", "measure, value"):
        plot_before_after(runs().drop(columns=["measure", "value"]))
    with refused("plots.empty-table"):
        plot_before_after(runs()[:0])
    with refused("statistics.too-few-runs"):
        plot_before_after(runs(seeds=[0]))


TRUTH = [0, 0, 0, 1, 0, 1]
SCORES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.9]


def test_both_curves_say_their_areas(drawn):
    plot_detection({"plain": SCORES, "coin": [0.5] * 6}, TRUTH, positive="lesion")
    figure, alt = drawn[0]
    # By hand: of the 8 pairs of a lesion and another, 7 are in order; the lesions come first and third.
    assert "plain: average precision 0.83, ROC AUC 0.88; coin: average precision 0.33, ROC AUC 0.50" in alt
    assert "33.3% of the images are lesion" in alt
    precision, roc = figure.axes
    assert precision.get_xlabel() == "recall: share of lesion found" and roc.get_title("left") == "ROC"
    guess = next(line for line in precision.lines if line.get_label() == "guessing 0.33")
    assert list(guess.get_ydata()) == pytest.approx([1 / 3, 1 / 3])


def test_tensors_are_taken_too(drawn):
    plot_detection({"plain": torch.tensor(SCORES)}, torch.tensor(TRUTH))
    assert "ROC AUC 0.88" in drawn[0][1]


@pytest.mark.parametrize(
    ("truth", "code", "fact"),
    [
        ([0] * 6, "plots.class-missing", "recall, precision and ROC AUC are undefined"),
        ([1] * 6, "plots.class-missing", "so ROC AUC is undefined"),
        ([0, 1], "plots.scores-do-not-fit", "(6,) and (2,)"),
        ([0, 1, 2, 0, 1, 2], "plots.scores-do-not-fit", "0 or 1"),
    ],
)
def test_undefined_curves_are_refused(truth, code, fact):
    with refused(code, fact):
        plot_detection({"plain": SCORES}, truth, positive="lesion")


def test_a_score_that_is_no_number_is_refused():
    with refused("plots.scores-do-not-fit"):
        plot_detection({"plain": [*SCORES[:5], np.nan]}, TRUTH)
