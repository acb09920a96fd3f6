"""The backbones of the course: each registers once, and lists, checks and tests derive from it."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import torch
from fastai.vision.learner import model_meta
from torch import Tensor, nn

from course_utils import environment
from course_utils.errors import CourseError

Input = Tensor | dict[str, Tensor]


@dataclass(frozen=True)
class Backbone:
    """One backbone and what is known about it, whatever it takes; the subclasses say what that is.

    Attributes
    ----------
    name : str
        What it is called, and the name of its weights where the course has some of its own.
    build : callable
        Gives the network: `build(weights=None)` with random weights, `build(weights="DEFAULT")` with trained ones.
    blocks : tuple of str
        The names that `surgery.blocks` gives its blocks.
    licence : str
        Terms of its weights.
    card : str
        File of its model card, beside its weights; or where its authors describe it.
    default_of : str, optional
        The choice of network, "small" or "large", that means it for its modality unless a lesson names another.
    bundled : bool
        Whether the course brings its weights: then doctor checks them.
    fetch : callable, optional
        Makes sure that trained weights which come from elsewhere are here; OSError or RuntimeError where it can't.
    fingerprint : str
        Digest or revision of trained weights that come from elsewhere, where the course knows one.
    """

    name: str
    build: Callable[..., nn.Module]
    _: KW_ONLY
    blocks: tuple[str, ...]
    licence: str
    card: str
    default_of: str | None = None
    bundled: bool = False
    fetch: Callable[[], None] | None = None
    fingerprint: str = ""

    modality: ClassVar[str]  # what it takes, as `DataSet.modality` says it

    def example_input(self, batch: int = 2) -> Input:
        """Make up a batch that it takes."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ImageBackbone(Backbone):
    """A backbone of images, an architecture for `vision_learner`.

    Attributes
    ----------
    example : tuple of int
        Shape of one input.
    mean, std : tuple of float
        Statistics that its inputs are normalised by, for each channel.
    split : callable
        Gives the three layer groups of a learner's network, body and head, that `freeze` and discriminative learning
        rates go by.
    cut : int
        Where fastai cuts the head off, as an index of the network's children.
    """

    example: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    split: Callable[..., list[list[nn.Parameter]]]
    cut: int = -2

    modality = "images"

    def example_input(self, batch: int = 2) -> Tensor:
        """Make up a batch that it takes."""
        return torch.randn(batch, *self.example, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True, kw_only=True)
class TextBackbone(Backbone):
    """An encoder of texts from Hugging Face's library, and the tokenizer that its weights belong to.

    Attributes
    ----------
    tokenizer : callable
        Gives the tokenizer.
    vocabulary : int
        How many tokens that knows.
    longest : int
        The most tokens of one text.
    """

    tokenizer: Callable[[], Any]
    vocabulary: int
    longest: int

    modality = "text"

    def example_input(self, batch: int = 2) -> dict[str, Tensor]:
        """Make up a batch that it takes: texts of 8 tokens, the last of which is padded at its end."""
        ids = torch.randint(1000, self.vocabulary, (batch, 8), generator=torch.Generator().manual_seed(0))
        mask = torch.ones_like(ids)
        mask[-1, 6:] = 0
        return {"input_ids": ids * mask, "attention_mask": mask}


@dataclass(frozen=True, kw_only=True)
class SoundBackbone(Backbone):
    """A network of sounds.

    Attributes
    ----------
    width : int
        How many features it gives its head.
    hears : str
        What it takes: "spectrograms", as `data.log_mel` makes them, or "samples", 8,000 a second.
    """

    width: int
    hears: str = "spectrograms"

    modality = "sound"

    def example_input(self, batch: int = 2) -> Tensor:
        """Make up a batch that it takes: a second of noise."""
        numbers = torch.Generator().manual_seed(0)
        if self.hears == "samples":
            return 0.1 * torch.randn(batch, 8_000, generator=numbers)
        return 2 * torch.rand(batch, 1, 40, 100, generator=numbers) - 1


@dataclass(frozen=True, kw_only=True)
class BoxBackbone(Backbone):
    """A network that finds things in images.

    `build(weights=None, classes=...)` takes the names of what it is to find.

    Attributes
    ----------
    classes : tuple of str
        What it finds with trained weights.
    example : tuple of int
        Shape of one input.
    """

    classes: tuple[str, ...]
    example: tuple[int, ...] = (3, 96, 96)

    modality = "boxes"

    def example_input(self, batch: int = 2) -> Tensor:
        """Make up a batch that it takes."""
        return torch.randn(batch, *self.example, generator=torch.Generator().manual_seed(0))


BACKBONES: dict[str, Backbone] = {}


def register(backbone: Backbone) -> Backbone:
    """Add a backbone to the registry, and one of images to fastai's table of what `vision_learner` knows.

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
    if isinstance(backbone, ImageBackbone):
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


def default(modality: str = "images") -> Callable[..., nn.Module]:
    """Give the machine's architecture.

    For images, what `vision_learner` takes: small: `resnet18_half`, large: torchvision's `resnet34`. For "text", an
    encoder: small: `minilm`, large: `bert_base`. Where the large network's weights can't be had, says so in one
    sentence and gives the small one.
    """
    return default_backbone(modality).build


def default_backbone(modality: str) -> Backbone:
    """Give the registry's entry of the machine's architecture, as `default` does."""
    by_choice = {backbone.default_of: backbone for backbone in BACKBONES.values() if backbone.modality == modality}
    chosen, fallback = by_choice[environment.network()], by_choice["small"]
    if chosen.fetch:
        try:
            chosen.fetch()
        except (OSError, RuntimeError) as problem:
            reason = getattr(problem, "reason", problem)
            which = f"the bundled {fallback.name}" if fallback.bundled else fallback.name
            print(f"The weights of {chosen.name} can't be had ({reason}), so the lesson uses {which}.")
            return fallback
    return chosen
