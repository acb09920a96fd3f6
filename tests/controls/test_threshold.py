"""The threshold slider: what it says at a threshold, where its marks stand, and what it refuses."""

import json
import re

import pytest
from support.errors import refused

from course_utils.controls import threshold_slider
from course_utils.display import widgets as output

TRUTH = [0, 0, 0, 1, 0, 1]
SCORES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.9]


@pytest.fixture
def control():
    return threshold_slider(SCORES, TRUTH, "lesion")


def marks(control):
    found = re.findall(r"<span[^>]*left:([\d.]+)%;top:([\d.]+)%", control.shown.value)
    return [(float(left), float(top)) for left, top in found]


def test_it_counts_what_is_found_and_what_is_alarmed_for_nothing(control):
    assert control.result == (
        "Alarm from 0.5 on: 1 of 2 images of lesion found (recall 50%), 1 alarms for nothing (precision 50%); "
        "1 missed, 3 others left alone; accuracy 66.7%."
    )
    control.slider.value = 0.4
    assert "2 of 2 images of lesion found (recall 100%), 1 alarms for nothing (precision 67%)" in control.result
    assert f'<p role="status">{control.result}</p>' in control.shown.value


def test_without_an_alarm_there_is_no_precision(control):
    control.slider.value = 0.99
    assert (
        "0 of 2 images of lesion found (recall 0%), 0 alarms for nothing (no alarm at all, so no precision)"
        in control.result
    )
    assert len(marks(control)) == 1


def test_a_lower_threshold_moves_the_marks_along_the_curves(control):
    (recall_before, precision_before), (alarms_before, found_before) = marks(control)
    control.slider.value = 0.005  # everything is alarmed: recall 1, precision the share, top right of the ROC curve
    (recall, precision), (alarms, found) = marks(control)
    assert recall > recall_before and alarms > alarms_before
    assert found < found_before  # higher up, and top counts down
    assert precision > precision_before
    figure = [(left, left + width) for left, _, width, _ in control.panels]
    assert 100 * figure[0][0] < recall < 100 * figure[0][1] < alarms < 100 * figure[1][1]


def test_the_figure_stands_where_no_kernel_runs(control, monkeypatch):
    outputs = []
    monkeypatch.setattr(output, "display", lambda data, raw: outputs.append(data))
    control._ipython_display_()
    assert "<img" in outputs[0]["text/html"] and "recall 50%" in outputs[0]["text/html"]
    assert "ROC AUC 0.88" in outputs[0]["text/plain"] and control.result in outputs[0]["text/plain"]


def test_a_page_without_a_kernel_is_given_what_each_threshold_shows(control, monkeypatch):
    outputs = []
    monkeypatch.setattr(output, "display", lambda data, raw: outputs.append(data))
    control._ipython_display_()
    slider = outputs[0][output.SLIDER]
    assert (slider["label"], slider["frames"][slider["start"]]["value"]) == ("Threshold", "0.5")
    assert len(json.dumps(slider)) < 60_000  # it is committed with the notebook
    for frame, (name, threshold) in zip(slider["frames"], control.slider.options, strict=True):
        control.slider.value = threshold
        assert frame["value"] == name and frame["said"] == control.result
        assert frame["marks"] in control.shown.value


def test_what_can_not_be_shown_is_refused():
    with refused("plots.class-missing", "no image is lesion"):
        threshold_slider(SCORES, [0] * 6, "lesion")
    with refused("controls.unknown-threshold", "0.123", "0.005, 0.01"):
        threshold_slider(SCORES, TRUTH, threshold=0.123)
