"""Cut the body off a network: its blocks up to one of them, which go on being shared."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        For a cut after the last block (`surgery.nothing-to-cut`), an unknown one (`surgery.unknown-depth`), one that
        the forward never comes to (`surgery.block-not-reached`), and one that needs later blocks
        (`surgery.not-in-order`).
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
    body = Body(model, kept, _reached(kept, _finished(model, kept, inputs, named)))
    expected = _output(model, body, inputs, named)
    if expected is None:
        raise CourseError(
            f"The forward of this {type(model).__name__} goes from block to block in another order, so it can't be cut "
            f"after {kept[-1].name}: cut after a later block.",
            code="surgery.not-in-order",
        )
    row = nn.Sequential(*(layer for block in kept for layer in block.layers.values()))
    found = _output(model, row, inputs, named) if not named and len(inputs) == 1 else None
    return row if isinstance(found, Tensor) and _agree(found, expected) else body


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

    def __init__(self, model: nn.Module, kept: list[Block], last: str) -> None:
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

    def __init__(self, output: Tensor) -> None:
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
def _output(model: nn.Module, part: nn.Module, inputs: tuple, named: dict) -> Tensor | None:
    """What a part of a network gives for its inputs in evaluation; None where it fails."""
    with evaluating(model):
        try:
            return part(*inputs, **named)
        except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError, AssertionError, IndexError):
            return None


def _agree(found: Tensor, expected: Tensor) -> bool:
    """Whether the layers alone, one after the other, compute what the network computes there."""
    return found.shape == expected.shape and (found.is_meta or torch.allclose(found, expected, rtol=1e-4, atol=1e-5))


def _reached(kept: list[Block], finished: list[str]) -> str:
    """The layer that puts out what the last of these blocks puts out."""
    if last := [name for name in finished if name in kept[-1].layers]:
        return last[-1]
    raise _not_reached(kept[-1].name)


@torch.no_grad()
def _finished(model: nn.Module, kept: list[Block], inputs: tuple, named: dict) -> list[str]:
    """The names of the layers that the forward calls, in the order in which they finish for the last time."""
    finished: list[str] = []

    def keep(name: str) -> Callable[..., None]:
        def note(*_: Any) -> None:
            if name in finished:
                finished.remove(name)
            finished.append(name)

        return note

    hooks = [layer.register_forward_hook(keep(name)) for block in kept for name, layer in block.layers.items()]
    try:
        with evaluating(model):
            model(*inputs, **named)
    finally:
        for hook in hooks:
            hook.remove()
    return finished
