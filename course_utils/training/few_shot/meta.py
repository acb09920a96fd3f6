"""Train a network for episodes to come: by episodes (prototypes, MAML, ANIL, Reptile), or by plain classification."""

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad, vmap

from course_utils.data.writing.episodes import Episodes, sample_episodes
from course_utils.training.few_shot.adapting import Weights, adapt, scores_after_adapting
from course_utils.training.few_shot.comparing import nearest_mean
from course_utils.training.few_shot.networks import FourBlocks

AT_ONCE = 4  # episodes of a step
TURNS = 4  # a letter turned by a quarter is another letter: four times as many classes


def turned(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Add to images (n, channels, side, side) their three quarter turns, each class of which is a class of its own."""
    classes = int(labels.max()) + 1
    return (
        torch.cat([images.rot90(turn, (-2, -1)) for turn in range(TURNS)]),
        torch.cat([labels + turn * classes for turn in range(TURNS)]),
    )


def train_prototypes(
    network: FourBlocks,
    images: Tensor,
    labels: Tensor,
    *,
    lr: float = 3e-3,
    ways: int = 5,
    shots: int = 1,
    queries: int = 3,
    episodes: int = 2000,
    seed: int = 0,
) -> FourBlocks:
    """Train the body so that the nearest mean of its features is right, episode by episode.

    Source: Snell, Swersky and Zemel 2017, "Prototypical Networks for Few-shot Learning".
    """

    def loss(weights: Weights, support: Tensor, queries: Tensor) -> Tensor:
        body = {name.removeprefix("body."): value for name, value in weights.items() if name.startswith("body.")}
        features = [
            functional_call(network.body, body, (each.flatten(0, 1),)).unflatten(0, each.shape[:2])[None]
            for each in (support, queries)
        ]
        return _cross_entropy(nearest_mean(*features)[0])

    drawn = sample_episodes(labels, ways, shots, queries, episodes, seed)
    return _by_episodes(network, loss, images, labels, lr, drawn)


def train_maml(
    network: FourBlocks,
    images: Tensor,
    labels: Tensor,
    *,
    lr: float = 3e-3,
    inner_lr: float = 0.1,
    steps: int = 2,
    part: str = "all",
    shots: int = 1,
    queries: int = 3,
    episodes: int = 2000,
    seed: int = 0,
) -> FourBlocks:
    """Train the weights from which a few steps on the support examples lead to the least loss on the queries.

    Gradients go through the steps. With `part="head"`, only the head adapts: ANIL.
    Sources: Finn, Abbeel and Levine 2017, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks"; Raghu,
    Raghu, Bengio and Vinyals 2020, "Rapid Learning or Feature Reuse? Towards Understanding the Effectiveness of MAML".
    """

    def loss(weights: Weights, support: Tensor, queries: Tensor) -> Tensor:
        return _cross_entropy(
            scores_after_adapting(network, weights, support, queries, lr=inner_lr, steps=steps, part=part)
        )

    drawn = sample_episodes(labels, network.head.out_features, shots, queries, episodes, seed)
    return _by_episodes(network, loss, images, labels, lr, drawn)


def train_reptile(
    network: FourBlocks,
    images: Tensor,
    labels: Tensor,
    *,
    lr: float = 1.0,
    inner_lr: float = 0.1,
    steps: int = 4,
    shots: int = 4,
    episodes: int = 2000,
    seed: int = 0,
) -> FourBlocks:
    """Move the weights towards where some steps on an episode lead, again and again.

    The learning rate of these moves falls to zero in a line. No gradient goes through the steps.
    Source: Nichol, Achiam and Schulman 2018, "On First-Order Meta-Learning Algorithms".
    """
    drawn = sample_episodes(labels, network.head.out_features, shots, 1, episodes, seed)
    weights = {name: value.detach() for name, value in network.named_parameters()}
    groups = drawn.split(AT_ONCE)
    for number, group in enumerate(groups):
        steps_on = partial(adapt, network, weights, lr=inner_lr, steps=steps)
        found = vmap(steps_on)(images[group.support])
        towards = lr * (1 - number / len(groups))
        weights = {name: value + towards * (found[name].mean(0) - value) for name, value in weights.items()}
    return _filled(network, weights)


def train_classifier(
    network: FourBlocks,
    images: Tensor,
    labels: Tensor,
    *,
    lr: float = 3e-3,
    bs: int = 20 * AT_ONCE,
    episodes: int = 2000,
    seed: int = 0,
) -> FourBlocks:
    """Train the network to tell all the training classes apart, in plain batches.

    No episode anywhere; `episodes` says how many would take as many steps, on as many images with the usual `bs`.
    """
    random = torch.Generator().manual_seed(seed)
    steps = math.ceil(episodes / AT_ONCE)
    optimizer = torch.optim.Adam(network.parameters(), lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.randint(len(labels), (bs,), generator=random)
        F.cross_entropy(network(images[rows]), labels[rows]).backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    return network


def _by_episodes(
    network: FourBlocks,
    loss: Callable[[Weights, Tensor, Tensor], Tensor],
    images: Tensor,
    labels: Tensor,
    lr: float,
    episodes: Episodes,
) -> FourBlocks:
    """Lower the mean loss of AT_ONCE episodes, step by step, by Adam with a rate that falls along a cosine."""
    weights = {name: value.detach().clone() for name, value in network.named_parameters()}
    groups = episodes.split(AT_ONCE)
    optimizer = torch.optim.Adam(weights.values(), lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, len(groups))
    for group in groups:

        def mean(weights: Weights, group: Episodes = group) -> Tensor:
            return vmap(loss, (None, 0, 0))(weights, images[group.support], images[group.queries]).mean()

        slopes = grad(mean)(weights)
        for name, value in weights.items():
            value.grad = slopes[name]
        optimizer.step()
        schedule.step()
    return _filled(network, weights)


def _cross_entropy(scores: Tensor) -> Tensor:
    """Loss of (ways, queries, ways) scores, where a query's class is its place among the ways."""
    ways, queries = scores.shape[:2]
    return F.cross_entropy(scores.flatten(0, 1), torch.arange(ways).repeat_interleave(queries))


def _filled(network: FourBlocks, weights: Weights) -> FourBlocks:
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.copy_(weights[name])
    return network
