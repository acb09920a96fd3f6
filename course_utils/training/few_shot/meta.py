"""Train a network for episodes to come: by episodes (prototypes, MAML, ANIL, Reptile), or by plain classification."""

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad, vmap

from course_utils.data.options import check_labels
from course_utils.data.writing.episodes import Episodes, sample_episodes
from course_utils.errors import CourseError
from course_utils.training.checks import check_above_zero, check_counts
from course_utils.training.few_shot.adapting import Weights, adapt, scores_after_adapting
from course_utils.training.few_shot.comparing import nearest_mean
from course_utils.training.few_shot.networks import FourBlocks, check_images

AT_ONCE = 4  # episodes of a step
TURNS = 4  # a letter turned by a quarter is another letter: four times as many classes


def turned(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Add to images (n, channels, side, side) their three quarter turns, each class of which is a class of its own.

    Parameters
    ----------
    images : (n, channels, side, side) tensor
    labels : (n,) int tensor

    Returns
    -------
    (4 n, channels, side, side) and (4 n,) tensors

    Raises
    ------
    CourseError
        `training.other-images` for images that aren't square, `training.lengths-differ`.
    """
    labels = _labels(images, labels)
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise CourseError(
            f"Images of the shape {tuple(images.shape)} can't be turned by a quarter: give square ones, (n, channels, "
            "side, side).",
            code="training.other-images",
        )
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

    Parameters
    ----------
    network : FourBlocks
        Is trained in place; all its weights train.
    images : (n, channels, 28, 28) float tensor
        Of the training classes.
    labels : (n,) int tensor
        Their classes.
    lr : float
        The first learning rate of Adam; it falls along a cosine. A step takes four episodes.
    ways, shots, queries, episodes, seed : int
        As `data.sample_episodes` takes them; `episodes` is its `count`.

    Returns
    -------
    FourBlocks
        The same network.

    Raises
    ------
    CourseError
        `training.other-images`, `training.bad-labels`, `training.lengths-differ`, `training.bad-setting`; those of
        `data.sample_episodes`.
    """
    labels = _labels(images, labels, network)
    check_above_zero(lr=lr)
    check_counts(episodes=episodes)

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

    Parameters
    ----------
    inner_lr : float
        The learning rate of the steps on the support examples.
    steps : int
        How many of these.
    part : "all" or "head"
        What moves in them.
    network, images, labels, lr, shots, queries, episodes, seed
        As `train_prototypes` takes them; ways are as many as the head tells apart.

    Raises
    ------
    CourseError
        As `train_prototypes`; `training.bad-part`.
    """
    labels = _labels(images, labels, network)
    check_above_zero(lr=lr, inner_lr=inner_lr)
    check_counts(episodes=episodes)

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

    Parameters
    ----------
    lr : float
        Which share of the way to there a first move goes.
    network, images, labels, inner_lr, steps, shots, episodes, seed
        As `train_maml` takes them; there are no queries.

    Raises
    ------
    CourseError
        As `train_prototypes`.
    """
    labels = _labels(images, labels, network)
    check_above_zero(lr=lr, inner_lr=inner_lr)
    check_counts(episodes=episodes)
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

    Parameters
    ----------
    bs : int
        Images in a batch.
    network, images, labels, lr, seed
        As `train_prototypes` takes them; labels are places among what the head tells apart.

    Raises
    ------
    CourseError
        As `train_prototypes`; `training.other-ways` for labels beyond the head's.
    """
    labels = _labels(images, labels, network)
    check_above_zero(lr=lr)
    check_counts(episodes=episodes, bs=bs)
    check_counts(0, seed=seed)
    if labels.min() < 0 or labels.max() >= network.head.out_features:
        raise CourseError(
            f"Labels go from {int(labels.min())} to {int(labels.max())} and the head tells {network.head.out_features} "
            "classes apart: number the classes from 0 on, and build a network of as many ways.",
            code="training.other-ways",
        )
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
    labels = torch.arange(ways, device=scores.device).repeat_interleave(queries)
    return F.cross_entropy(scores.flatten(0, 1), labels)


def _labels(images: Tensor, labels: Tensor, network: FourBlocks | None = None) -> Tensor:
    """Return labels (n,) on the images' device, one for each image that a network takes."""
    if network is not None:
        check_images(network, images)
    given = check_labels(labels)
    if given.dtype.kind not in "iu":
        raise CourseError(
            f"Labels are of the type {given.dtype}: number the classes with whole numbers.", code="training.bad-labels"
        )
    found = torch.as_tensor(given, device=images.device).long()
    if not len(found) or len(found) != len(images):
        raise CourseError(
            f"There are {len(images):,} images and {len(found):,} labels: give one label for each image.",
            code="training.lengths-differ",
        )
    return found


def _filled(network: FourBlocks, weights: Weights) -> FourBlocks:
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.copy_(weights[name])
    return network
