"""Labels saved and the crossing point: two learning curves read across, with intervals from resampled seeds."""

import math

import numpy as np
import pandas as pd
import pytest
from support.errors import refused

from course_utils.experiments import label_efficiency
from course_utils.experiments.label_efficiency import crossing, label_saving, labels_needed


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


def curves(baseline: dict[int, list[float]], tuned: dict[int, list[float]]) -> pd.DataFrame:
    """A table with a run for each seed."""
    rows = [
        (name, labels, seed, value)
        for name, arm in (("scratch", baseline), ("tuned", tuned))
        for labels, values in arm.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["strategy", "labels", "seed", "score"]).assign(metric="accuracy")


def three(reading) -> tuple[float, float, float]:
    return reading.low, reading.value, reading.high


def test_the_factor_is_read_from_the_mean_curves():
    saving = label_saving(curves({5: [0.3, 0.5], 20: [0.7, 0.9]}, {5: [0.5, 0.7]}), "tuned", "scratch", labels=5)
    assert saving.value == pytest.approx(2), "0.6 is half way between 5 and 20 labels"


def test_luck_that_both_arms_share_is_not_in_the_interval():
    luck = [0.0, 0.1, -0.1]
    lucky = {n: [value + x for x in luck] for n, value in {5: 0.4, 10: 0.6}.items()}
    saving = label_saving(curves(lucky, {5: [0.6 + x for x in luck]}), "tuned", "scratch", labels=5)
    assert three(saving) == pytest.approx((2, 2, 2))


def test_the_interval_covers_the_true_factor_about_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(label_efficiency, "RESAMPLES", 200)
    rng, hits = np.random.default_rng(1), 0
    for _ in range(60):
        noise = rng.normal(0, 0.02, (4, 15))
        scratch = {n: list(value + noise[i]) for i, (n, value) in enumerate({5: 0.5, 20: 0.6, 80: 0.7}.items())}
        saving = label_saving(curves(scratch, {5: list(0.65 + noise[3])}), "tuned", "scratch", labels=5)
        hits += saving.low <= 8 <= saving.high
    assert 50 <= hits <= 60


def test_a_strategy_saves_nothing_against_itself():
    saving = label_saving(curves({5: [0.4, 0.5], 20: [0.8, 0.7]}, {5: [0.1, 0.1]}), "scratch", "scratch", labels=20)
    assert three(saving) == pytest.approx((1, 1, 1))


def test_a_score_that_the_baseline_does_not_reach_is_more_than_its_last_point():
    table = curves({5: [0.4, 0.4], 20: [0.8, 0.8]}, {5: [0.9, 0.95]})
    assert str(label_saving(table, "tuned", "scratch", labels=5)) == "more than 4.0 (95% interval more than 4.0)"


def test_an_interval_may_reach_beyond_the_last_point():
    saving = label_saving(curves({5: [0.4] * 3, 20: [0.8] * 3}, {5: [0.6, 0.7, 0.95]}), "tuned", "scratch", labels=5)
    assert 2 < saving.value < 4 and math.isinf(saving.high)
    assert str(saving).endswith("(95% interval 2.0 to more than 4.0)")


def test_a_score_below_the_first_point_is_at_most_that():
    saving = label_saving(curves({10: [0.4, 0.4], 20: [0.8, 0.8]}, {5: [0.3, 0.3]}), "tuned", "scratch", labels=5)
    assert str(saving) == "at most 2.0 (95% interval at most 2.0)"


def test_ten_times_the_labels_of_both_leave_the_factor_alone():
    table = curves({5: [0.4, 0.3], 20: [0.8, 0.7], 80: [0.9, 0.9]}, {5: [0.7, 0.6]})
    ten_times = table.assign(labels=table.labels * 10)
    first, second = label_saving(table, "tuned", "scratch", 5), label_saving(ten_times, "tuned", "scratch", 50)
    assert three(first) == pytest.approx(three(second))


def test_losses_save_as_many_labels_as_the_scores_that_mirror_them():
    table = curves({5: [0.4, 0.4], 20: [0.8, 0.8], 80: [0.9, 0.9]}, {5: [0.8, 0.9]})
    mirrored = table.assign(metric="loss", score=1 - table.score)
    saved = [three(label_saving(one, "tuned", "scratch", 5)) for one in (mirrored, table)]
    assert saved[0] == pytest.approx(saved[1])


@pytest.mark.parametrize(
    ("lead", "meet", "said"),
    [
        ([-0.1, 0.1, 0.2], 10, "10 (95% interval 10)"),  # half way between 5 and 20 on a logarithmic axis
        ([0.1, -0.1, 0.3], 20 * 4**0.25, "28 (95% interval 28)"),  # the last time that it changes
        ([0.1, 0.2, 0.3], 0, "at most 5.0 (95% interval at most 5.0)"),
        ([-0.1, 0.2, -0.3], math.inf, "more than 80 (95% interval more than 80)"),
        ([-0.1, 0.0, 0.0], 20, "20 (95% interval 20)"),
    ],
)
def test_the_crossing_is_where_the_arm_is_ahead_from_then_on(lead, meet, said):
    base = {5: 0.4, 20: 0.5, 80: 0.6}
    tuned = {n: [value + x] * 2 for (n, value), x in zip(base.items(), lead, strict=True)}
    found = crossing(curves({n: [value] * 2 for n, value in base.items()}, tuned), "tuned", "scratch")
    assert found.value == pytest.approx(meet) and str(found) == said


def test_losses_cross_where_the_scores_that_mirror_them_do():
    table = curves({5: [0.4, 0.5], 20: [0.5, 0.6]}, {5: [0.3, 0.4], 20: [0.6, 0.8]})
    mirrored = table.assign(metric="loss", score=1 - table.score)
    assert three(crossing(mirrored, "tuned", "scratch")) == pytest.approx(three(crossing(table, "tuned", "scratch")))


@pytest.mark.parametrize(
    ("change", "code", "fact"),
    [
        (lambda table: table.drop(columns="seed"), "column-missing", "seed"),
        (lambda table: table[table.strategy == "tuned"], "unknown-strategy", "'scratch'"),
        (lambda table: table[(table.strategy == "tuned") | (table.seed == 0)], "unpaired-runs", "every seed"),
        (lambda table: table.assign(score=table.score.where(table.seed == 0)), "unpaired-runs", "every seed"),
        (lambda table: table[table.labels > 5], "unpaired-runs", "labels"),
        (lambda table: table[table.seed == 0], "one-seed", "more seeds"),
        (lambda table: pd.concat([table, table]), "repeated", "more than once"),
    ],
)
def test_runs_that_can_not_be_read_are_refused(change, code, fact):
    table = curves({5: [0.4, 0.3], 20: [0.8, 0.7]}, {5: [0.7, 0.6], 20: [0.8, 0.8]})
    with refused(f"experiments.{code}", fact):
        label_saving(change(table), "tuned", "scratch", labels=5)
