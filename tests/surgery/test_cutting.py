"""A body cut off a network."""

import pytest
import torch
from support.errors import refused
from support.networks import STAGES
from torch import nn

from course_utils import surgery
from course_utils.backbones import resnet18_half


@pytest.mark.parametrize("after", STAGES[:-1])
def test_a_cut_body_computes_what_the_network_computes_there(after):
    network, x = resnet18_half().eval(), torch.randn(2, 3, 64, 64)
    seen = []
    block = surgery.blocks(network)[STAGES.index(after)]
    hook = list(block.layers.values())[-1].register_forward_hook(lambda *parts: seen.append(parts[2]))
    network(x)
    hook.remove()
    assert torch.equal(surgery.cut(network, after)(x), seen[0])
    with refused("surgery.nothing-to-cut", "stage 4"):
        surgery.cut(network, "head")


class Woven(nn.Module):
    """Its second layer comes after its first stage, though both layers make up the stem."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.stages = nn.ModuleList(nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()) for _ in range(2))
        self.head = nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.second(self.stages[0](self.first(images)))
        return self.head(self.stages[1](maps).mean((2, 3)))


def test_a_cut_that_needs_later_blocks_is_refused():
    network = Woven()
    assert surgery.cut(network, "stage 2")(torch.zeros(2, 3, 32, 32)).shape == (2, 4, 24, 24)
    with refused("surgery.not-in-order", "stem"):
        surgery.cut(network, "stem")
