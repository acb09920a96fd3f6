"""Small networks that hang on layers of a frozen one, and the layers that can carry them.

An addition is a child of its layer, and a forward hook lets it change what the layer puts out. So the layer keeps its
name, its type and its weights, and taking the addition off leaves the network as it was.
"""

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import TypeVar

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery import blocks
from course_utils.surgery.blocks import Network, model_of
from course_utils.surgery.layout import CONVOLUTIONS

Carrier = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
NAME = "addition"  # what a layer calls the child that hangs on it


class Addition(nn.Module):
    """What hangs on a layer: it makes the layer's new output from its input and its output."""

    def added(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Give what is added to the layer's output."""
        raise NotImplementedError


Some = TypeVar("Some", bound=Addition)


def hang(layer: nn.Module, addition: Addition) -> None:
    """Let an addition change what a layer puts out."""
    layer.add_module(NAME, addition)
    layer.register_forward_hook(_add)


def take_off(layer: nn.Module) -> None:
    """Take the addition off again; the layer is what it was."""
    delattr(layer, NAME)
    for number in [number for number, hook in layer._forward_hooks.items() if hook is _add]:
        del layer._forward_hooks[number]


def additions(network: Network) -> dict[str, nn.Module]:
    """List the layers on which something hangs, by their dotted names."""
    return {name: layer for name, layer in model_of(network).named_modules() if addition_of(layer) is not None}


def addition_of(layer: nn.Module) -> Addition | None:
    """What hangs on a layer."""
    found = layer._modules.get(NAME)
    return found if isinstance(found, Addition) else None


def refuse_second(network: Network) -> None:
    """Refuse a network on which something hangs: CourseError `training.adapted-already`."""
    if found := additions(network):
        raise CourseError(
            f"{len(found)} layers of this network carry LoRA or adapters already ({next(iter(found))} is one): call "
            "merge_lora to keep what they learned, or remove_additions to drop it.",
            code="training.adapted-already",
        )


def remove_additions(network: Network) -> int:
    """Take LoRA and adapters off, and with them what they learned, and say from how many layers.

    Raises
    ------
    CourseError
        Where there are none (`training.nothing-added`).
    """
    found = additions(network)
    if not found:
        raise CourseError(
            "No LoRA and no adapters hang on this network, so there is nothing to remove.",
            code="training.nothing-added",
        )
    for layer in found.values():
        take_off(layer)
    return len(found)


def carriers(network: Network) -> dict[str, Carrier]:
    """List the layers of the body that can carry an addition: linear layers and convolutions, by their dotted names.

    Convolutions in groups can't, nor can layers whose weights are read without calling them, as by torch's own
    multi-head attention. A network whose head can't be told apart is body alone.
    """
    head = tuple(f"{name}." for name in _head(network))
    return {
        name: layer
        for name, layer in model_of(network).named_modules()
        if why_not(layer) is None and not f"{name}.".startswith(head or "\0")
    }


def why_not(layer: nn.Module) -> str | None:
    """Why a layer can't carry an addition, or None where it can."""
    if isinstance(layer, nn.modules.linear.NonDynamicallyQuantizableLinear):
        return "torch's attention reads its weight without calling it"
    if isinstance(layer, nn.Linear):
        return None
    if type(layer) not in CONVOLUTIONS:  # a kind of its own may pad in another way
        return f"it is a {type(layer).__name__}"
    return None if getattr(layer, "groups", 1) == 1 else "it is a convolution in groups"


def choose_layers(network: Network, where: str | Sequence[str]) -> dict[str, Carrier]:
    """Choose layers of the body by the ends of their dotted names, as `peft` does by its `target_modules`.

    Parameters
    ----------
    network : nn.Module or Learner
        Any network.
    where : str or sequence of str
        "all", or ends of names, such as ("query", "value"); a `*` stands for one part: "layer.*.output.dense".

    Raises
    ------
    CourseError
        Where the body has no linear layer and no convolution (`training.nothing-to-adapt`), where no layer has that
        name (`training.no-such-layer`), and where one is named that can't carry an addition
        (`training.cannot-carry`).
    """
    possible = carriers(network)
    if not possible:
        raise CourseError(
            f"The body of this {type(model_of(network)).__name__} has no linear layer and no convolution that could "
            "carry LoRA or adapters: train its biases, its normalisation or its head.",
            code="training.nothing-to-adapt",
        )
    if where == "all":
        return possible
    chosen: dict[str, Carrier] = {}
    for wanted in [where] if isinstance(where, str) else where:
        found = {name: layer for name, layer in possible.items() if _ends(name, wanted)}
        if not found:
            raise _not_there(network, wanted, list(possible))
        chosen |= found
    if not chosen:
        raise CourseError(
            "where is empty: give 'all', or the ends of some layers' names.", code="training.no-such-layer"
        )
    return {name: layer for name, layer in possible.items() if name in chosen}


def last_of_blocks(network: Network) -> dict[str, Carrier]:
    """Choose the last layer that can carry an addition in each block behind the first one."""
    possible = carriers(network)
    if not possible:
        return choose_layers(network, "all")  # refuses it
    chosen = {}
    for block in blocks(network)[1:]:
        starts = tuple(f"{name}." for name in block.layers)
        if inside := [name for name in possible if f"{name}.".startswith(starts)]:
            chosen[inside[-1]] = possible[inside[-1]]
    return chosen or possible


def placed_like(make: Callable[[], Some], layer: Carrier) -> Some:
    """Make an addition on a layer's device, in its precision where that is one to train in."""
    weight = layer.weight
    dtype = weight.dtype if weight.dtype.is_floating_point else torch.get_default_dtype()
    return make().to(device=weight.device, dtype=dtype)


def _add(layer: nn.Module, inputs: tuple, outputs: Tensor) -> Tensor:
    addition = addition_of(layer)
    return outputs if addition is None else outputs + addition.added(inputs[0], outputs)


def _head(network: Network) -> Iterator[str]:
    """The names of the head's layers."""
    try:
        last = blocks(network)[-1]
    except CourseError:  # it can't be told apart, or there are two rows of blocks
        return
    if last.name == "head":
        yield from last.layers


def _ends(name: str, wanted: str) -> bool:
    parts, asked = name.split("."), wanted.split(".")
    tail = parts[-len(asked) :]
    return len(tail) == len(asked) and all(ask in ("*", part) for ask, part in zip(asked, tail, strict=True))


def _not_there(network: Network, wanted: str, possible: list[str]) -> CourseError:
    """Say why a name chooses nothing: it is another kind of layer, the head's, or there is none."""
    for name, layer in model_of(network).named_modules():
        if name and _ends(name, wanted):
            why = why_not(layer) or "it belongs to the head, which trains anyway"
            return CourseError(
                f"{name!r} can't carry LoRA or adapters ({why}): name linear layers and convolutions of the body, such "
                f"as {possible[0]!r}, or give 'all'.",
                code="training.cannot-carry",
            )
    size = wanted.count(".") + 1
    ends = list(dict.fromkeys(".".join(name.split(".")[-size:]) for name in possible))
    near = get_close_matches(wanted, ends, n=3, cutoff=0.5)
    meant = f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
    return CourseError(
        f"No layer's name ends in {wanted!r}{meant}: give 'all', or ends of names such as "
        f"{', '.join(map(repr, ends[:6]))}.",
        code="training.no-such-layer",
    )
