"""Steps on an episode's examples, and what goes through them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.errors import refused
from torch import nn
from torch.func import functional_call, grad

from course_utils import data
from course_utils.training import few_shot


def weights_of(network):
    return {name: value.detach() for name, value in network.named_parameters()}


def test_it_is_plain_gradient_descent(network, toy):
    images, labels = toy
    one = data.sample_episodes(labels, 5, 2, 1, 1)
    support = images[one.support[0]]
    found = few_shot.adapt(network, weights_of(network), support, lr=0.1, steps=3)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(network(support.flatten(0, 1)), torch.arange(5).repeat_interleave(2)).backward()
        optimizer.step()
    for name, value in network.named_parameters():
        assert torch.allclose(found[name], value, atol=1e-6)


def test_the_head_alone_moves_when_asked(network, toy):
    images, labels = toy
    before = weights_of(network)
    support = images[data.sample_episodes(labels, 5, 1, 1, 1).support[0]]
    after = few_shot.adapt(network, before, support, lr=0.5, steps=2, part="head")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"head.weight", "head.bias"} and list(after) and set(after) == set(before)


def test_gradients_go_through_the_steps():
    torch.manual_seed(0)
    tiny = nn.Sequential()
    tiny.body, tiny.head = nn.Identity(), nn.Linear(3, 2)
    tiny.forward = lambda given: tiny.head(given)
    tiny.double()
    support, queries = torch.randn(2, 2, 3).double(), torch.randn(4, 3).double()
    weights = weights_of(tiny)

    def loss(weights):
        adapted = few_shot.adapt(tiny, weights, support, lr=0.5, steps=2)
        return F.cross_entropy(functional_call(tiny, adapted, (queries,)), torch.tensor([0, 0, 1, 1]))

    slope = grad(loss)(weights)["head.weight"]
    step = torch.zeros_like(slope)
    for place in np.ndindex(*slope.shape):
        step.zero_()
        step[place] = 1e-6
        higher, lower = (loss(weights | {"head.weight": weights["head.weight"] + way * step}) for way in (1, -1))
        assert float(slope[place]) == pytest.approx(float(higher - lower) / 2e-6, abs=1e-5)


def test_scoring_leaves_the_network_as_it_was_and_episodes_apart(network, unseen):
    images, labels = unseen
    before = {name: value.clone() for name, value in network.state_dict().items()}
    episodes = data.sample_episodes(labels, 5, 1, 2, 12, seed=3)
    together = few_shot.score_by_adapting(network, images, episodes, lr=0.3, steps=5)
    one_by_one = few_shot.score_by_adapting(network, images, episodes, lr=0.3, steps=5, together=False)
    assert together.shape == (12,) and np.abs(together - one_by_one).max() <= 0.1 + 1e-6, "one query of ten at most"
    assert np.abs(together - one_by_one).mean() < 0.02
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("change", "code", "fact"),
    [
        ({"ways": 4}, "training.other-ways", "5 classes apart and an episode has 4"),
        ({"part": "tail"}, "training.bad-part", "'tail'"),
        ({"last": 50}, "training.not-these-examples", "there are 50"),
    ],
)
def test_what_does_not_fit_is_refused(network, unseen, change, code, fact):
    images, labels = unseen
    episodes = data.sample_episodes(labels, change.get("ways", 5), 1, 2, 30)
    with refused(code, fact):
        few_shot.score_by_adapting(
            network, images[: change.get("last")], episodes, lr=0.1, part=change.get("part", "all")
        )
