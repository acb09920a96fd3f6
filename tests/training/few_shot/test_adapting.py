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
        ({"lr": float("nan")}, "training.bad-setting", "lr is nan"),
        ({"steps": 1.5}, "training.bad-setting", "steps is 1.5"),
        ({"steps": -1}, "training.bad-setting", "at least 0"),
    ],
)
def test_what_does_not_fit_is_refused(network, unseen, change, code, fact):
    images, labels = unseen
    episodes = data.sample_episodes(labels, change.get("ways", 5), 1, 2, 30)
    with refused(code, fact):
        few_shot.score_by_adapting(
            network,
            images[: change.get("last")],
            episodes,
            **{"lr": 0.1} | {name: change[name] for name in ("lr", "steps", "part") if name in change},
        )


def test_a_word_for_what_moves_that_is_none_is_refused_in_training_too(network, toy):
    images, labels = toy
    support = images[data.sample_episodes(labels, 5, 1, 1, 1).support[0]]
    with refused("training.bad-part", "'tail'"):
        few_shot.adapt(network, weights_of(network), support, lr=0.1, steps=1, part="tail")
    with refused("training.bad-part", "'body'"):
        few_shot.train_maml(network, images, labels, part="body", episodes=4)


def test_a_network_without_a_head_is_refused(toy):
    images, labels = toy
    flat, episodes = nn.Sequential(nn.Flatten(), nn.Linear(784, 5)), data.sample_episodes(labels, 5, 1, 1, 2)
    with refused("training.no-head", "Sequential", "with_new_head"):
        few_shot.score_by_adapting(flat, images, episodes, lr=0.1)
    with refused("training.no-head", "Sequential"):
        few_shot.adapt(flat, weights_of(flat), images[episodes.support[0]], lr=0.1, steps=1, part="head")


class Normalised(nn.Module):
    """BatchNorm that keeps statistics, and a head."""

    def __init__(self):
        super().__init__()
        self.norm, self.head = nn.BatchNorm2d(1), nn.Linear(784, 5)

    def forward(self, images):
        return self.head(self.norm(images).flatten(1))


@pytest.mark.parametrize("together", [True, False])
def test_statistics_of_batchnorm_stay_while_episodes_are_scored(toy, together):
    images, labels = toy
    model = Normalised().train()
    episodes = data.sample_episodes(labels, 5, 1, 2, 3)
    assert few_shot.score_by_adapting(model, images, episodes, lr=0.1, together=together).shape == (3,)
    assert model.norm.num_batches_tracked == 0 and model.norm.running_mean == 0
    assert model.training and model.norm.training
