"""A network as a row of blocks: stem, stages, head; the places where it can be cut, frozen and looked at."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches

import pandas as pd
import torch
from fastai.learner import Learner
from torch import nn

from course_utils.errors import CourseError

BATCHNORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
POOLING = (nn.MaxPool2d, nn.AvgPool2d)
HEADS = ("fc", "classifier")  # torchvision's names for them
Network = nn.Module | Learner


@dataclass(frozen=True)
class Block:
    """Neighbouring layers that are frozen, cut and drawn as one."""

    name: str
    layers: dict[str, nn.Module]  # by their names in the network, in order

    def parameters(self) -> Iterator[nn.Parameter]:
        for layer in self.layers.values():
            yield from layer.parameters()

    def modules(self) -> Iterator[nn.Module]:
        for layer in self.layers.values():
            yield from layer.modules()


def model_of(network: Network) -> nn.Module:
    """The torch module of a learner, or the module itself."""
    return network.model if isinstance(network, Learner) else network


def blocks(network: Network) -> list[Block]:
    """The network's blocks from input to output; the last one is the head.

    Works on fastai's vision learners (body and head), torchvision's networks, and others that end in a linear layer.
    A block ends at a pooling layer or is a stage (a layer made of layers); a ResNet has a stem and four stages, a VGG16
    five stages. Raises CourseError where body and head can't be told apart.
    """
    body, head = _parts(model_of(network))
    groups: list[dict[str, nn.Module]] = [{}]
    for name, layer in body.items():
        if any(True for _ in layer.children()):  # a stage stands alone
            groups += [{name: layer}, {}]
        else:
            groups[-1][name] = layer
            if isinstance(layer, POOLING):
                groups.append({})
    groups = [group for group in groups if any(True for layer in group.values() for _ in layer.parameters())]
    stages = [any(True for layer in group.values() for _ in layer.children()) for group in groups]
    stem = len(stages) > 1 and not stages[0] and all(stages[1:])
    names = ["stem"] * stem + [f"stage {i + 1}" for i in range(len(groups) - stem)]
    return [Block(name, group) for name, group in zip(names, groups, strict=True)] + [Block("head", head)]


def _parts(model: nn.Module) -> tuple[dict[str, nn.Module], dict[str, nn.Module]]:
    """Body and head as layers by name."""
    children = dict(model.named_children())
    names = list(children)
    last = names[-1] if names else ""
    if isinstance(model, nn.Sequential) and len(names) >= 2 and any(True for _ in model[0].children()):
        body = {f"{names[0]}.{name}": layer for name, layer in model[0].named_children()}
        head = {name: children[name] for name in names[1:]}
    elif last in HEADS or isinstance(children.get(last), nn.Linear):
        start = len(names) - 1
        while start and not any(True for _ in children[names[start - 1]].parameters()):
            start -= 1  # pooling and flattening just before it work for the head
        body, head = ({name: children[name] for name in part} for part in (names[:start], names[start:]))
    else:
        raise CourseError(
            f"Body and head of a {type(model).__name__} can't be told apart: give a vision learner, "
            "nn.Sequential(body, head), or a network whose last layer is its head."
        )
    while len(body) == 1:  # a VGG's `features`, and fastai's box around it
        ((name, only),) = body.items()
        if not any(True for _ in only.children()):
            break
        body = {f"{name}.{inner}": layer for inner, layer in only.named_children()}
    return body, head


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
        f"give one of them or a number from 0 to {len(names) - 1}."
    )


def split_by_block(model: nn.Module) -> list[list[nn.Parameter]]:
    """A fastai splitter with a parameter group for each block: `vision_learner(..., splitter=split_by_block)`.

    Then `learn.freeze_to(2)` freezes two blocks, and `slice(low, high)` gives every block a learning rate of its own.
    """
    return [list(block.parameters()) for block in blocks(model)]


def describe(network: Network, size: int = 64) -> pd.DataFrame:
    """A table with a row for each block: what it puts out, how many weights it has and which of them train.

    output: shape for one image of `size` pixels, without the batch
    parameters, trainable: how many weights it has, and how many of them get updates
    batchnorm: "train" if some BatchNorm layer's weights or statistics may still move in training, "fixed" if none may,
        "" if the block has none
    """
    model, parts = model_of(network), blocks(network)
    seen: dict[str, tuple[int, ...]] = {}

    def keep(name: str):
        return lambda module, inputs, output: seen.__setitem__(name, tuple(output.shape[1:]))

    hooks = [list(block.layers.values())[-1].register_forward_hook(keep(block.name)) for block in parts]
    try:
        dummy_forward(model, size)
    finally:
        for hook in hooks:
            hook.remove()
    rows = []
    for block in parts:
        count = sum(weight.numel() for weight in block.parameters())
        trainable = sum(weight.numel() for weight in block.parameters() if weight.requires_grad)
        norms = [module for module in block.modules() if isinstance(module, BATCHNORM)]
        state = ("train" if any(map(moves, norms)) else "fixed") if norms else ""
        rows.append((block.name, seen[block.name], count, trainable, state))
    return pd.DataFrame(rows, columns=["block", "output", "parameters", "trainable", "batchnorm"])


@torch.no_grad()
def dummy_forward(model: nn.Module, size: int) -> None:
    """Send two black images of `size` pixels through a network, for the sake of its hooks."""
    weight = next(model.parameters())
    first = next((layer for layer in model.modules() if isinstance(layer, nn.Conv2d)), None)
    if first is None:
        raise CourseError("This network has no convolution, so it takes no images.")
    with evaluating(model):
        model(torch.zeros(2, first.in_channels, size, size, device=weight.device, dtype=weight.dtype))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; each part gets back the mode that it had."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def moves(norm: nn.Module) -> bool:
    """Whether training may change a BatchNorm layer: its weights, or its running statistics."""
    return any(weight.requires_grad for weight in norm.parameters()) or not getattr(norm, "held_in_eval", False)
