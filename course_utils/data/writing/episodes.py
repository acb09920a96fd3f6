"""Episodes: small tasks of a few classes with a few labelled examples each, drawn at random from many classes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_utils.data.options import check_labels, check_whole_number
from course_utils.errors import CourseError


@dataclass(frozen=True)
class Episodes:
    """Which examples are in each of many episodes.

    Attributes
    ----------
    support : (episodes, ways, shots) int tensor
        The numbers of the labelled examples. The class of an example is its place among the ways.
    queries : (episodes, ways, queries) int tensor
        The numbers of those to classify, in the same order of classes.
    """

    support: Tensor
    queries: Tensor

    def __len__(self) -> int:
        """Count the episodes."""
        return len(self.support)

    def __iter__(self) -> Iterator["Episodes"]:
        """Give the episodes one by one, each as episodes of length 1."""
        return iter(self.split(1))

    @property
    def ways(self) -> int:
        """How many classes an episode has."""
        return self.support.shape[1]

    @property
    def shots(self) -> int:
        """How many labelled examples a class has."""
        return self.support.shape[2]

    def split(self, count: int) -> list["Episodes"]:
        """Give groups of so many episodes; the last one may be smaller."""
        pairs = zip(self.support.split(count), self.queries.split(count), strict=True)
        return [Episodes(*pair) for pair in pairs]


def sample_episodes(
    labels: Tensor | np.ndarray, ways: int = 5, shots: int = 1, queries: int = 5, count: int = 600, seed: int = 0
) -> Episodes:
    """Draw episodes from labelled examples: some classes at random, and some examples of each.

    Parameters
    ----------
    labels : (n,) int
        The class of each example.
    ways : int
        Classes of an episode.
    shots : int
        Labelled examples of each class.
    queries : int
        Further examples of each class, to be classified.
    count : int
        How many episodes.
    seed : int
        Decides all of them: the first ones are the same whatever `count` is.

    Raises
    ------
    CourseError
        `data.bad-number`, `data.bad-labels`; `data.too-few-classes` for more ways than classes; `data.too-few-items`
        where a class hasn't examples enough for shots and queries.
    """
    ways, shots, queries, count = (
        check_whole_number(name, value)
        for name, value in {"ways": ways, "shots": shots, "queries": queries, "count": count}.items()
    )
    seed = check_whole_number("seed", seed, least=0)
    classes = check_labels(labels)
    kinds, sizes = np.unique(classes, return_counts=True)
    if ways > len(kinds):
        raise CourseError(
            f"An episode of {ways} ways needs as many classes and there are {len(kinds)}: ask for at most that many.",
            code="data.too-few-classes",
        )
    if sizes.min() < shots + queries:
        raise CourseError(
            f"Class {kinds[sizes.argmin()]} has {sizes.min()} examples, and {shots} shots with {queries} queries take "
            f"{shots + queries}: ask for fewer, or leave out the class.",
            code="data.too-few-items",
        )
    members = [np.flatnonzero(classes == kind) for kind in kinds]
    random = np.random.default_rng(seed)
    chosen = np.empty((count, ways, shots + queries), int)
    for episode in chosen:
        for row, kind in enumerate(random.permutation(len(kinds))[:ways]):
            episode[row] = random.permutation(members[kind])[: shots + queries]
    drawn = torch.from_numpy(chosen)
    return Episodes(drawn[..., :shots].contiguous(), drawn[..., shots:].contiguous())
