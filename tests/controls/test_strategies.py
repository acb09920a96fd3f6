"""The explorer of an experiment's runs: what it says, what it marks, and what it refuses."""

import re
import time

import numpy as np
import pandas as pd
import pytest
from support.controls import marks, shown
from support.errors import refused

from course_utils.controls import strategy_explorer
from course_utils.experiments.grid import TUNING_SEED
from course_utils.plots.runs import runs_figure
from course_utils.tasks.metrics import find_metric
from tools.lessons.images import with_small_images

NAN = float("nan")


def runs(lrs=(0.01,), strategies=("probe", "full"), labels=(5, 20), seeds=range(3)):
    """Scores that grow with labels, with the later strategies and with lower learning rates, and vary by seed."""
    return pd.DataFrame(
        [
            {
                "strategy": strategy,
                "labels": n,
                "seed": seed,
                "lr": lr,
                "metric": "accuracy",
                "score": 0.3 + 0.1 * strategies.index(strategy) + n / 100 + 0.01 * (seed % 3) - lr,
                "error": "",
            }
            for strategy in strategies
            for n in labels
            for lr in lrs
            for seed in seeds
        ]
    )


def ring(control):
    [place] = marks(control)
    return place


def test_explorer_finds_mean_interval_and_the_best_beside_it():
    control = strategy_explorer(runs())
    assert control.lr is None, "one learning rate only"
    assert control.result == (
        "probe at 5 labels per class, learning rate 0.01: 35.0% ± 2.5 over 3 runs; the highest mean there is full, "
        "with 45.0% ± 2.5."
    )
    control.strategy.value, control.labels.value = "full", 20
    assert control.result.endswith("60.0% ± 2.5 over 3 runs; the highest mean there.")
    assert f'<p role="status">{control.result}</p>' in control.shown.value


def test_explorer_marks_the_chosen_mean():
    control = strategy_explorer(runs())
    poor = ring(control)
    control.labels.value = 20
    more_labels = ring(control)
    control.strategy.value = "full"
    better = ring(control)
    assert poor[0] < more_labels[0] < better[0], "more labels lie further right, the second strategy beside the first"
    assert 100 > poor[1] > more_labels[1] > better[1] > 0, "a higher accuracy lies higher up"


def test_explorer_has_a_slider_where_there_are_several_learning_rates():
    control = strategy_explorer(runs(lrs=(0.1, 0.001), seeds=[TUNING_SEED]))
    assert [value for _, value in control.lr.options] == [0.001, 0.1]
    assert control.lr.value == 0.1, "as in the first run"
    assert re.search(r"learning rate 0\.1: 26\.0% in one run, so no interval;", control.result)
    assert "the highest mean there is full, learning rate 0.001, with" in control.result
    before = ring(control)
    control.lr.value = 0.001
    assert ring(control)[0] < before[0]
    assert 'alt="Validation accuracy' in control.shown.value


def test_explorer_leaves_failed_runs_out_and_says_so():
    table = runs()
    table.loc[0, ["score", "error"]] = NAN, "ValueError: too hot"
    gone = (table.strategy == "full") & (table.labels == 20)
    table.loc[gone, "score"] = NAN
    table.loc[gone, "error"] = "CourseError: The loss\nbecame nan."
    control = strategy_explorer(table.set_index("seed", drop=False))  # an index that repeats, as after concat
    assert "over 2 runs (1 more failed);" in control.result and ring(control)
    control.strategy.value, control.labels.value = "full", 20
    assert control.result == "full at 20 labels per class: every run failed (CourseError: The loss became nan)."
    assert not marks(control)


def test_explorer_says_what_was_not_run():
    table = runs()
    control = strategy_explorer(table[(table.strategy == "probe") | (table.labels == 5)])
    control.strategy.value, control.labels.value = "full", 20
    assert control.result == "full at 20 labels per class: not run." and not marks(control)


def test_explorer_stands_without_a_kernel(monkeypatch):
    data = shown(strategy_explorer(runs()), monkeypatch)
    assert data["text/html"].startswith("<figure") and "full at 20 labels per class: 60.0% ± 2.5" in data["text/html"]
    assert data["text/plain"].startswith("Accuracy by strategy (mean, 95% interval).")


def test_explorer_answers_at_once_and_is_small_for_many_runs():
    table = runs(lrs=(0.1, 0.01, 0.001), strategies=tuple("abcdefghij"), labels=(2, 5, 10, 20))
    control = strategy_explorer(table)
    assert len(with_small_images(control.static)) < 85_000, "60 kB in base64, and the text"
    seconds = []
    for strategy in "bcd":
        began = time.perf_counter()
        control.strategy.value = strategy
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.05


@pytest.mark.parametrize(
    ("spoil", "code", "fact"),
    [
        (lambda table: table[:0], "empty-table", "Experiment.run()"),
        (lambda table: table.drop(columns="labels"), "column-missing", "labels"),
        (
            lambda table: table.assign(score=np.nan, error="E: no"),
            "all-failed",
            "All 12 runs of the table failed (E: no)",
        ),
        (lambda table: pd.concat([table, table.assign(seed=TUNING_SEED)]), "mixed-runs", "tuning"),
    ],
)
def test_explorer_refuses_in_one_sentence(spoil, code, fact):
    with refused(f"controls.{code}", fact):
        strategy_explorer(spoil(runs()))


def test_names_in_a_table_cannot_inject_html():
    control = strategy_explorer(runs(strategies=("<b>probe</b>", "full")))
    assert "<b>" not in control.shown.value


def test_where_a_lower_score_is_better_the_explorer_names_the_lowest():
    control = strategy_explorer(runs().assign(metric="loss"))
    assert control.result == (
        "probe at 5 labels per class, learning rate 0.01: 0.35 ± 0.025 over 3 runs; the lowest mean there."
    )


def test_the_explorer_has_no_slider_for_a_single_value():
    only = strategy_explorer(runs(strategies=("probe",), labels=(5, 20)))
    assert [child for child in only.box.children if hasattr(child, "options")] == [only.labels]
    assert only.result.startswith("probe at 5 labels")


def test_intervals_of_shares_end_at_100_percent():
    scores = pd.Series([0.9, 1.0, 1.0])
    figure, _, _ = runs_figure({("probe", 5, None): scores}, find_metric("accuracy"))
    [bars] = figure.axes[0].containers[0].lines[2]
    [[(_, low), (_, high)]] = bars.get_segments()
    assert high == pytest.approx(1) and low < scores.mean()
