"""A body cut off a network."""

import pytest
import torch
from support.errors import refused
from support.networks import STAGES

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
