"""Other input channels."""

import pytest
import torch
from support.errors import refused
from support.learners import noise_learner
from torch import nn

from course_utils import surgery


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7])
def test_a_grey_image_looks_the_same_through_any_number_of_channels(channels):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    grey = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    before = network(grey.expand(-1, 3, -1, -1))
    surgery.change_input_channels(network, channels)
    assert torch.allclose(network(grey.expand(-1, channels, -1, -1)), before, atol=1e-5)


def test_channels_change_in_a_learner_and_bad_ones_are_refused():
    learn = noise_learner()
    surgery.change_input_channels(learn, 1)
    assert learn.model.eval()(torch.zeros(2, 1, 64, 64)).shape == (2, 2)
    with refused("surgery.bad-channels", "at least 1"):
        surgery.change_input_channels(learn, 0)
    with refused("surgery.no-convolution"):
        surgery.change_input_channels(nn.Sequential(nn.Linear(2, 2)), 1)
