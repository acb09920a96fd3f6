"""What is frozen keeps every byte, and what isn't moves."""

import pytest
import torch
from support.errors import refused
from support.learners import noise_learner
from support.networks import STAGES
from support.training import train
from torch import nn

from course_utils import surgery
from course_utils.backbones import resnet18_half


@pytest.mark.parametrize("depth", ["stage 1", "stage 3", "head", 2, -1])
def test_frozen_blocks_keep_every_byte_and_later_ones_train(depth):
    learn = noise_learner()
    surgery.freeze_to(learn, depth, batchnorm="fixed")
    before = surgery.fingerprints(learn)
    train(learn)
    same = (before == surgery.fingerprints(learn)).set_index(before.block)
    frozen = STAGES.index(depth) if isinstance(depth, str) else depth % 6
    assert same[["weights", "statistics"]].iloc[:frozen].all().all()
    assert not same.weights.iloc[frozen:].any()


def test_batchnorm_left_to_train_moves_in_a_frozen_body():
    learn = noise_learner()
    surgery.freeze(learn, batchnorm="train")
    before = surgery.snapshot(learn)
    train(learn)
    moved = surgery.drift(before, learn)
    body = moved[moved.layer.str.startswith("0.")]
    assert (body[body.kind == "weight"].change == 0).all()
    assert (body[body.kind == "statistics"].change > 0).all() and (body[body.kind == "affine"].change > 0).all()


def test_weights_frozen_after_training_are_safe_from_decay_and_momentum():
    learn = noise_learner(wd=0.1)
    train(learn)
    surgery.freeze_to(learn, "stage 2", batchnorm="fixed")
    before = surgery.fingerprints(learn)
    train(learn)
    assert (before[:2] == surgery.fingerprints(learn)[:2]).all().all()


def test_unfreezing_lets_everything_move_again():
    learn = noise_learner()
    surgery.freeze(learn, batchnorm="fixed")
    train(learn)
    surgery.unfreeze(learn)
    before = surgery.fingerprints(learn)
    train(learn)
    after = surgery.fingerprints(learn)
    assert (before.weights != after.weights).all() and (before.statistics != after.statistics)[:-1].all()


def test_held_layers_stay_in_evaluation_through_train():
    dropout = nn.Dropout(0.5)
    surgery.hold_in_eval(dropout)
    ones = torch.ones(100)
    assert torch.equal(dropout.train()(ones), ones)
    surgery.hold_in_eval(dropout, False)
    assert not torch.equal(dropout.train()(ones), ones)


@pytest.mark.parametrize(
    ("depth", "code", "fact"),
    [
        ("stage 9", "surgery.unknown-depth", "stem, stage 1"),
        ("haed", "surgery.unknown-depth", "did you mean 'head'"),
        (17, "surgery.unknown-depth", "0 to 5"),
        (0, "surgery.nothing-to-freeze", "unfreeze"),
    ],
)
def test_a_wrong_depth_is_answered_with_the_right_ones(depth, code, fact):
    with refused(code, fact):
        surgery.freeze_to(resnet18_half(), depth, batchnorm="fixed")
    with refused("surgery.unknown-batchnorm", "'train' or 'fixed'"):
        surgery.freeze(resnet18_half(), batchnorm="off")
