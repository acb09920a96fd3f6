"""A network as a row of blocks: stem, stages, head; where it can be cut, frozen and looked at."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeAlias

from fastai.learner import Learner
from torch import nn

from course_utils.errors import CourseError
from course_utils.surgery.forward import evaluating
from course_utils.surgery.layout import BATCHNORM, HEADS, Layers, read

__all__ = [
    "BATCHNORM",
    "HEADS",
    "Block",
    "Network",
    "block_index",
    "blocks",
    "evaluating",
    "is_held",
    "model_of",
    "moves",
    "split_by_block",
]

Network: TypeAlias = nn.Module | Learner
DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


@dataclass(frozen=True)
class Block:
    """Neighbouring layers that are frozen, cut and drawn as one.

    Attributes
    ----------
    name : str
        "stem", "stage 1", "layer 3", "head" and the like.
    layers : dict of str to nn.Module
        By their dotted names in the network, in order.
    weights : dict of str to nn.Parameter
        By their dotted names in the network: those of the layers, and those that no layer holds, such as a vision
        transformer's `cls_token`. A weight that two layers share is in the first one's block only.
    """

    name: str
    layers: Layers
    weights: dict[str, nn.Parameter] = field(repr=False)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Every weight of the block, once."""
        yield from self.weights.values()

    def modules(self) -> Iterator[nn.Module]:
        """The block's layers and all that they are made of."""
        for layer in self.layers.values():
            yield from layer.modules()


def model_of(network: Network) -> nn.Module:
    """The torch module of a learner, or the module itself."""
    return network.model if isinstance(network, Learner) else network


def blocks(network: Network) -> list[Block]:
    """The network's blocks from input to output; the last one is the head.

    Parameters
    ----------
    network : nn.Module or Learner
        fastai's learners, networks of torchvision and timm, encoders of Hugging Face, a plain `nn.Sequential`, and
        other networks that end in a linear layer.

    Returns
    -------
    list of Block
        A ResNet has "stem", "stage 1" to "stage 4" and "head"; a VGG16 five stages; a vision transformer "stem", "layer
        1" and so on; BERT "embeddings" and its layers. Every weight is in one block. An encoder of Hugging Face's that
        has no head has no block of that name.

    Raises
    ------
    CourseError
        Where body and head can't be told apart (`surgery.no-head-found`), and for a pair of encoder and decoder
        (`surgery.encoder-decoder`).

    Notes
    -----
    Weights outside of any layer belong to the first block below the module that holds them, so that freezing a vision
    transformer's stem freezes its `cls_token` and `pos_embed` too.
    """
    model = model_of(network)
    layout = read(model)
    groups = [*layout.body, ("head", layout.head)] if layout.head else layout.body
    owners = {layer: i for i, (_, layers) in enumerate(groups) for layer in layers}
    weights: list[dict[str, nn.Parameter]] = [{} for _ in groups]
    for name, weight in model.named_parameters():  # names a shared weight once, where it comes first
        weights[_owner(name, owners)][name] = weight
    return [Block(name, layers, own) for (name, layers), own in zip(groups, weights, strict=True)]


def _owner(weight: str, owners: dict[str, int]) -> int:
    """The number of the block that a weight belongs to."""
    module = weight.rpartition(".")[0]
    above = module
    while above:
        if above in owners:
            return owners[above]
        above = above.rpartition(".")[0]
    return min(i for layer, i in owners.items() if not module or layer.startswith(f"{module}."))


def block_index(network: Network, depth: int | str) -> int:
    """How many blocks lie before a depth, given as a block's name or as that number; -1 is the head, as in fastai."""
    names = [block.name for block in blocks(network)]
    if isinstance(depth, str):
        if depth in names:
            return names.index(depth)
        near = get_close_matches(depth, names, n=1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
    elif -len(names) <= depth < len(names):
        return depth % len(names)
    else:
        meant = ""
    raise CourseError(
        f"There is no depth {depth!r}{meant}: this network has {', '.join(names)}; "
        f"give one of them or a number from 0 to {len(names) - 1}.",
        code="surgery.unknown-depth",
    )


def split_by_block(model: nn.Module) -> list[list[nn.Parameter]]:
    """Split a network for fastai, a parameter group for each block: `vision_learner(..., splitter=split_by_block)`.

    Then `learn.freeze_to(2)` freezes two blocks, and `slice(low, high)` gives every block a learning rate of its own.
    Blocks without weights have no group.
    """
    return [group for block in blocks(model) if (group := list(block.parameters()))]


def is_held(layer: nn.Module) -> bool:
    """Whether a layer stays in evaluation mode through `train()`.

    A BatchNorm layer that was fixed with its weights doesn't any more as soon as all of these train again: another
    call, such as fastai's `learn.unfreeze()`, has let them.
    """
    if not getattr(layer, "held_in_eval", False):
        return False
    weights = list(layer.parameters()) if getattr(layer, "fixed_by", None) else []
    return not weights or not all(weight.requires_grad for weight in weights)


def moves(norm: nn.Module) -> bool:
    """Whether training may change a BatchNorm layer: its weights, or its running statistics."""
    return any(weight.requires_grad for weight in norm.parameters()) or not is_held(norm)


def drops(layer: nn.Module) -> bool:
    """Whether a layer drops out at random in training: dropout, stochastic depth, or attention with dropout.

    A layer that `hold_in_eval` holds doesn't.
    """
    if is_held(layer):
        return False
    if isinstance(layer, DROPOUT) or type(layer).__name__ in ("StochasticDepth", "DropPath"):
        return bool(getattr(layer, "p", None) or getattr(layer, "drop_prob", None))
    return isinstance(layer, nn.MultiheadAttention) and layer.dropout > 0
