"""The slider of skew: what it says at an alpha, where its discs stand, and what it refuses."""

import math
import re

import numpy as np
import pytest
from support.errors import refused

from course_utils.controls import clients_slider
from course_utils.data.clients import label_counts, split_among_clients
from course_utils.display import widgets as output

LABELS, VOCAB = np.repeat(np.arange(4), 25), ["card", "glass", "metal", "paper"]


@pytest.fixture
def control():
    return clients_slider(LABELS, VOCAB, clients=5, alpha=0.1, seed=3)


def discs(control):
    found = re.findall(r"<span[^>]*left:([\d.]+)%;top:([\d.]+)%;width:([\d.]+)px", control.shown.value)
    return [tuple(map(float, each)) for each in found]


@pytest.mark.parametrize("alpha", [0.1, 3.0, math.inf])
def test_there_is_a_disc_for_each_count_with_an_area_as_large(control, alpha):
    control.slider.value = alpha
    counts = label_counts(LABELS, split_among_clients(LABELS, 5, alpha, seed=3), VOCAB).to_numpy()
    found = discs(control)
    assert len(found) == (counts > 0).sum()
    widths = np.array([width for *_, width in found])
    ratio = widths**2 / counts[counts > 0]
    assert ratio == pytest.approx(np.full(len(ratio), ratio.mean()), rel=0.1)
    lefts, tops = ({round(each[axis], 1) for each in found} for axis in (0, 1))
    assert len(lefts) == (counts.sum(0) > 0).sum() and len(tops) == 5
    assert all(0 < place < 100 for place in lefts | tops)


def test_it_says_how_skewed_the_clients_are(control):
    control.slider.value = math.inf
    assert control.result == (
        "alpha = inf: clients have 20 to 20 examples, and of 4.0 classes on average; the most frequent class of a "
        "client makes up 25% of its examples on average."
    )
    assert f'<p role="status">{control.result}</p>' in control.shown.value
    control.slider.value = 0.1
    assert "alpha = 0.1" in control.result and float(re.search(r"(\d+)% of its", control.result)[1]) > 50


def test_the_figure_stands_where_no_kernel_runs(control, monkeypatch):
    outputs = []
    monkeypatch.setattr(output, "display", lambda data, raw: outputs.append(data))
    control._ipython_display_()
    assert "<img" in outputs[0]["text/html"] and "alpha = 0.1" in outputs[0]["text/html"]


def test_bad_input_is_refused():
    with refused("controls.unknown-alpha", "0.7", "inf"):
        clients_slider(LABELS, VOCAB, alpha=0.7)
    with refused("data.too-many-clients", "60"):
        clients_slider(LABELS, VOCAB, clients=60)
