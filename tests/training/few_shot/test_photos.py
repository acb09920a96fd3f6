"""A network of photographs in episodes: its features at some depth, and a new head on it."""

import pytest
import torch
from support.errors import refused
from torch import nn

from course_utils import backbones, data
from course_utils.training import few_shot
from course_utils.training.few_shot.photos import DEVIATION, MEAN


@pytest.fixture(scope="module")
def photo_network():
    return backbones.resnet18_half("DEFAULT").train()


def test_grey_becomes_three_normalised_channels():
    grey = torch.full((2, 1, 40, 40), 128, dtype=torch.uint8)
    given = few_shot.as_photos(grey, 32)
    assert given.shape == (2, 3, 32, 32)
    expected = (128 / 255 - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
    assert torch.allclose(given.mean((0, 2, 3)), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("images", "fact"),
    [
        (torch.zeros(3, 28, 28, dtype=torch.uint8), "(3, 28, 28)"),
        (torch.zeros(2, 4, 8, 8, dtype=torch.uint8), "1 or 3 channels"),
        (torch.rand(2, 3, 8, 8), "torch.float32"),
        ([], "a list"),
    ],
)
def test_other_images_are_refused(images, fact):
    with refused("training.no-images", fact, "torch.stack"):
        few_shot.as_photos(images)
    with refused("training.no-images", fact):
        few_shot.stage_features(backbones.resnet18_half(None), images, ["stage 3"])


def test_a_size_that_is_none_is_refused():
    with refused("training.bad-setting", "size is 0"):
        few_shot.as_photos(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), 0)


def test_layers_that_are_held_in_evaluation_mode_stay_so():
    network = backbones.resnet18_half(None).train()
    network.bn1.eval()
    few_shot.stage_features(network, torch.zeros(1, 1, 32, 32, dtype=torch.uint8), ["stage 3"])
    assert network.training and network.layer1.training and not network.bn1.training


def test_features_are_averages_of_the_stages_maps(photo_network):
    images = torch.randint(0, 255, (5, 1, 40, 40), dtype=torch.uint8)
    found = few_shot.stage_features(photo_network, images, ["stage 3", "stage 4"])
    assert {name: each.shape for name, each in found.items()} == {"stage 3": (5, 128), "stage 4": (5, 256)}
    assert photo_network.training, "left in the mode that it was in"
    layers = list(photo_network.eval().children())
    with torch.no_grad():
        maps = nn.Sequential(*layers[:7])(few_shot.as_photos(images))
    photo_network.train()
    assert torch.allclose(found["stage 3"], maps.mean((2, 3)), atol=1e-5)


def test_a_new_head_knows_nothing_and_the_body_is_a_copy_of_the_networks(photo_network):
    fitted = few_shot.with_new_head(photo_network, 3)
    images = few_shot.as_photos(torch.randint(0, 255, (4, 3, 64, 64), dtype=torch.uint8))
    assert fitted(images).eq(0).all() and fitted(images).shape == (4, 3)
    assert torch.equal(fitted.body[0].weight, photo_network.conv1.weight)
    kept = fitted.body[1].running_mean.clone()
    fitted(images)
    assert torch.equal(fitted.body[1].running_mean, kept), "BatchNorm keeps its statistics"
    assert photo_network.training and not fitted.body[1].training, "each in a mode of its own"
    features = few_shot.stage_features(photo_network, torch.zeros(1, 3, 64, 64, dtype=torch.uint8), ["stage 4"])
    with torch.no_grad():
        body = fitted.body(few_shot.as_photos(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)))
    assert torch.allclose(features["stage 4"], body, atol=1e-5)


def test_the_head_of_four_blocks_is_replaced_too():
    network = few_shot.FourBlocks(30, channels=8)
    fitted = few_shot.with_new_head(network, 5)
    assert torch.equal(fitted.body[0].weight, network.body[0].weight) and fitted.head.out_features == 5
    with refused("training.no-last-layer", "Sequential"):
        few_shot.with_new_head(nn.Sequential(nn.Linear(2, 2)), 5)
    for other in (nn.Sequential(), "resnet18_half"):
        with refused("training.no-last-layer", type(other).__name__):
            few_shot.with_new_head(other, 5)
    with refused("training.bad-setting", "ways is 0"):
        few_shot.with_new_head(network, 0)
    assert few_shot.with_new_head(network.double(), 5).head.weight.dtype == torch.float64


def test_the_whole_network_is_tuned_in_an_episode(photo_network):
    random = torch.Generator().manual_seed(0)
    colours = torch.eye(3)[:, None, :, None, None]
    images = (200 * colours + 50 * torch.rand(3, 4, 3, 32, 32, generator=random)).flatten(0, 1).byte()
    episodes = data.sample_episodes(torch.arange(3).repeat_interleave(4), 3, 2, 2, 2)
    tuned = few_shot.with_new_head(photo_network, 3)
    given = few_shot.as_photos(images, 32)
    scores = few_shot.score_by_adapting(tuned, given, episodes, lr=0.01, steps=10, together=False)
    assert scores.mean() > 0.8, "red, green and blue"
