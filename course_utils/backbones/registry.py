"""The backbones of the course: each registers once, and lists, checks and tests derive from it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError


@dataclass(frozen=True)
class Backbone:
    """One backbone and what is known about it.

    Attributes
    ----------
    name : str
        What it is called, and the name of its weights where the course has some of its own.
    build : callable
        Gives the network: `build(weights=None)` with random weights, `build(weights="DEFAULT")` with trained ones.
    blocks : tuple of str
        The names that `surgery.blocks` gives its blocks.
    example : tuple of int
        Shape of one input.
    mean, std : tuple of float
        Statistics that its inputs are normalised by, for each channel.
    licence : str
        Terms of its weights.
    card : str
        File of its model card, beside its weights; or where its authors describe it.
    """

    name: str
    build: Callable[..., nn.Module]
    blocks: tuple[str, ...]
    example: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str
    card: str

    def example_input(self, batch: int = 2) -> Tensor:
        """Make up a batch that it takes."""
        return torch.randn(batch, *self.example, generator=torch.Generator().manual_seed(0))


BACKBONES: dict[str, Backbone] = {}


def register(backbone: Backbone) -> Backbone:
    """Add a backbone to the registry; CourseError `backbones.registered-twice` for a name that is taken."""
    if backbone.name in BACKBONES:
        raise CourseError(
            f"There are two backbones {backbone.name}: give one another name.", code="backbones.registered-twice"
        )
    BACKBONES[backbone.name] = backbone
    return backbone


def find_backbone(name: str) -> Backbone:
    """Look a backbone up; CourseError `backbones.unknown` names those that there are."""
    if name not in BACKBONES:
        raise CourseError(
            f"There is no backbone {name!r}: give one of {', '.join(BACKBONES)}.", code="backbones.unknown"
        )
    return BACKBONES[name]
