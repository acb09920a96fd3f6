"""A network as a row of blocks: the bundled one, torchvision's, and learners around them."""

import pytest
import torch
from fastai.learner import Learner
from support.errors import refused
from support.learners import noise_learner
from support.networks import STAGES
from torch import nn
from torchvision.models import resnet18, resnet34, resnet50, vgg16, vgg16_bn

from course_utils import surgery
from course_utils.backbones import resnet18_half

VGG = [*(f"stage {i}" for i in range(1, 6)), "head"]


def names(network: nn.Module | Learner) -> list[str]:
    return [block.name for block in surgery.blocks(network)]


@pytest.mark.parametrize(
    ("arch", "expected"),
    [
        (resnet18_half, STAGES),
        (resnet18, STAGES),
        (resnet34, STAGES),
        (resnet50, STAGES),
        (vgg16, VGG),
        (vgg16_bn, VGG),
    ],
)
def test_blocks_hold_every_weight_once(arch, expected):
    with torch.device("meta"):  # a VGG16 has 138 million weights: only their names are needed
        network = arch()
    assert names(network) == expected
    held = [id(weight) for block in surgery.blocks(network) for weight in block.parameters()]
    assert sorted(held) == sorted(map(id, network.parameters()))


@pytest.mark.parametrize("arch", [resnet18_half, vgg16_bn])
def test_a_learner_has_the_blocks_of_its_network(arch):
    learn = noise_learner(arch)
    assert names(learn) == names(learn.model) == (STAGES if arch is resnet18_half else VGG)
    held = [id(weight) for block in surgery.blocks(learn) for weight in block.parameters()]
    assert sorted(held) == sorted(map(id, learn.model.parameters()))


def test_a_plain_row_of_layers_has_a_body_and_a_head():
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert names(plain) == ["stage 1", "head"]
    with refused("surgery.no-head-found", "Conv2d"):
        surgery.blocks(nn.Conv2d(3, 3, 1))


def test_each_block_can_be_a_layer_group():
    learn = noise_learner(splitter=surgery.split_by_block)
    learn.create_opt()
    assert len(learn.opt.param_lists) == 6
    learn.opt.set_hyper("lr", slice(1e-5, 1.0))
    assert [group["lr"] for group in learn.opt.hypers] == pytest.approx([10.0**e for e in range(-5, 1)])


def test_the_only_stage_of_a_short_body_is_one_block():
    children = list(resnet18_half().children())
    body = nn.Sequential(*children[:5])  # stem and first stage: two residual blocks that belong together
    network = nn.Sequential(body, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 3)))
    assert names(network) == ["stem", "stage 1", "head"]


BOX = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))  # layers without weights, nested


class Marked(nn.Module):
    """A body with a weight of its own, and an empty row of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.mark = nn.Parameter(torch.zeros(3))
        self.pooler = nn.ModuleList()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([nn.Conv2d(3, 4, 3), BOX, nn.Conv2d(4, 4, 3)], [["0.0", "0.1"], ["0.2"]]),
        ([nn.Conv2d(3, 4, 3), nn.Sequential(nn.Sequential(nn.ReLU()), nn.Dropout(0.1))], [["0.0", "0.1"]]),
        ([nn.Conv2d(3, 4, 3), nn.Sequential()], [["0.0", "0.1"]]),
        ([nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Sequential(BOX, nn.Identity())], [["0.0", "0.1"]]),
        ([BOX, nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())], [["0.0", "0.1"]]),
        (Marked(), [["0.pooler"]]),
    ],
)
def test_nested_layers_without_weights_are_no_stages(body, expected):
    body = body if isinstance(body, nn.Module) else nn.Sequential(*body)
    network = nn.Sequential(body, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)))
    found = surgery.blocks(network)
    assert [list(block.layers) for block in found[:-1]] == expected
    assert [block.name for block in found] == [*(f"stage {i}" for i in range(1, len(expected) + 1)), "head"]
    held = [id(weight) for block in found for weight in block.parameters()]
    assert sorted(held) == sorted(map(id, network.parameters()))
