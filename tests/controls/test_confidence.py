"""The confidence slider: what it counts at a threshold, where its boxes stand, and what it refuses."""

import json
import re

import pytest
import torch
from support.errors import refused

from course_utils.backbones import Found
from course_utils.controls import confidence_slider
from course_utils.display import widgets as output

IMAGE = torch.zeros(3, 40, 60, dtype=torch.uint8)
KNOWN = [torch.tensor([[6.0, 4, 36, 24, 0], [40, 20, 55, 35, 1]]), torch.zeros(0, 5)]
FOUND = [
    Found(
        torch.tensor([[6.0, 4, 36, 24], [40, 20, 55, 35], [0, 0, 10, 10]]),
        torch.tensor([0.9, 0.45, 0.3]),
        torch.tensor([0, 1, 1]),
    ),
    Found(torch.tensor([[10.0, 10, 20, 20]]), torch.tensor([0.6]), torch.tensor([0])),
]


@pytest.fixture
def control():
    return confidence_slider([IMAGE, IMAGE], KNOWN, FOUND, ["car", "sign"])


def marks(control):
    found = re.findall(r"left:([\d.]+)%;top:([\d.]+)%;width:([\d.]+)%;height:([\d.]+)%", control.shown.value)
    return [[float(part) / 100 for part in mark] for mark in found]


def test_it_counts_right_wrong_and_missed(control):
    assert control.result == (
        "Boxes from 0.5 on: 1 right (solid), 1 wrong (dashed), 1 missed; precision 50%, recall 50%."
    )
    control.slider.value = 0.05
    assert "2 right (solid), 2 wrong (dashed), 0 missed; precision 50%, recall 100%" in control.result
    assert len(marks(control)) == 4 and control.shown.value.count("solid #") == 2
    control.slider.value = 0.95
    assert "0 right (solid), 0 wrong (dashed), 2 missed; nothing found, so no precision, recall 0%" in control.result
    assert marks(control) == []


def test_a_box_stands_where_it_is_in_its_image(control):
    panel = control.panels[0]
    left, top, width, height = marks(control)[0]
    assert left == pytest.approx(panel.x0 + panel.width * 6 / 60, abs=1e-3)
    assert top == pytest.approx(1 - panel.y1 + panel.height * 4 / 40, abs=1e-3)
    assert (width, height) == pytest.approx((panel.width * 30 / 60, panel.height * 20 / 40), abs=1e-3)
    assert width * control_ratio(control) / height == pytest.approx(30 / 20, rel=0.05)


def control_ratio(control):
    """The figure's width over its height, from its panels: each shows 60 by 40 pixels."""
    panel = control.panels[0]
    return (60 / panel.width) / (40 / panel.height)


def test_a_page_without_a_kernel_is_given_every_threshold(control, monkeypatch):
    outputs = []
    monkeypatch.setattr(output, "display", lambda data, raw: outputs.append(data))
    control._ipython_display_()
    slider = outputs[0][output.SLIDER]
    assert (slider["label"], slider["frames"][slider["start"]]["value"]) == ("Confidence", "0.5")
    assert len(json.dumps(slider)) < 60_000  # it is committed with the notebook
    for frame, (name, threshold) in zip(slider["frames"], control.slider.options, strict=True):
        control.slider.value = threshold
        assert frame["value"] == name and frame["said"] == control.result


def test_where_nothing_is_there_recall_is_not_told():
    control = confidence_slider([IMAGE], KNOWN[1:], FOUND[1:], ["car", "sign"])
    assert "0 right (solid), 1 wrong (dashed), 0 missed; precision 0%, nothing there, so no recall." in control.result


def test_what_can_not_be_shown_is_refused():
    with refused("controls.too-many-images", "7 images"):
        confidence_slider([IMAGE] * 7, KNOWN[1:] * 7, FOUND[1:] * 7, ["car"])
    with refused("controls.unknown-threshold", "0.55"):
        confidence_slider([IMAGE], KNOWN[1:], FOUND[1:], ["car"], threshold=0.55)
