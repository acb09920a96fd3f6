"""How a server makes one network of several: the weighted average, and two averages that outliers hardly move.

Each takes the clients' tensors by name, and how many examples each client has. The robust ones don't use the numbers: a
client could lie about its own. For them, a NaN counts as the largest number.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from course_utils.arguments import finite
from course_utils.errors import CourseError

State = Mapping[str, Tensor]
Average = Callable[[Sequence[State], Sequence[int]], dict[str, Tensor]]


def weighted_average(states: Sequence[State], sizes: Sequence[int]) -> dict[str, Tensor]:
    """Average tensors, each client with the weight of its examples, as FedAvg does (McMahan et al. 2017).

    Whole numbers, such as BatchNorm's counters, become the largest one: an average would no longer be a whole number.

    Raises
    ------
    CourseError
        Where nobody sent anything, or sizes don't fit (`training.nothing-to-average`); where clients sent tensors of
        other names or shapes (`training.other-weights`).
    """
    shares = torch.tensor(_checked(states, sizes), dtype=torch.float64)
    shares /= shares.sum()
    return _each(states, lambda stacked: torch.tensordot(shares.to(stacked), stacked, 1))


def coordinate_median(states: Sequence[State], sizes: Sequence[int]) -> dict[str, Tensor]:
    """Take the median of each single number over the clients (Yin et al. 2018); of an even count, the mean of two.

    Raises
    ------
    CourseError
        As `weighted_average`.
    """
    _checked(states, sizes)
    return _each(states, _median)


def trimmed_mean(states: Sequence[State], sizes: Sequence[int], trim: float = 0.2) -> dict[str, Tensor]:
    """Leave out the largest and the smallest of each single number, a share `trim` at each end, and average the rest.

    How many are left out is rounded down, so with fewer than 1 / trim clients it is nobody: where clients drop out, a
    round of few has no protection. Source: Yin et al. 2018, https://arxiv.org/abs/1803.01498.

    Raises
    ------
    CourseError
        As `weighted_average`; and for a trim outside of 0 to 0.5 (`training.bad-trim`).
    """
    _checked(states, sizes)
    if not finite(trim) or not 0 <= trim < 0.5:
        raise CourseError(
            f"trim is {trim!r}: give a share from 0 to below 0.5, since it is left out at both ends.",
            code="training.bad-trim",
        )
    cut = int(trim * len(states) + 1e-9)
    return _each(states, lambda stacked: stacked.sort(0).values[cut : len(stacked) - cut].mean(0))


def _median(stacked: Tensor) -> Tensor:
    # torch.quantile gives NaN as soon as one client sends it, and takes no more than 16 million numbers
    ordered, count = stacked.sort(0).values, len(stacked)
    if count % 2:
        return ordered[count // 2]
    return ordered[count // 2 - 1].lerp(ordered[count // 2], 0.5)


def _each(states: Sequence[State], average: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """Average the tensors of each name, stacked along a first axis."""
    found = {}
    for name, first in states[0].items():
        stacked = torch.stack([state[name].detach() for state in states])
        found[name] = average(stacked) if first.is_floating_point() else stacked.amax(0)
    return found


def _checked(states: Sequence[State], sizes: Sequence[int]) -> list[int]:
    known = all(finite(size) and size >= 0 for size in sizes)
    if not states or len(states) != len(sizes) or not known or not sum(sizes) > 0:
        raise CourseError(
            f"There are {len(states)} clients' weights and {len(sizes)} sizes, {list(sizes)}: give the weights of "
            "at least one client, and how many examples each has.",
            code="training.nothing-to-average",
        )
    shapes = [{name: own.shape for name, own in state.items()} for state in states]
    if other := next((place for place, own in enumerate(shapes) if own != shapes[0]), None):
        raise CourseError(
            f"The tensors of client {other + 1} of {len(states)} have other names or shapes than those of client 1: "
            "give all clients the same network.",
            code="training.other-weights",
        )
    return list(sizes)
