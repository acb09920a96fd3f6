"""Some steps of gradient descent on an episode's labelled examples: what fine-tuning, MAML, ANIL and Reptile share."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad

from course_utils.errors import CourseError
from course_utils.training.checks import check_counts

Weights = Mapping[str, Tensor]


def adapt(
    network: nn.Module, weights: Weights, support: Tensor, *, lr: float, steps: int, part: str = "all"
) -> dict[str, Tensor]:
    """Take some steps of gradient descent on the support examples of one episode.

    By torch.func: gradients can be taken through the steps, as MAML does, and `vmap` runs many episodes at once.

    Parameters
    ----------
    network : nn.Module
        Its layers; a network with a linear layer `head`.
    weights : mapping of str to tensor
        Where to start, as `dict(network.named_parameters())`.
    support : (ways, shots, ...) tensor
        The labelled examples.
    lr : float
        The learning rate.
    steps : int
        How many, or 0; each sees all support examples.
    part : "all" or "head"
        What moves.

    Returns
    -------
    dict of str to tensor
        The weights after the steps.

    Raises
    ------
    CourseError
        `training.bad-part`, `training.bad-setting`; `training.no-head` where the head shall move and there is none.
    """
    check_counts(0, steps=steps)
    if part not in ("all", "head"):
        raise CourseError(f"part is {part!r}: give 'all' or 'head'.", code="training.bad-part")
    ways, shots = support.shape[:2]
    labels = torch.arange(ways, device=support.device).repeat_interleave(shots)
    moving = {name: value for name, value in weights.items() if part == "all" or name.startswith("head.")}
    if not moving:
        raise no_head(network)
    still = {name: value for name, value in weights.items() if name not in moving}
    given = support.flatten(0, 1)

    def loss(moving: dict[str, Tensor]) -> Tensor:
        return F.cross_entropy(functional_call(network, still | moving, (given,)), labels)

    for _ in range(steps):
        slopes = grad(loss)(moving)
        moving = {name: value - lr * slopes[name] for name, value in moving.items()}
    return still | moving


def no_head(network: nn.Module) -> CourseError:
    """Say that a network has no head of its own."""
    return CourseError(
        f"This {type(network).__name__} has no linear layer called head: take few_shot.with_new_head.",
        code="training.no-head",
    )


def scores_after_adapting(
    network: nn.Module, weights: Weights, support: Tensor, queries: Tensor, **how: float | str
) -> Tensor:
    """Give the scores (ways, queries, ways) of one episode's queries after `adapt` on its support examples."""
    adapted = adapt(network, weights, support, **how)  # type: ignore[arg-type]
    return functional_call(network, adapted, (queries.flatten(0, 1),)).unflatten(0, queries.shape[:2])
