"""New heads: those that fit train, and those that don't change nothing."""

import pytest
import torch
from fastai.vision.all import create_head
from support.errors import refused
from support.learners import noise_learner
from support.training import train
from torch import nn

from course_utils import surgery
from course_utils.backbones import resnet18_half


@pytest.mark.parametrize("head", ["linear", "fastai", nn.Linear(256, 5)])
def test_a_torchvision_network_gets_a_new_head(head):
    network = resnet18_half()
    body = surgery.fingerprints(network)[:-1]
    surgery.replace_head(network, head, n_out=5)
    assert network.eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 5)
    assert (surgery.fingerprints(network)[:-1] == body).all().all()


@pytest.mark.parametrize("head", ["linear", "fastai", create_head(256, 2)])
def test_a_learner_trains_its_new_head(head):
    learn = noise_learner()
    surgery.freeze(learn, batchnorm="fixed")
    surgery.replace_head(learn, head)
    before = surgery.fingerprints(learn)
    train(learn)
    moved = before.weights != surgery.fingerprints(learn).weights
    assert moved.tolist() == [False] * 5 + [True]


def test_a_head_that_does_not_fit_is_refused_and_changes_nothing():
    learn = noise_learner()
    old = learn.model[1]
    misfit = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 2))
    with refused("surgery.head-does-not-fit", "256 features"):
        surgery.replace_head(learn, misfit)
    assert learn.model[1] is old
    with refused("surgery.unknown-head", "'conv'"):
        surgery.replace_head(learn, "conv")
    with refused("surgery.no-n-out", "n_out"):
        surgery.replace_head(resnet18_half(), "linear")
