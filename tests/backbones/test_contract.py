"""What every registered backbone promises."""

import pytest
import torch
from fastai.vision.all import create_vision_model
from fastai.vision.learner import model_meta
from support.errors import refused

from course_utils import surgery
from course_utils.backbones import BACKBONES, find_backbone, register


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_builds_and_can_be_fine_tuned(name):
    backbone = find_backbone(name)
    network = backbone.build(weights=None).eval()
    assert network(backbone.example_input()).shape[0] == 2
    held = [id(weight) for block in surgery.blocks(network) for weight in block.parameters()]
    assert sorted(held) == sorted(map(id, network.parameters()))
    means, deviations = model_meta[backbone.build]["stats"]
    assert (tuple(means), tuple(deviations)) == (backbone.mean, backbone.std)
    for each in (network, create_vision_model(backbone.build, 5, pretrained=False)):
        assert tuple(block.name for block in surgery.blocks(each)) == backbone.blocks
        surgery.freeze(each, batchnorm="fixed")
        before = surgery.snapshot(each)
        surgery.describe(each, size=backbone.example[-1])
        assert (surgery.drift(before, each).change == 0).all()
        surgery.replace_head(each, "linear", n_out=7)
        assert each.eval()(torch.zeros(2, *backbone.example)).shape == (2, 7)


def test_names_are_unique_and_unknown_ones_are_answered():
    with refused("backbones.registered-twice", "resnet18_half"):
        register(find_backbone("resnet18_half"))
    with refused("backbones.unknown", "resnet34"):
        find_backbone("resnet5")
