"""The slider over depths of freezing: what it says, what it marks, and what it refuses."""

import time

import pandas as pd
import pytest
from support.controls import marks, shown
from support.errors import refused

from course_utils.controls import freeze_slider

NAN = float("nan")


@pytest.fixture
def costs():
    rows = [("stem", "nothing", 1000, NAN), ("stage 1", "stem", 900, 0.5), ("head", "stem to stage 1", 100, 0.75)]
    table = pd.DataFrame(rows, columns=["depth", "frozen", "trainable", "accuracy"])
    table["activations_mb"], table["gradients_mb"], table["optimizer_mb"] = [6.0, 3.0, 1.0], 2.0, 4.0
    return table.assign(memory_mb=[12.0, 9.0, 7.0], seconds=[0.06, 0.04, 0.02], images=200)


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
    with refused("controls.unknown-depth", "'stage 9'", "stem, stage 1, head"):
        freeze_slider(costs, "stage 9")
    with refused("plots.empty-table", "freezing_costs"):
        freeze_slider(costs[:0])
    with refused("plots.column-missing", "seconds"):
        freeze_slider(costs.drop(columns="seconds"))
