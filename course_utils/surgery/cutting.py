"""Cut a network in two: the part up to a block, and the rest of it from there on."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import Block, Network, block_index, blocks, model_of
from course_utils.surgery.forward import evaluating, first_tensor, fitting_input


def cut(network: Network, after: int | str) -> nn.Module:
    """Cut a body off a network; it shares the blocks up to and including `after` with it.

    Parameters
    ----------
    network : nn.Module or Learner
        Any network that `blocks` can read.
    after : int or str
        The last block to keep: its name, or its number from 0.

    Returns
    -------
    nn.Module
        An `nn.Sequential` of the layers where the network calls them one after the other, and a `Body` where its
        forward does more, as in transformers. It puts out what the block puts out: feature maps, or a transformer's
        hidden states (batch, tokens, width); it takes what the network takes.

    Raises
    ------
    CourseError
        For a cut after the last block (`surgery.nothing-to-cut`), and an unknown one (`surgery.unknown-depth`).
    """
    end = block_index(network, after) + 1
    parts = blocks(network)
    if end == len(parts):
        names = ", ".join(block.name for block in parts[:-1])
        raise CourseError(
            f"A cut after {parts[-1].name}, the last block, removes nothing: name one of {names}.",
            code="surgery.nothing-to-cut",
        )
    model, kept = model_of(network), parts[:end]
    inputs, named = fitting_input(model)
    body = Body(model, kept, _reached(kept, _shapes(model, kept, inputs, named)[0]))
    row = nn.Sequential(*(layer for block in kept for layer in block.layers.values()))
    return row if not named and len(inputs) == 1 and _agree(model, row, body, *inputs) else body


class Body(nn.Module):
    """A network whose forward ends after a block; it shares that block and those before it, and has no others.

    Parameters
    ----------
    model : nn.Module
        The network. It isn't changed: the body has copies of the modules that hold later blocks, without these.
    kept : list of Block
        The blocks up to the one whose output is given.
    last : str
        The dotted name of the layer that gives it.
    """

    def __init__(self, model: nn.Module, kept: list[Block], last: str):
        super().__init__()
        names = {name for block in kept for name in block.layers}
        weights = {name for block in kept for name in block.weights}
        self.network = _pruned(model, names, weights)
        self.last = last

    def forward(self, *inputs: Any, **named: Any) -> Tensor:
        """Give the block's output (the first tensor of it) for what the network takes."""
        with _stopping(self.network, self.last):
            try:
                self.network(*inputs, **named)
            except _Reached as reached:
                return reached.output
        raise _not_reached(self.last)


class _Reached(Exception):
    """The forward pass has come to where it shall end."""

    def __init__(self, output: Tensor):
        super().__init__()
        self.output = output


@contextmanager
def _stopping(model: nn.Module, layer: str) -> Iterator[None]:
    """Inside the `with`, a forward pass ends by `_Reached` as soon as a layer has put something out."""

    def stop(module: nn.Module, inputs: tuple, output: Any) -> None:
        raise _Reached(first_tensor(output))

    hook = model.get_submodule(layer).register_forward_hook(stop)
    try:
        yield
    finally:
        hook.remove()


def _pruned(module: nn.Module, layers: set[str], weights: set[str], name: str = "") -> nn.Module:
    """A copy of a module that shares some layers and weights, and has placeholders for the others."""
    if name in layers:
        return module
    below = f"{name}." if name else ""
    if name and not any(kept.startswith(below) for kept in layers | weights):
        return nn.Identity()
    pruned = copy.copy(module)  # its own dictionaries, so that the network keeps its modules
    for registry in ("_parameters", "_modules", "_buffers"):
        pruned.__dict__[registry] = dict(getattr(module, registry))
    for own in list(pruned._parameters):
        if f"{below}{own}" not in weights:
            pruned._parameters[own] = None
    for child, inner in module.named_children():
        pruned._modules[child] = _pruned(inner, layers, weights, f"{below}{child}")
    return pruned


def _not_reached(block: str) -> CourseError:
    return CourseError(
        f"The network's forward never comes to {block}, so it can't be cut there: cut after another block.",
        code="surgery.block-not-reached",
    )


@torch.no_grad()
def _agree(model: nn.Module, row: nn.Module, body: nn.Module, batch: Tensor) -> bool:
    """Whether the layers alone, one after the other, compute what the network computes there."""
    with evaluating(model):
        expected = body(batch)
        try:
            found = row(batch)
        except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError, AssertionError, IndexError):
            return False
    return found.shape == expected.shape and (found.is_meta or torch.allclose(found, expected, rtol=1e-4, atol=1e-5))


@dataclass(frozen=True)
class Split:
    """A network in two parts, which share their weights with it: `tail(body(x), x)` is what the network gives for x.

    Attributes
    ----------
    body : nn.Module
        The blocks before the split; gives the features of what the network takes (positional and keyword arguments).
    tail : Tail
        The rest; takes the features, then what the network takes.
    """

    body: "Body"
    tail: "Tail"


