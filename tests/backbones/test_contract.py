"""What every registered backbone promises."""

import pytest
import torch
from fastai.vision.all import create_vision_model
from fastai.vision.learner import model_meta
from support.errors import refused
from support.learners import noise_learner
from support.training import train

from course_utils import surgery
from course_utils.backbones import BACKBONES, find_backbone, register, weights


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


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_is_an_architecture_for_vision_learner(name):
    backbone = find_backbone(name)
    meta = model_meta[backbone.build]
    assert (meta["cut"], meta["split"], meta["weights"]) == (backbone.cut, backbone.split, "DEFAULT")
    learn = noise_learner(backbone.build, pretrained=False)
    assert [block.name for block in surgery.blocks(learn)] == list(backbone.blocks)
    learn.create_opt()
    assert len(learn.opt.param_lists) == 3
    learn.freeze()
    before = surgery.fingerprints(learn)
    train(learn, epochs=1)
    moved = before.weights != surgery.fingerprints(learn).weights
    assert moved.iloc[-1], "the head trains"
    learn.unfreeze()
    train(learn, epochs=1)
    assert (before.weights != surgery.fingerprints(learn).weights).all()


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_says_where_its_weights_come_from(name):
    backbone = find_backbone(name)
    assert backbone.bundled == (name in weights.bundled())
    assert backbone.card.startswith("https://") or not backbone.bundled or (weights.FOLDER / backbone.card).is_file()


def test_each_choice_of_network_has_one_default():
    choices = sorted(each.default_of for each in BACKBONES.values() if each.default_of)
    assert choices == ["large", "small"]
    assert next(each for each in BACKBONES.values() if each.default_of == "small").bundled, (
        "the small one needs no download"
    )


def test_names_are_unique_and_unknown_ones_are_answered():
    with refused("backbones.registered-twice", "resnet18_half"):
        register(find_backbone("resnet18_half"))
    with refused("backbones.unknown", "resnet34"):
        find_backbone("resnet5")
