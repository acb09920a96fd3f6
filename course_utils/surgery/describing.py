"""What the blocks of a network are: what they put out, how many weights they have, and which of them train."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
from torch import Tensor, nn

from course_utils.surgery.blocks import BATCHNORM, Network, blocks, model_of, moves
from course_utils.surgery.forward import dummy_forward, first_tensor


def describe(network: Network, size: int | None = None) -> pd.DataFrame:
    """Describe a network in a table with a row for each block.

    Parameters
    ----------
    network : nn.Module or Learner
        Any network that `blocks` can read.
    size : int, optional
        Pixels a side of the image that is sent through it; without it, what the network is built for, or 64.

    Returns
    -------
    pandas.DataFrame
        block: its name;
        output: shape for one input, without the batch; () for a block that the network didn't use;
        parameters, trainable: how many weights it has, and how many of them get updates;
        batchnorm: "train" if some BatchNorm layer's weights or statistics may still move in training, "fixed" if none
        may, "" if the block has none.

    Raises
    ------
    CourseError
        `surgery.forward-fails` where the network doesn't take an input of that size.
    """
    with block_outputs(network) as outputs:
        dummy_forward(model_of(network), size)
    rows = []
    for block in blocks(network):
        count = sum(weight.numel() for weight in block.parameters())
        trainable = sum(weight.numel() for weight in block.parameters() if weight.requires_grad)
        norms = [module for module in block.modules() if isinstance(module, BATCHNORM)]
        state = ("train" if any(map(moves, norms)) else "fixed") if norms else ""
        shape = tuple(outputs[block.name].shape[1:]) if block.name in outputs else ()
        rows.append((block.name, shape, count, trainable, state))
    return pd.DataFrame(rows, columns=["block", "output", "parameters", "trainable", "batchnorm"])


@contextmanager
def block_outputs(network: Network) -> Iterator[dict[str, Tensor]]:
    """Inside the `with`, what each block put out in the latest forward pass, by the block's name.

    A block's output is that of its layer which came last; where that is no tensor, its first one.
    """
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def note(_: nn.Module, __: tuple, output: Any) -> None:
            outputs[name] = first_tensor(output)

        return note

    hooks = [
        layer.register_forward_hook(keep(block.name)) for block in blocks(network) for layer in block.layers.values()
    ]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()