class Tail:
    """The rest of a network: its own forward, in which the blocks before the split are skipped.

    Each layer of theirs gives at once a placeholder of the shape that it has for such an input, and the last one the
    features, so whatever else the forward does (a mask made from the tokens, a position added) stays as it is.

    Parameters
    ----------
    model : nn.Module
        The network.
    skipped : list of Block
        The blocks before the split.
    last : str
        The dotted name of their last layer.
    shapes : dict of str to tuple of int
        Shapes of what their layers put out for one input.
    inputs : tuple
        Positional inputs like those that the network takes.
    """

    def __init__(self, model: nn.Module, skipped: list[Block], last: str, shapes: dict[str, tuple], inputs: tuple):
        self.model, self.last, self.shapes = model, last, shapes
        self.layers = {name: layer for block in skipped for name, layer in block.layers.items() if name in shapes}
        self.inputs = [(value.shape[1:], value.dtype) for value in inputs if isinstance(value, Tensor)]

    def __call__(self, features: Tensor, *inputs: Any, **named: Any) -> Any:
        """Give the network's output.

        Parameters
        ----------
        features : Tensor
            What the body gave.
        *inputs, **named
            What the network takes. Images may be left out: their place is taken by zeros.
        """
        if not inputs and not named:
            inputs = tuple(features.new_zeros(()).to(kind).expand(len(features), *shape) for shape, kind in self.inputs)
        features = features.clone()  # layers that work in place, a DenseNet's ReLU for one, would change what is kept
        try:
            for name, layer in self.layers.items():
                layer.forward = _giving(self._placeholder(name, features))
            return self.model(*inputs, **named)
        finally:
            for layer in self.layers.values():
                vars(layer).pop("forward", None)

    def _placeholder(self, name: str, features: Tensor) -> Tensor:
        shape = self.shapes[name]
        if name == self.last or shape == self.shapes[self.last]:
            return features  # the right shape also where texts are longer than the first one
        return features.new_zeros(()).expand(len(features), *shape)


def _giving(output: Tensor) -> Callable[..., Tensor]:
    return lambda *inputs, **named: output


def split_at(network: Network, depth: int | str, *inputs: Any, **named: Any) -> Split:
    """Split a network before a block, so that the features there can be kept and used again.

    Parameters
    ----------
    network : nn.Module or Learner
        Any network that `blocks` can read.
    depth : int or str
        The first block of the second part: its name, or how many blocks lie before it.
    *inputs, **named
        A batch that the network takes; without it, one is made up. Later batches have inputs of the same shape, but for
        the length of texts.

    Raises
    ------
    CourseError
        Where nothing lies before `depth` (`surgery.nothing-to-cut`), and where the rest of the network needs more than
        that block's output (`surgery.not-a-row`): a U-Net's later layers look back at earlier ones.
    """
    model, parts, start = model_of(network), blocks(network), block_index(network, depth)
    if not start:
        raise CourseError(f"Nothing lies before {parts[0].name}: name a later block.", code="surgery.nothing-to-cut")
    if not inputs and not named:
        inputs, named = fitting_input(model)
    kept = parts[:start]
    shapes, whole = _shapes(model, kept, inputs, named)
    last = _reached(kept, shapes)
    split = Split(Body(model, kept, last), Tail(model, kept, last, shapes, inputs))
    with evaluating(model), torch.no_grad():
        if _same(split.tail(split.body(*inputs, **named), *inputs, **named), whole):
            return split
    raise CourseError(
        f"The forward of this {type(model).__name__} does more after {kept[-1].name} than go on from its output, so it "
        "can't be split there: give another depth, or put body and head into nn.Sequential(body, head).",
        code="surgery.not-a-row",
    )


def _reached(kept: list[Block], shapes: dict[str, tuple]) -> str:
    """The layer that puts out what the last of these blocks puts out."""
    if last := [name for name in shapes if name in kept[-1].layers]:
        return last[-1]
    raise _not_reached(kept[-1].name)


@torch.no_grad()
def _shapes(model: nn.Module, kept: list[Block], inputs: tuple, named: dict) -> tuple[dict[str, tuple], Any]:
    """Shapes of what layers put out, without the batch, in the order in which they finish; and the network's output."""
    shapes: dict[str, tuple] = {}

    def keep(name: str) -> Callable[..., None]:
        def note(module: nn.Module, inputs: tuple, output: Any) -> None:
            shapes.pop(name, None)  # the order is that of the last calls
            shapes[name] = tuple(first_tensor(output).shape[1:])

        return note

    hooks = [layer.register_forward_hook(keep(name)) for block in kept for name, layer in block.layers.items()]
    try:
        with evaluating(model):
            return shapes, model(*inputs, **named)
    finally:
        for hook in hooks:
            hook.remove()


def _same(one: Any, other: Any) -> bool:
    one, other = first_tensor(one), first_tensor(other)
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-4)
