"""The backbones of the course: each registers once, and lists, checks and tests derive from it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from fastai.vision.learner import model_meta
from torch import Tensor, nn

from course_utils import environment
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
    split : callable
        Gives the three layer groups of a learner's network, body and head, that `freeze` and discriminative learning
        rates go by.
    cut : int
        Where fastai cuts the head off, as an index of the network's children.
    default_of : str, optional
        The choice of network, "small" or "large", that means it unless a lesson names another.
    bundled : bool
        Whether the course brings its weights: then doctor checks them.
    fetch : callable, optional
        Makes sure that trained weights which come from elsewhere are here; OSError or RuntimeError where it can't.
    """

    name: str
    build: Callable[..., nn.Module]
    blocks: tuple[str, ...]
    example: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str
    card: str
    split: Callable[..., list[list[nn.Parameter]]]
    cut: int = -2
    default_of: str | None = None
    bundled: bool = False
    fetch: Callable[[], None] | None = None

    def example_input(self, batch: int = 2) -> Tensor:
        """Make up a batch that it takes."""
        return torch.randn(batch, *self.example, generator=torch.Generator().manual_seed(0))


BACKBONES: dict[str, Backbone] = {}


def register(backbone: Backbone) -> Backbone:
    """Add a backbone to the registry, and to fastai's table of what `vision_learner` knows.

    Raises
    ------
    CourseError
        `backbones.registered-twice` for a name that is taken.
    """
    if backbone.name in BACKBONES:
        raise CourseError(
            f"There are two backbones {backbone.name}: give one another name.", code="backbones.registered-twice"
        )
    BACKBONES[backbone.name] = backbone
    stats = (list(backbone.mean), list(backbone.std))
    known = {"cut": backbone.cut, "split": backbone.split, "stats": stats, "weights": "DEFAULT"}
    model_meta.setdefault(backbone.build, known)  # torchvision's own stay fastai's
    return backbone


def find_backbone(name: str) -> Backbone:
    """Look a backbone up; CourseError `backbones.unknown` names those that there are."""
    if name not in BACKBONES:
        raise CourseError(
            f"There is no backbone {name!r}: give one of {', '.join(BACKBONES)}.", code="backbones.unknown"
        )
    return BACKBONES[name]


def default() -> Callable[..., nn.Module]:
    """Give the machine's architecture for `vision_learner`: small: `resnet18_half`, large: torchvision's `resnet34`.

    Where the large network's weights can't be had, says so in one sentence and gives the small one.
    """
    by_choice = {backbone.default_of: backbone for backbone in BACKBONES.values()}
    chosen, fallback = by_choice[environment.network()], by_choice["small"]
    if chosen.fetch:
        try:
            chosen.fetch()
        except (OSError, RuntimeError) as problem:
            reason = getattr(problem, "reason", problem)
            print(
                f"The weights of {chosen.name} can't be had ({reason}), so the lesson uses the bundled {fallback.name}."
            )
            return fallback.build
    return chosen.build
