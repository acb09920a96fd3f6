"""Figures of scores: what they draw, what their alternative texts say, and what is refused."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from support.errors import refused

from course_utils.plots import (
    plot_confusion,
    plot_differences,
    plot_grid,
    plot_learning_curve,
    plot_probe_by_depth,
)


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


def test_confusion_counts_and_names_the_most_frequent_mistake(drawn):
    plot_confusion(torch.tensor([[9, 1, 0], [0, 7, 3], [0, 0, 10]]), ["car", "truck", "bus"])
    [(figure, alt)] = drawn
    assert alt == (
        "Confusion matrix of 3 classes: 26 of 30 images are right (86.7%). "
        "Most frequent mistake: truck taken for bus, 3 times."
    )
    [axis] = figure.axes
    written = {text.get_position(): text.get_text() for text in axis.texts}
    assert written == {(0, 0): "9", (1, 0): "1", (1, 1): "7", (2, 1): "3", (2, 2): "10"}  # (predicted, true)
    assert axis.get_xlabel().splitlines() == ["predicted class", "(stronger colour: a larger share of its row)"]
    assert axis.get_ylabel() == "true class"


def test_confusion_names_all_that_are_equally_frequent(drawn):
    plot_confusion([[4, 1, 0], [0, 5, 0], [0, 1, 3]], ["car", "bus", "truck"])
    assert drawn[0][1].endswith("Most frequent mistake: car taken for bus and truck taken for bus, each 1 time.")


def test_confusion_without_mistakes(drawn):
    plot_confusion([[5, 0], [0, 5]], ["car", "truck"])
    assert drawn[0][1].endswith("Most frequent mistake: none.")


@pytest.mark.parametrize("matrix", [[[1, 2, 3], [1, 2, 3]], [[1]], [[0, 0], [0, 0]]])
def test_confusion_refuses_another_shape_and_an_empty_matrix(matrix):
    with refused("plots.no-confusion", "2 classes"):
        plot_confusion(matrix, ["car", "truck"])


def runs(**columns):
    """A tidy table with two runs a row of `columns`, whose scores are one point above and below the mean."""
    table = pd.DataFrame({"metric": "accuracy"} | columns)
    return pd.concat([table.assign(seed=seed, score=table["score"] + 0.01 * seed) for seed in (-1, 1)])


def test_learning_curve_draws_means_with_bands_and_tells_the_ends(drawn):
    table = runs(strategy=["scratch", "tuned"] * 2, labels=[100, 100, 10, 10], score=[0.7, 0.9, 0.5, 0.8])
    plot_learning_curve(table)
    [(figure, alt)] = drawn
    [axis] = figure.axes
    scratch, tuned = axis.get_lines()
    assert (scratch.get_label(), tuned.get_label()) == ("scratch", "tuned")
    np.testing.assert_allclose(scratch.get_xydata(), [[10, 0.5], [100, 0.7]])
    np.testing.assert_allclose(tuned.get_xydata(), [[10, 0.8], [100, 0.9]])
    assert axis.get_xscale() == "log" and axis.get_xlabel() == "labels per class"
    assert len(axis.collections) == 2
    figure.draw_without_rendering()
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["scratch", "tuned"]
    assert not legend.get_window_extent().overlaps(axis.get_tightbbox())
    # t(0.975, 1) is 12.706, and the standard error of two runs two points apart is one point
    assert "scratch: 50.0% ± 12.7 at 10, 70.0% ± 12.7 at 100; tuned: 80.0% ± 12.7 at 10, 90.0% ± 12.7 at 100." in alt


def test_a_learning_curve_may_have_panels_in_which_an_arm_looks_the_same(drawn):
    arms = {"strategy": ["scratch", "tuned"], "labels": [5, 5]}
    table = pd.concat(
        [runs(on=["known"] * 2, score=[0.5, 0.9], **arms), runs(on=["new"] * 2, score=[0.4, 0.8], **arms)]
    )
    table = table[(table.on == "known") | (table.strategy == "tuned")]
    plot_learning_curve(table, panel="on")
    [(figure, alt)] = drawn
    known, new = figure.axes
    assert [axis.get_title(loc="left") or axis.get_title() for axis in (known, new)] == ["known", "new"]
    assert known.get_ylim() == new.get_ylim()
    [tuned] = new.get_lines()
    assert len(known.get_lines()) == 2 and tuned.get_marker() == known.get_lines()[1].get_marker()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["scratch", "tuned"]
    assert "known, tuned: 90.0%" in alt and "new, tuned: 80.0%" in alt and "new, scratch" not in alt
    with refused("plots.column-missing", "place"):
        plot_learning_curve(table, panel="place")


def test_the_horizontal_axis_says_what_is_counted(drawn):
    table = runs(strategy=["a", "b"] * 2, labels=[5, 5, 20, 20], score=[0.5, 0.6, 0.7, 0.8])
    plot_learning_curve(table, xlabel="recordings per word")
    plot_grid(table, xlabel="recordings per word")
    for figure, alt in drawn:
        assert [axis.get_xlabel() for axis in figure.axes] == ["recordings per word"]
        assert "recordings per word" in alt and "labels" not in alt


def test_a_grids_columns_stand_in_the_order_that_is_given_and_the_others_follow(drawn):
    heard = ["voices", "hiss", "silence", "echo"]
    plot_grid(runs(strategy="a", heard=heard, score=[0.1, 0.2, 0.3, 0.4]), columns="heard", order=["silence", "voices"])
    ((figure, alt),) = drawn
    [axis] = figure.axes
    shown = [tick.get_text() for tick in axis.get_xticklabels()]
    assert shown == ["silence", "voices", "echo", "hiss"]
    scores = {shown[round(text.get_position()[0])]: text.get_text()[:4] for text in axis.texts}
    assert scores == {"silence": "30.0", "voices": "10.0", "echo": "40.0", "hiss": "20.0"}
    assert alt.index("silence:") < alt.index("voices:") < alt.index("echo:") < alt.index("hiss:")


def test_lines_differ_in_more_than_colour(drawn):
    arms = [f"arm {n}" for n in range(6)]
    plot_learning_curve(runs(network=arms * 2, epoch=[1] * 6 + [2] * 6, score=[0.5] * 12), "epoch", arm="network")
    [axis] = drawn[0][0].axes
    assert axis.get_xscale() == "linear"
    assert len({line.get_marker() for line in axis.get_lines()}) == 6


def test_an_arm_keeps_its_look_in_a_figure_that_shows_fewer(drawn):
    arms = ["counting", "frozen", "tuned"]
    for shown in (arms, ["other", "tuned"]):
        plot_learning_curve(runs(strategy=shown * 2, labels=[1] * len(shown) + [2] * len(shown), score=0.5), arms=arms)
    (*_, tuned), (alone, other) = (figure.axes[0].get_lines() for figure, _ in drawn)
    assert (alone.get_label(), other.get_label()) == ("tuned", "other")
    for look in ("get_color", "get_marker", "get_linestyle"):
        assert getattr(alone, look)() == getattr(tuned, look)()
        assert getattr(other, look)() != getattr(tuned, look)()
    assert drawn[1][1].count("tuned:") == 1 and "frozen" not in drawn[1][1]


def test_one_run_a_point_is_refused():
    table = pd.DataFrame({"strategy": ["tuned"] * 2, "labels": [10, 20], "score": [0.8, 0.9], "metric": "accuracy"})
    with refused("statistics.too-few-runs"):
        plot_learning_curve(table)


def test_a_missing_column_is_named():
    with refused("plots.column-missing", "strategy, metric, score and has labels"):
        plot_learning_curve(pd.DataFrame({"labels": [1, 2]}))


def probes():
    depths = ["pixels", "stem", "stage 1"]
    return pd.concat(
        runs(task=[task] * 3, network=[network] * 3, depth=depths, score=[0.6, peak, 0.7])
        for task in ("trucks", "digits")
        for network, peak in (("pre-trained", 0.8), ("random", 0.65))
    )


def test_probe_by_depth_has_a_panel_a_task_with_its_chance_level(drawn):
    plot_probe_by_depth(probes(), {"trucks": 0.5, "digits": 0.1})
    [(figure, alt)] = drawn
    trucks, digits = figure.axes
    assert [axis.get_title(loc="left") or axis.get_title() for axis in (trucks, digits)] == ["trucks", "digits"]
    for axis, chance in ((trucks, 0.5), (digits, 0.1)):
        tuned, random, guess = axis.get_lines()
        assert (tuned.get_label(), random.get_label(), guess.get_label()) == ("pre-trained", "random", "chance")
        assert set(guess.get_ydata()) == {chance}
        np.testing.assert_allclose(tuned.get_ydata(), [0.6, 0.8, 0.7])
        assert [tick.get_text() for tick in axis.get_xticklabels()] == ["pixels", "stem", "stage 1"]
    assert "trucks, pre-trained: 60.0% ± 12.7 at pixels, 80.0% ± 12.7 at stem, 70.0% ± 12.7 at stage 1" in alt
    assert "Chance: 50.0% on trucks, 10.0% on digits." in alt


def test_probe_by_depth_places_a_shorter_network_at_its_own_depths(drawn):
    table = probes()
    table = table[(table["network"] == "random") | (table["depth"] != "stem")]
    table = pd.concat([table[table["network"] == "random"], table[table["network"] == "pre-trained"]])
    plot_probe_by_depth(table, {"trucks": 0.5, "digits": 0.1})
    np.testing.assert_array_equal(drawn[0][0].axes[0].get_lines()[1].get_xdata(), [0, 2])


def test_probe_by_depth_takes_an_order_of_the_depths_and_the_level_of_raw_pixels(drawn):
    table = probes().sort_values("depth", ascending=False, kind="stable")
    order = ["pixels", "stem", "stage 1"]
    plot_probe_by_depth(table, {"trucks": 0.5, "digits": 0.1}, pixels={"digits": 0.9}, depths=order)
    [(figure, alt)] = drawn
    trucks, digits = figure.axes
    assert [tick.get_text() for tick in digits.get_xticklabels()] == order
    tuned = next(line for line in trucks.get_lines() if line.get_label() == "pre-trained")
    np.testing.assert_allclose(tuned.get_ydata(), [0.6, 0.8, 0.7])
    assert digits.get_lines()[-1].get_label() == "raw pixels" and set(digits.get_lines()[-1].get_ydata()) == {0.9}
    assert len(digits.get_lines()) == len(trucks.get_lines()) + 1
    assert alt.endswith("Chance: 50.0% on trucks, 10.0% on digits. Raw pixels: 90.0% on digits.")


def test_a_missing_chance_level_is_named():
    with refused("plots.chance-missing", "digits"):
        plot_probe_by_depth(probes(), {"trucks": 0.5})


def test_the_grid_marks_the_best_and_leaves_out_failed_runs(drawn):
    runs = [("full", 5, 0.80), ("full", 5, 0.84), ("head", 5, 0.60), ("head", 5, 0.62), ("head", 5, None)]
    plot_grid(pd.DataFrame(runs, columns=["strategy", "labels", "score"]).assign(metric="accuracy"))
    ((figure, alt),) = drawn
    assert "5: full 82.0%" in alt and "1 runs failed" in alt
    bold = [text.get_text() for text in figure.axes[0].texts if text.get_fontweight() == "bold"]
    assert len(bold) == 1 and bold[0].startswith("82.0%")


def test_an_axis_is_labelled_with_the_metric_and_its_unit(drawn):
    columns = {"strategy": ["a", "a"], "labels": [1, 10], "score": [0.5, 0.7]}
    plot_learning_curve(runs(**columns))
    plot_learning_curve(runs(metric="recall", **columns))
    plot_learning_curve(runs(metric="perplexity", **columns | {"score": [31.25, 12.5]}))
    labels = [figure.axes[0].get_ylabel() for figure, _ in drawn]
    assert labels == ["accuracy (%)", "recall (%)", "perplexity"]
    ticks = [figure.axes[0].yaxis.get_major_formatter()(0.5) for figure, _ in drawn[:2]]
    assert ticks == ["50", "50"]
    assert (
        drawn[2][1]
        == "Perplexity against labels per class (mean, 95% interval). a: 31.25 ± 0.13 at 1, 12.5 ± 0.13 at 10."
    )


def test_where_a_lower_score_is_better_the_grid_marks_the_lowest(drawn):
    plot_grid(runs(metric="loss", strategy=["full", "head"], labels=[5, 5], score=[0.4, 0.6]))
    ((figure, alt),) = drawn
    assert "5: full 0.4 ± 0.13" in alt
    [bold] = [text.get_text() for text in figure.axes[0].texts if text.get_fontweight() == "bold"]
    assert bold.startswith("0.4 ")


def test_runs_of_several_metrics_do_not_share_a_figure():
    mixed = pd.concat([runs(metric=name, strategy=["a"], labels=[1], score=[0.5]) for name in ("recall", "accuracy")])
    with refused("tasks.mixed-metrics", "recall, accuracy"):
        plot_learning_curve(mixed)


def test_a_metric_that_nobody_knows_is_refused():
    with refused("tasks.unknown-metric", "'glory'"):
        plot_learning_curve(runs(metric="glory", strategy=["a"], labels=[1], score=[0.5]))


def test_every_figure_takes_a_text_of_its_own(drawn):
    own = "In the author's words."
    plot_confusion([[1]], ["a"], alt=own)
    plot_learning_curve(runs(strategy=["a"], labels=[1], score=[0.5]), alt=own)
    plot_grid(runs(strategy=["a"], labels=[1], score=[0.5]), alt=own)
    plot_probe_by_depth(probes(), {"trucks": 0.5, "digits": 0.1}, alt=own)
    assert [alt for _, alt in drawn] == [own] * 4


def test_a_learning_rate_has_a_logarithmic_axis(drawn):
    table = pd.concat([runs(strategy="Adam", **{"learning rate": rate}, score=[0.7, 0.72]) for rate in (1e-3, 1e-1)])
    plot_learning_curve(table, x="learning rate")
    [(figure, _)] = drawn
    [axis] = figure.axes
    assert (axis.get_xscale(), axis.get_xlabel()) == ("log", "learning rate")


def test_differences_stand_in_order_with_their_intervals(drawn):
    plot_differences({"lr_mult=3": (0.021, 0.018), "wd=0": (-0.001, 0.012)}, against="fine_tune(3)")
    [(figure, alt)] = drawn
    assert alt.endswith("Percentage points against fine_tune(3): lr_mult=3 +2.1 ± 1.8; wd=0 -0.1 ± 1.2.")
    [axis] = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["lr_mult=3", "wd=0"]
    low, high = axis.get_ylim()
    assert low > high  # the first on top
