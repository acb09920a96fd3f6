"""What is frozen keeps every byte, and what isn't moves."""

import pytest
import torch
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from support.datasets import coloured_images, store_loaders
from support.errors import refused
from support.learners import noise_learner, silent, tiny, tiny_is_known
from support.networks import STAGES
from support.training import train
from torch import nn

from course_utils import surgery
from course_utils.backbones import resnet18_half
from course_utils.surgery.blocks import BATCHNORM
from course_utils.training import FineTune


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


def statistics(learn) -> list[torch.Tensor]:
    return [layer.running_mean.clone() for layer in learn.model[0].modules() if isinstance(layer, BATCHNORM)]


@pytest.mark.parametrize(
    "then",
    [
        lambda learn: (learn.unfreeze(), learn.fit(2)),
        lambda learn: (learn.freeze(), learn.fit(2)),
        lambda learn: learn.fine_tune(1),
        lambda learn: ([weight.requires_grad_() for weight in learn.model.parameters()], learn.fit(2)),
        lambda learn: FineTune(2, batchnorm_statistics="as trained").train(learn),
    ],
    ids=["unfreeze", "freeze", "fine_tune", "requires_grad", "strategy"],
)
def test_fixed_batchnorm_does_what_the_last_call_means_and_says_so_once(then, capsys):
    ends = []
    for fixed in (False, True):
        with tiny_is_known():
            learn = silent(noise_learner(tiny))
        if fixed:
            surgery.freeze(learn, batchnorm="fixed")
        before = statistics(learn)
        then(learn)
        ends.append(statistics(learn))
        assert not any(torch.equal(old, new) for old, new in zip(before, ends[-1], strict=True))
        assert set(surgery.describe(learn).batchnorm[:-1]) == {"train"}
    assert all(torch.equal(one, other) for one, other in zip(*ends, strict=True))
    assert capsys.readouterr().out.count("follow the data again") == 1


def test_what_is_fixed_is_described_as_the_next_step_will_have_it():
    learn = noise_learner()
    surgery.freeze(learn, batchnorm="fixed")
    assert set(surgery.describe(learn).batchnorm[:-1]) == {"fixed"}
    learn.unfreeze()
    assert set(surgery.describe(learn).batchnorm[:-1]) == {"train"}
    surgery.freeze(learn, batchnorm="fixed")
    before = statistics(learn)
    train(learn)
    assert all(torch.equal(old, new) for old, new in zip(before, statistics(learn), strict=True))


def test_layers_held_by_hand_stay_held_whatever_trains():
    learn = noise_learner()
    for layer in learn.model[0].modules():
        if isinstance(layer, BATCHNORM):
            surgery.hold_in_eval(layer)
    learn.unfreeze()
    before, weights = statistics(learn), surgery.fingerprints(learn).weights
    train(learn)
    assert all(torch.equal(old, new) for old, new in zip(before, statistics(learn), strict=True))
    assert (weights != surgery.fingerprints(learn).weights).all()


def test_a_plain_learner_that_got_a_head_while_frozen_trains_its_body_later(tmp_path):
    """Its own splitter takes only what trains when the optimiser is made."""
    dls = store_loaders(coloured_images(), (96, 24, 30))
    body = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU())
    network = nn.Sequential(body, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)))
    learn = silent(Learner(dls, network, loss_func=CrossEntropyLossFlat(), path=tmp_path))
    surgery.freeze(learn, batchnorm="fixed")
    surgery.replace_head(learn, "linear")
    learn.fit(1)
    learn.export()
    before = surgery.fingerprints(learn)
    surgery.unfreeze(learn)
    learn.fit(1)
    assert (before.weights != surgery.fingerprints(learn).weights).all()
