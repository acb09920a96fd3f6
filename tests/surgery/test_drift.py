"""How far weights have moved."""

import pytest
import torch
from support.errors import refused

from course_utils import surgery
from course_utils.backbones import resnet18_half


def test_drift_is_relative_and_knows_its_layers():
    network = resnet18_half()
    before = surgery.snapshot(network)
    assert (surgery.drift(before, network).change == 0).all()
    with torch.no_grad():
        network.layer2[0].conv1.weight.mul_(1.5)
    moved = surgery.drift(before, network)
    (changed,) = moved[moved.change > 0].itertuples()
    assert changed.layer == "layer2.0.conv1" and changed.kind == "weight" and changed.change == pytest.approx(0.5)
    with refused("surgery.not-one-network", "fc"):
        surgery.drift(before, resnet18_half(num_classes=3))


def test_fingerprints_tell_values_and_not_how_they_are_stored():
    network = resnet18_half()
    before = surgery.fingerprints(network)
    network.to(memory_format=torch.channels_last)
    assert before.equals(surgery.fingerprints(network))
    with torch.no_grad():
        network.layer4[1].conv2.weight[0, 0, 0, 0] += 1
    assert (before.weights != surgery.fingerprints(network).weights).sum() == 1
