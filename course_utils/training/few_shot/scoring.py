"""Accuracy in each of many episodes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import vmap

from course_utils.data.writing.episodes import Episodes
from course_utils.errors import CourseError
from course_utils.surgery.blocks import evaluating
from course_utils.training.checks import check_above_zero, check_counts
from course_utils.training.few_shot.adapting import no_head, scores_after_adapting
from course_utils.training.few_shot.comparing import nearest_mean
from course_utils.training.few_shot.networks import FourBlocks, check_images

AT_ONCE = 10  # episodes
COMPANIES = ("other queries", "the support set", "its own class")


def accuracies(scores: Tensor) -> np.ndarray:
    """Give the share of right answers in each episode from scores (episodes, ways, queries, ways).

    Of equal scores, and of scores that are all NaN, the first class is taken: training that failed is at chance.

    Raises
    ------
    CourseError
        `training.bad-scores` for scores of another shape.
    """
    if scores.ndim != 4 or scores.shape[1] != scores.shape[3]:
        raise CourseError(
            f"Scores have the shape {tuple(scores.shape)}: give (episodes, ways, queries, ways).",
            code="training.bad-scores",
        )
    right = scores.argmax(-1) == torch.arange(scores.shape[1], device=scores.device)[:, None]
    return right.float().mean((1, 2)).cpu().numpy()


def score_by_comparing(
    features: Tensor, episodes: Episodes, compare: Callable[..., Tensor] = nearest_mean, **how: Any
) -> np.ndarray:
    """Score a way to compare frozen features.

    Parameters
    ----------
    features : (n, features) tensor
        Of all examples, computed once: a frozen network gives the same in each episode.
    episodes : Episodes
        Their numbers are rows of the features.
    compare : callable
        `nearest_mean`, `nearest_neighbour` or `logistic_regression`.
    **how
        Further arguments for it.

    Returns
    -------
    (episodes,) float array
        Accuracies.

    Raises
    ------
    CourseError
        `training.not-these-examples` where episodes were drawn from more examples than there are; those of `compare`.
    """
    features = torch.as_tensor(features)
    check_examples(features, episodes)
    parts = [accuracies(compare(features[part.support], features[part.queries], **how)) for part in episodes.split(50)]
    return np.concatenate(parts)


def score_by_adapting(
    network: nn.Module,
    images: Tensor,
    episodes: Episodes,
    *,
    lr: float,
    steps: int = 10,
    part: str = "all",
    together: bool = True,
) -> np.ndarray:
    """Score a network after some steps of gradient descent on each episode's labelled examples.

    Parameters
    ----------
    network : nn.Module
        With a linear layer `head` of as many classes as an episode has. It works in evaluation mode, and stays as it
        is.
    images : (n, channels, height, width) tensor
        All examples.
    episodes : Episodes
        Their numbers are those of images.
    lr, steps, part
        As `adapt` takes them.
    together : bool
        Adapt to several episodes at once; a large network is faster one by one.

    Returns
    -------
    (episodes,) float array
        Accuracies.

    Raises
    ------
    CourseError
        `training.no-head`; `training.other-ways` where it has another number of classes than the episodes;
        `training.bad-part`, `training.bad-setting`, `training.other-images`, `training.not-these-examples`.
    """
    check_examples(images, episodes)
    check_above_zero(lr=lr)
    check_counts(0, steps=steps)
    weights = {name: value.detach() for name, value in network.named_parameters()}
    if not isinstance(head := getattr(network, "head", None), nn.Linear):
        raise no_head(network)
    classes = head.out_features
    if classes != episodes.ways:
        raise CourseError(
            f"The head tells {classes} classes apart and an episode has {episodes.ways}: take `with_new_head`, or "
            f"draw episodes of {classes} ways.",
            code="training.other-ways",
        )

    def one(support: Tensor, queries: Tensor) -> Tensor:
        return scores_after_adapting(network, weights, support, queries, lr=lr, steps=steps, part=part)

    def of(group: Episodes) -> Tensor:
        support, queries = images[group.support], images[group.queries]
        return vmap(one)(support, queries) if together else one(support[0], queries[0])[None]

    with evaluating(network):
        return np.concatenate([accuracies(of(group)) for group in episodes.split(AT_ONCE if together else 1)])


@torch.no_grad()
def score_in_company(network: FourBlocks, images: Tensor, episodes: Episodes, company: str) -> np.ndarray:
    """Score a prototype network whose normalisation depends on which images it sees together.

    Parameters
    ----------
    network : FourBlocks
        With `norm="batch"`; the support set goes through it as one batch.
    images : (n, channels, 28, 28) tensor
        All examples.
    episodes : Episodes
        Their numbers are those of images.
    company : "other queries", "the support set" or "its own class"
        With which images each query is in a batch: with all queries of the episode, which tell what the classes look
        like together; with the labelled examples alone; or with the queries of its own class.

    Returns
    -------
    (episodes,) float array
        Accuracies.

    Raises
    ------
    CourseError
        `training.bad-company`, `training.other-images`, `training.not-these-examples`.
    """
    check_examples(images, episodes)
    check_images(network, images)
    if company not in COMPANIES:
        raise CourseError(
            f"company is {company!r}: choose one of {', '.join(map(repr, COMPANIES))}.", code="training.bad-company"
        )

    def features(batch: Tensor) -> Tensor:  # (batches, images, ...) to (batches, images, features)
        return vmap(network.body)(batch)

    found = []
    for episode in episodes:
        support, queries = images[episode.support[0]], images[episode.queries[0]]
        given = support.flatten(0, 1)
        if company == "other queries":
            seen = features(queries.flatten(0, 1)[None])[0]
        elif company == "its own class":
            seen = features(queries).flatten(0, 1)
        else:
            each = queries.flatten(0, 1)[:, None]
            seen = features(torch.cat([given.expand(len(each), *given.shape), each], 1))[:, -1]
        known = features(given[None])[0].unflatten(0, support.shape[:2])
        found.append(nearest_mean(known[None], seen.unflatten(0, queries.shape[:2])[None]))
    return accuracies(torch.cat(found))


def check_examples(examples: Tensor, episodes: Episodes) -> None:
    """Refuse episodes drawn from more examples than there are: CourseError `training.not-these-examples`."""
    last = int(torch.maximum(episodes.support.max(), episodes.queries.max()))
    if last >= len(examples):
        raise CourseError(
            f"The episodes name example {last:,} and there are {len(examples):,}: draw them from the labels of these "
            "very examples.",
            code="training.not-these-examples",
        )
