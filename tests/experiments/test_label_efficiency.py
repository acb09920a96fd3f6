"""Labels saved: two learning curves read at equal accuracy."""

import math

import pandas as pd
import pytest
from support.errors import refused

from course_utils.experiments.label_efficiency import Saving, label_saving, labels_needed


@pytest.mark.parametrize(
    ("target", "needed"),
    [
        (0.5, 10),  # a point of the curve
        (0.6, 20),  # half way between 10 and 40 on a logarithmic axis
        (0.7, 40),
        (0.71, math.inf),
        (0.49, 0),
    ],
)
def test_a_curve_is_read_over_the_logarithm_of_labels(target, needed):
    assert labels_needed([10, 40], [0.5, 0.7], target) == pytest.approx(needed)
    assert labels_needed([40, 10], [0.7, 0.5], target) == pytest.approx(needed), "the order of points should not matter"


def test_on_a_level_stretch_the_fewest_labels_count():
    assert labels_needed([5, 10, 20], [0.6, 0.8, 0.8], 0.8) == 10


def test_a_curve_that_falls_is_levelled_first():
    # 0.7 then 0.5 become 0.6 twice
    assert labels_needed([5, 10, 20], [0.7, 0.5, 0.8], 0.6) == 5
    assert labels_needed([5, 10, 20], [0.7, 0.5, 0.8], 0.7) == pytest.approx(10 * 2**0.5)


@pytest.mark.parametrize(
    ("labels", "scores", "target"),
    [
        ([5], [0.5], 0.5),
        ([5, 10], [0.5], 0.5),
        ([5, 5], [0.5, 0.6], 0.5),
        ([0, 5], [0.5, 0.6], 0.5),
        ([5, 10], [0.5, float("nan")], 0.5),
        ([5, 10], [0.5, 0.6], float("nan")),
    ],
)
def test_what_is_no_curve_is_refused(labels, scores, target):
    with refused("experiments.no-curve"):
        labels_needed(labels, scores, target)


def test_a_curve_of_losses_is_read_downwards():
    assert labels_needed([10, 40], [0.7, 0.5], 0.6, higher_is_better=False) == pytest.approx(20)
    assert labels_needed([10, 40], [0.7, 0.5], 0.8, higher_is_better=False) == 0
    assert math.isinf(labels_needed([10, 40], [0.7, 0.5], 0.4, higher_is_better=False))


def curves(baseline: dict[int, list[float]], tuned: list[float]) -> pd.DataFrame:
    """A table with a run for each seed: the baseline at several numbers of labels, the arm at 5."""
    rows = [
        ("scratch", labels, seed, value) for labels, values in baseline.items() for seed, value in enumerate(values)
    ]
    rows += [("tuned", 5, seed, value) for seed, value in enumerate(tuned)]
    return pd.DataFrame(rows, columns=["strategy", "labels", "seed", "score"]).assign(metric="accuracy")


def test_the_factor_is_a_geometric_mean_over_seeds():
    table = curves({5: [0.4, 0.4], 20: [0.8, 0.8], 80: [0.9, 0.9]}, tuned=[0.8, 0.9])
    saving = label_saving(table, "tuned", "scratch", labels=5)
    assert saving.factor == pytest.approx(8), "factors of 4 and 16"
    assert saving.low < 4 and saving.high > 16 and saving.low * saving.high == pytest.approx(64)
    assert (saving.beyond, saving.below) == (0, 0)


def test_each_seed_is_compared_with_its_own_curve():
    luck = [0.0, 0.1, -0.1]
    table = curves({n: [value + x for x in luck] for n, value in {5: 0.4, 10: 0.6}.items()}, [0.6 + x for x in luck])
    saving = label_saving(table, "tuned", "scratch", labels=5)
    assert (saving.low, saving.factor, saving.high) == pytest.approx((2, 2, 2)), "luck shared by both arms is no spread"


def test_a_strategy_saves_nothing_against_itself():
    saving = label_saving(curves({5: [0.4, 0.5], 20: [0.8, 0.7]}, [0.1, 0.1]), "scratch", "scratch", labels=20)
    assert saving == Saving(pytest.approx(1), pytest.approx(1), pytest.approx(1))


def test_a_baseline_that_never_gets_there_gives_a_lower_bound():
    table = curves({5: [0.4, 0.4], 20: [0.8, 0.8]}, tuned=[0.8, 0.95])
    saving = label_saving(table, "tuned", "scratch", labels=5)
    assert saving.factor == pytest.approx(4) and saving.low == pytest.approx(4) and math.isinf(saving.high)
    assert saving.beyond == 1
    assert str(saving) == "at least 4.0 times (95% interval 4.0 to any)"


def test_an_arm_below_the_baseline_gives_an_upper_bound():
    saving = label_saving(curves({5: [0.4, 0.4], 20: [0.8, 0.8]}, tuned=[0.4, 0.3]), "tuned", "scratch", labels=5)
    assert saving.factor == pytest.approx(1) and saving.low == 0 and saving.below == 1
    assert str(saving).startswith("at most 1.0 times")


def test_adding_the_same_labels_to_both_names_changes_nothing():
    table = curves({5: [0.4, 0.3], 20: [0.8, 0.7], 80: [0.9, 0.9]}, tuned=[0.7, 0.6])
    ten_times = table.assign(labels=table.labels * 10)
    first, second = label_saving(table, "tuned", "scratch", 5), label_saving(ten_times, "tuned", "scratch", 50)
    assert (first.low, first.factor, first.high) == pytest.approx((second.low, second.factor, second.high))


@pytest.mark.parametrize(
    ("change", "code", "fact"),
    [
        (lambda table: table.drop(columns="seed"), "column-missing", "seed"),
        (lambda table: table[table.strategy == "tuned"], "unknown-strategy", "'scratch'"),
        (lambda table: table[(table.strategy == "tuned") | (table.seed == 0)], "unpaired-runs", "every seed"),
        (lambda table: table.assign(score=table.score.where(table.seed == 0)), "unpaired-runs", "every seed"),
    ],
)
def test_runs_that_do_not_pair_are_refused(change, code, fact):
    table = curves({5: [0.4, 0.3], 20: [0.8, 0.7]}, tuned=[0.7, 0.6])
    with refused(f"experiments.{code}", fact):
        label_saving(change(table), "tuned", "scratch", labels=5)


def test_one_seed_is_refused():
    table = curves({5: [0.4, 0.3], 20: [0.8, 0.7]}, tuned=[0.7, 0.6])
    with refused("statistics.too-few-runs"):
        label_saving(table[table.seed == 0], "tuned", "scratch", labels=5)


def test_losses_save_as_many_labels_as_the_scores_that_mirror_them():
    table = curves({5: [0.4, 0.4], 20: [0.8, 0.8], 80: [0.9, 0.9]}, tuned=[0.8, 0.9])
    mirrored = table.assign(metric="loss", score=1 - table.score)
    assert label_saving(mirrored, "tuned", "scratch", 5) == label_saving(table, "tuned", "scratch", 5)
