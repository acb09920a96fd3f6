"""New heads: those that fit train, and those that don't change nothing."""

import pytest
import timm
import torch
from fastai.vision.all import MSELossFlat, SigmoidRange, create_head, mse
from support.errors import refused
from support.learners import noise_learner
from support.training import train
from torch import nn
from torchvision.models import googlenet

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


@pytest.mark.parametrize("head", ["linear", "fastai", surgery.MultiDepthHead(["stage 4"])])
def test_range_loss_and_metric_outlive_the_old_head(head):
    loss, metric = MSELossFlat(), mse
    learn = noise_learner(n_out=1, y_range=(2, 3), loss_func=loss, metrics=metric)
    del learn.dls.c
    learn.dls.vocab = []
    surgery.replace_head(learn, head)
    with torch.no_grad():
        found = learn.model.eval()(1e3 * torch.randn(8, 3, 32, 32))
    assert found.shape == (8, 1) and 2 <= found.min() <= found.max() <= 3
    assert learn.loss_func is loss and learn.metrics[0].func is metric
    surgery.replace_head(learn, "linear")
    assert sum(isinstance(layer, SigmoidRange) for layer in learn.model.modules()) == 1


class Tokens(nn.Module):
    """A body that gives tokens, or feature maps with their channels last."""

    def __init__(self, flat: bool) -> None:
        super().__init__()
        self.patches, self.flat = nn.Conv2d(3, 12, 8, 8), flat

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.patches(images).permute(0, 2, 3, 1)
        return maps.flatten(1, 2) if self.flat else maps


@pytest.mark.parametrize("flat", [True, False], ids=["tokens", "maps"])
@pytest.mark.parametrize("head", ["linear", "fastai"])
def test_channels_that_come_last_are_what_the_head_reads(flat, head):
    """Also where the old head fails on them, as fastai's does on timm's Swin."""
    network = nn.Sequential(Tokens(flat), create_head(12, 2)).eval()
    surgery.replace_head(network, head, n_out=5)
    network.eval()
    images = torch.randn(2, 3, 32, 32)
    assert network(images).shape == (2, 5)
    turned = images.unflatten(3, (4, 8)).roll(1, 3).flatten(3)  # other positions, the same patches
    assert torch.allclose(network(turned), network(images), atol=1e-5)


def test_a_series_over_time_is_averaged_over_time():
    network = nn.Sequential(nn.Sequential(nn.Conv1d(2, 6, 3), nn.ReLU()), nn.Sequential(nn.Flatten(), nn.LazyLinear(3)))
    network(torch.zeros(1, 2, 64))
    surgery.replace_head(network, "linear", n_out=4)
    assert network(torch.zeros(2, 2, 40)).shape == (2, 4)


def test_values_for_each_pixel_ask_for_a_head_of_ones_own():
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU()), nn.Conv2d(6, 2, 1))
    with refused("surgery.head-for-pixels", "1x1 convolution"):
        surgery.replace_head(network, "linear", n_out=4)
    surgery.replace_head(network, nn.Conv2d(6, 4, 1))
    assert network(torch.zeros(2, 3, 9, 9)).shape == (2, 4, 7, 7)


def test_auxiliary_classifiers_go_with_the_old_head():
    network = googlenet(weights=None, init_weights=False, num_classes=3)
    parts = surgery.blocks(network)
    assert {name.partition(".")[0] for name in parts[-1].weights} == {"aux1", "aux2", "fc"}
    surgery.replace_head(network, "linear", n_out=4)
    assert network.train()(torch.zeros(2, 3, 32, 32)).shape == (2, 4)


def test_all_of_several_classifiers_are_replaced_together():
    network = timm.create_model("deit_tiny_distilled_patch16_224", img_size=32, depth=1)
    with refused("surgery.several-heads", "'linear'"):
        surgery.replace_head(network, "fastai", n_out=5)
    surgery.replace_head(network, "linear", n_out=5)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 5)
    surgery.freeze(network, batchnorm="fixed")
    trains = {name.partition(".")[0] for name, weight in network.named_parameters() if weight.requires_grad}
    assert trains == {"head", "head_dist"}
