"""What every registered backbone promises."""

import pytest
import torch
from fastai.vision.all import create_vision_model
from fastai.vision.learner import model_meta
from support.errors import refused
from support.learners import noise_learner
from support.training import train

from course_utils import surgery
from course_utils.backbones import (
    BACKBONES,
    BoxBackbone,
    ImageBackbone,
    SoundBackbone,
    TextBackbone,
    TextClassifier,
    find_backbone,
    register,
    weights,
)
from course_utils.backbones.text.awd_lstm import LanguageModel

MODALITIES = ("images", "text", "words", "sound", "boxes")
IMAGES = [name for name, each in BACKBONES.items() if isinstance(each, ImageBackbone)]
TEXTS = [name for name, each in BACKBONES.items() if isinstance(each, TextBackbone)]
WORDS = [name for name, each in BACKBONES.items() if isinstance(each, LanguageModel)]
BOXES = [name for name, each in BACKBONES.items() if isinstance(each, BoxBackbone)]
SOUNDS = [name for name, each in BACKBONES.items() if isinstance(each, SoundBackbone)]


def test_every_backbone_takes_something_that_is_tested_here():
    assert sorted(IMAGES + TEXTS + WORDS + SOUNDS + BOXES) == sorted(BACKBONES)
    assert {each.modality for each in BACKBONES.values()} == set(MODALITIES)


@pytest.mark.parametrize("name", BACKBONES)
def test_each_weight_of_a_backbone_is_in_one_block(name):
    with torch.device("meta"):
        network = find_backbone(name).build(weights=None)
    held = [id(weight) for block in surgery.blocks(network) for weight in block.parameters()]
    assert sorted(held) == sorted(map(id, network.parameters()))


@pytest.mark.parametrize("name", TEXTS)
def test_an_encoder_of_texts_takes_dictionaries_and_can_be_fine_tuned(name):
    backbone = find_backbone(name)
    encoder = backbone.build(weights=None)
    assert not encoder.training and encoder.config.vocab_size == backbone.vocabulary
    assert encoder.config.max_position_embeddings == backbone.longest
    assert tuple(block.name for block in surgery.blocks(encoder)) == backbone.blocks
    batch, width = backbone.example_input(), encoder.config.hidden_size
    assert encoder(**batch).last_hidden_state.shape == (2, 8, width)
    network = TextClassifier(encoder, 5).eval()
    assert tuple(block.name for block in surgery.blocks(network)) == (*backbone.blocks, "head")
    assert network(batch).shape == network(**batch).shape == (2, 5)
    surgery.freeze(network, batchnorm="fixed")
    assert surgery.describe(network).trainable.tolist() == [0] * len(backbone.blocks) + [5 * (width + 1)]
    with torch.no_grad():
        alone = network({part: values[-1:, :6] for part, values in batch.items()})
        assert torch.allclose(network(batch)[-1:], alone, atol=1e-5), "padding changes nothing"
    surgery.replace_head(network, "linear", n_out=7)
    assert network(batch).shape == (2, 7)


@pytest.mark.parametrize("name", WORDS)
def test_a_language_model_scores_each_next_word(name):
    backbone = find_backbone(name)
    model = backbone.build(weights=None)
    assert not model.training and len(model.vocabulary) == backbone.vocabulary
    assert tuple(block.name for block in surgery.blocks(model)) == backbone.blocks
    batch = backbone.example_input()
    scores = model(batch)[0]
    assert scores.shape == (*batch.shape, backbone.vocabulary)
    model.reset()
    changed = batch.clone()
    changed[:, 5:] = 9
    assert torch.equal(model(changed)[0][:, :5], scores[:, :5]), "what comes later changes nothing"
    surgery.freeze(model, batchnorm="fixed")
    assert surgery.describe(model).trainable.tolist()[:-1] == [0] * (len(backbone.blocks) - 1)


@pytest.mark.parametrize("name", SOUNDS)
def test_a_backbone_of_sounds_builds_and_can_be_fine_tuned(name):
    backbone = find_backbone(name)
    network = backbone.build(weights=None, num_classes=5).eval()
    assert tuple(block.name for block in surgery.blocks(network)) == backbone.blocks
    batch = backbone.example_input()
    assert network(batch).shape == (2, 5)
    surgery.freeze(network, batchnorm="fixed")
    assert surgery.describe(network).trainable.tolist() == [0] * (len(backbone.blocks) - 1) + [5 * (backbone.width + 1)]
    before = surgery.snapshot(network)
    assert (surgery.drift(before, network).change == 0).all()
    surgery.replace_head(network, "linear", n_out=7)
    assert network(batch).shape == (2, 7)


@pytest.mark.parametrize("name", BOXES)
def test_a_detector_builds_and_can_be_fine_tuned(name):
    backbone = find_backbone(name)
    network = backbone.build(weights=None, classes=["bus", "tram"]).eval()
    assert tuple(block.name for block in surgery.blocks(network)) == backbone.blocks
    batch = backbone.example_input()
    assert network(batch).shape == (2, 5 + 2, batch.shape[2] // 8, batch.shape[3] // 8)
    surgery.freeze(network, batchnorm="fixed")
    assert surgery.describe(network).trainable.tolist()[:-1] == [0] * (len(backbone.blocks) - 1)
    before = surgery.snapshot(network)
    assert (surgery.drift(before, network).change == 0).all()
    assert len(backbone.build(weights=None).head.bias) == 5 + len(backbone.classes)


@pytest.mark.parametrize("name", IMAGES)
def test_a_backbone_of_images_builds_and_can_be_fine_tuned(name):
    backbone = find_backbone(name)
    network = backbone.build(weights=None).eval()
    assert network(backbone.example_input()).shape[0] == 2
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


@pytest.mark.parametrize("name", IMAGES)
def test_a_backbone_of_images_is_an_architecture_for_vision_learner(name):
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


@pytest.mark.parametrize("modality", MODALITIES[:2])  # the others have one network, for every machine
def test_each_choice_of_network_has_one_default(modality):
    defaults = {each.default_of: each for each in BACKBONES.values() if each.default_of and each.modality == modality}
    assert sorted(defaults) == ["large", "small"]
    assert defaults["small"].fetch is None, "the small one needs no download"


def test_names_are_unique_and_unknown_ones_are_answered():
    with refused("backbones.registered-twice", "resnet18_half"):
        register(find_backbone("resnet18_half"))
    with refused("backbones.unknown", "resnet34"):
        find_backbone("resnet5")
