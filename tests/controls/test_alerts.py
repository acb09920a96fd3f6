"""The slider over cards a day: what it counts, where its marks stand, and what it refuses."""

import re

import numpy as np
import pandas as pd
import pytest
from support.errors import refused

from course_utils.controls import alerts_slider
from course_utils.display import widgets as output
from course_utils.plots.payments.alerts import NUMBERS, count_alerts


@pytest.fixture
def payments():
    """Two days of eight cards; card 0 is fraud on both, card 7 on the second."""
    time = pd.to_datetime(["2024-01-01", "2024-01-02"]).repeat(8)
    customer = np.tile(np.arange(8), 2)
    return pd.DataFrame({"time": time, "customer": customer, "fraud": (customer == 0) | (np.arange(16) == 15)})


@pytest.fixture
def control(payments):
    return alerts_slider(payments, {"good": -payments.customer, "bad": payments.customer})


def marks(control):
    found = re.findall(r"<span[^>]*left:([\d.]+)%;top:([\d.]+)%", control.shown.value)
    return [(float(left), float(top)) for left, top in found]


def test_it_counts_right_alarms_and_the_share_of_frauds(control):
    assert control.result == (
        "5 cards a day. good: 2 of 10 alarms right (20%), which finds 67% of the 3 cards with fraud; "
        "bad: 1 of 10 alarms right (10%), which finds 33% of the 3 cards with fraud."
    )
    control.slider.value = 1
    assert control.result.startswith("1 card a day. good: 2 of 2 alarms right (100%)")
    assert f'<p role="status">{control.result}</p>' in control.shown.value


def test_more_cards_find_more_and_never_raise_the_number_beyond_what_there_is(payments):
    counts = count_alerts(payments, {"good": -payments.customer})
    assert counts.number.tolist() == list(NUMBERS) and counts.right.is_monotonic_increasing
    assert counts.recall.iloc[-1] == 1 and counts.precision.iloc[-1] == pytest.approx(3 / 100)


def test_its_marks_move_with_the_number(control):
    before = marks(control)
    control.slider.value = 50
    after = marks(control)
    assert len(before) == len(after) == 4 and all(new[0] > old[0] for old, new in zip(before, after, strict=True))
    assert after[2][1] < before[2][1], "all frauds are found: higher up, and top counts down"


def test_the_figure_stands_where_no_kernel_runs(control, monkeypatch):
    outputs = []
    monkeypatch.setattr(output, "display", lambda data, raw: outputs.append(data))
    control._ipython_display_()
    assert "<img" in outputs[0]["text/html"] and "20% right, 67% found" in outputs[0]["text/html"]


def test_what_it_cannot_show_is_refused(payments):
    with refused("controls.unknown-number", "cards is 4"):
        alerts_slider(payments, {"good": payments.customer}, cards=4)
    with refused("plots.too-many-lines", "5 methods"):
        alerts_slider(payments, dict.fromkeys("abcde", payments.customer))
    with refused("tasks.missing-class"):
        alerts_slider(payments.assign(fraud=False), {"good": payments.customer})
    with refused("plots.no-methods", "Series", "rules"):
        alerts_slider(payments, payments.customer)
