"""The controls over tables of measurements: what they say, what they mark, and what they refuse."""

import re
import time

import numpy as np
import pandas as pd
import pytest

from course_utils.controls import freeze_slider, strategy_explorer
from course_utils.display import widgets as output
from course_utils.errors import CourseError
from course_utils.experiments.grid import TUNING_SEED

NAN = float("nan")


@pytest.fixture
def costs():
    rows = [("stem", "nothing", 1000, NAN), ("stage 1", "stem", 900, 0.5), ("head", "stem to stage 1", 100, 0.75)]
    table = pd.DataFrame(rows, columns=["depth", "frozen", "trainable", "accuracy"])
    table["activations_mb"], table["gradients_mb"], table["optimizer_mb"] = [6.0, 3.0, 1.0], 2.0, 4.0
    return table.assign(memory_mb=[12.0, 9.0, 7.0], seconds=[0.06, 0.04, 0.02], images=200)


def runs(rates=(0.01,), strategies=("probe", "full"), labels=(5, 20), seeds=range(3)):
    """Accuracies that grow with labels, with the later strategies and with the lower rates, and vary by seed."""
    return pd.DataFrame(
        [
            {
                "strategy": strategy,
                "labels": n,
                "seed": seed,
                "lr": rate,
                "accuracy": 0.3 + 0.1 * strategies.index(strategy) + n / 100 + 0.01 * (seed % 3) - rate,
                "error": "",
            }
            for strategy in strategies
            for n in labels
            for rate in rates
            for seed in seeds
        ]
    )


def shown(control, monkeypatch):
    outputs = []
    monkeypatch.setattr(output, "display", lambda data, raw: outputs.append(data))
    control._ipython_display_()
    return outputs[0]


def marks(control):
    """Left and top of each mark, in percent of the figure's size."""
    found = re.findall(r"<span[^>]*left:([\d.]+)%;top:([\d.]+)%", control.shown.value)
    return [(float(left), float(top)) for left, top in found]


def ring(control):
    [place] = marks(control)
    return place


# the freeze slider


def test_freeze_slider_says_what_each_depth_costs(costs):
    control = freeze_slider(costs)
    assert control.result == (
        "Nothing is frozen. All 1,000 weights train; a step takes 60 ms and 12.0 MB. "
        "Nothing is cached, so there is nothing to probe."
    )
    control.slider.value = "head"
    assert control.result == (
        "Frozen: stem to stage 1. 100 of 1,000 weights train; a step takes 20 ms and 7.0 MB. "
        "A linear probe on the cached output of stage 1 gets 75.0% of 200 validation images right."
    )
    assert f'<p role="status">{control.result}</p>' in control.shown.value
    assert control.slider.description == "Trains from"


def test_freeze_slider_marks_the_chosen_depth_in_each_panel(costs):
    control = freeze_slider(costs)
    first = marks(control)
    control.slider.value = "stage 1"
    second = marks(control)
    assert len(first) == len(second) == 4
    assert all(a[0] < b[0] and a[1] == b[1] for a, b in zip(first, second, strict=True))


def test_freeze_slider_begins_where_it_is_told_to(costs):
    assert "Frozen: stem." in freeze_slider(costs, "stage 1").result


def test_freeze_slider_answers_at_once(costs):
    control = freeze_slider(costs)
    seconds = []
    for name in ("stage 1", "head", "stem"):
        began = time.perf_counter()
        control.slider.value = name
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.05, "the figure shall be drawn before the first move"  # drawing takes 0.2 s


def test_freeze_slider_stands_without_a_kernel(costs, monkeypatch):
    control = freeze_slider(costs)
    data = shown(control, monkeypatch)
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == control.box.model_id
    assert data["text/html"].startswith("<figure") and "<span" not in data["text/html"]
    for told in ("stem (nothing frozen): 1,000 weights, 12.0 MB, 60 ms, no probe", "probe 75.0%"):
        assert told in data["text/html"] and told in data["text/plain"]


def test_freeze_slider_refuses_unknown_depths_and_other_tables(costs):
    with pytest.raises(CourseError, match="no depth 'stage 9' in the table: give one of stem, stage 1, head"):
        freeze_slider(costs, "stage 9")
    with pytest.raises(CourseError, match="no rows"):
        freeze_slider(costs[:0])
    with pytest.raises(CourseError, match="lacks the column seconds"):
        freeze_slider(costs.drop(columns="seconds"))


# the strategy explorer


def test_explorer_finds_mean_interval_and_the_best_beside_it():
    control = strategy_explorer(runs())
    assert control.rate is None, "one rate only"
    assert control.result == (
        "probe at 5 labels per class, rate 0.01: 35.0% ± 2.5 over 3 runs; the highest mean there is full, "
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


def test_explorer_has_a_slider_where_there_are_several_rates():
    control = strategy_explorer(runs(rates=(0.1, 0.001), seeds=[TUNING_SEED]))
    assert [value for _, value in control.rate.options] == [0.001, 0.1]
    assert control.rate.value == 0.1, "as in the first run"
    assert re.search(r"rate 0\.1: 26\.0% in one run, so no interval;", control.result)
    assert "the highest mean there is full, rate 0.001, with" in control.result
    before = ring(control)
    control.rate.value = 0.001
    assert ring(control)[0] < before[0]
    assert 'alt="Validation accuracy' in control.shown.value


def test_explorer_leaves_failed_runs_out_and_says_so():
    table = runs()
    table.loc[0, ["accuracy", "error"]] = NAN, "ValueError: too hot"
    gone = (table.strategy == "full") & (table.labels == 20)
    table.loc[gone, "accuracy"] = NAN
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
    table = runs(rates=(0.1, 0.01, 0.001), strategies=tuple("abcdefghij"), labels=(2, 5, 10, 20))
    control = strategy_explorer(table)
    assert len(control.static) < 85_000, "60 kB of PNG in base64, and the text"
    seconds = []
    for strategy in "bcd":
        began = time.perf_counter()
        control.strategy.value = strategy
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.05


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda table: table[:0], "no runs"),
        (lambda table: table.drop(columns="labels"), "lacks the column labels"),
        (lambda table: table.assign(accuracy=np.nan, error="E: no"), r"All 12 runs of the table failed \(E: no\)"),
        (lambda table: pd.concat([table, table.assign(seed=TUNING_SEED)]), "mixes runs"),
    ],
)
def test_explorer_refuses_in_one_sentence(spoil, expected):
    with pytest.raises(CourseError, match=expected):
        strategy_explorer(spoil(runs()))


def test_names_in_a_table_cannot_inject_html():
    control = strategy_explorer(runs(strategies=("<b>probe</b>", "full")))
    assert "<b>" not in control.shown.value
