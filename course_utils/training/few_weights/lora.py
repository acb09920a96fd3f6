"""LoRA: a change of low rank, added to a frozen layer's weight and trained in its place (Hu et al. 2021)."""

from collections.abc import Sequence
from functools import partial
from math import isfinite, sqrt
from numbers import Real

import torch
from torch import Tensor, nn

from course_utils.arguments import whole
from course_utils.errors import CourseError
from course_utils.surgery.blocks import Network
from course_utils.training.few_weights.additions import (
    Addition,
    Carrier,
    addition_of,
    additions,
    choose_layers,
    hang,
    placed_like,
    refuse_second,
    take_off,
)


class LowRank(Addition):
    """The change that LoRA trains: `alpha / rank * B(A(input))`, zero at first since B is.

    For a linear layer, A is (rank, inputs) and B is (outputs, rank). For a convolution, A is one with the same kernel
    and `rank` channels, and B a convolution of single positions, so that the two together are one of low rank.

    layer: what it is for; rank: of the change; alpha: scales the change, so that a learning rate suits several ranks
    """

    def __init__(self, layer: Carrier, rank: int, alpha: float) -> None:
        super().__init__()
        self.scale = alpha / rank
        self.A: Carrier
        self.B: Carrier
        if isinstance(layer, nn.Linear):
            self.A = nn.Linear(layer.in_features, rank, bias=False)
            self.B = nn.Linear(rank, layer.out_features, bias=False)
        else:
            how = {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "padding_mode")}
            self.A = type(layer)(layer.in_channels, rank, layer.kernel_size, bias=False, **how)  # type: ignore[arg-type]
            self.B = type(layer)(rank, layer.out_channels, 1, bias=False)  # type: ignore[arg-type]
        nn.init.kaiming_uniform_(self.A.weight, a=sqrt(5))
        nn.init.zeros_(self.B.weight)

    def added(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Give the change of the layer's output."""
        return self.scale * self.B(self.A(inputs.to(self.A.weight.dtype))).to(outputs.dtype)

    def change(self) -> Tensor:
        """Give the change of the layer's weight, in its shape: what merging adds."""
        product = self.B.weight.flatten(1) @ self.A.weight.flatten(1)
        return self.scale * product.view(len(product), *self.A.weight.shape[1:])


def add_lora(
    network: Network, rank: int = 8, *, alpha: float = 16.0, where: str | Sequence[str] = "all"
) -> dict[str, LowRank]:
    """Hang a trainable change of low rank on layers of a network, whose outputs stay what they are until it trains.

        add_lora(model, rank=8, where=("query", "value"))

    Parameters
    ----------
    network : nn.Module or Learner
        Any network; which of its own weights train stays as it is.
    rank : int
        Of the change of each weight.
    alpha : float
        The change is scaled by `alpha / rank`.
    where : str or sequence of str
        "all" linear layers and convolutions of the body, or ends of their names, as `choose_layers` takes them.

    Returns
    -------
    dict of str to LowRank
        The changes, by their layers' dotted names.

    Raises
    ------
    CourseError
        For a rank that is no whole number from 1 to a layer's smaller side (`training.bad-rank`), an alpha that isn't
        above 0 (`training.bad-setting`), a network that has LoRA or adapters (`training.adapted-already`), and what
        `choose_layers` refuses.

    Notes
    -----
    There is no dropout in it. A starts as torch starts a linear layer, and B at zero, as in the paper's own code and in
    `peft`; random numbers are drawn for A alone.
    """
    check_rank(rank)
    if not isinstance(alpha, Real) or isinstance(alpha, bool) or not alpha > 0 or not isfinite(alpha):
        raise CourseError(f"alpha is {alpha!r}: give a number above 0.", code="training.bad-setting")
    refuse_second(network)
    chosen = choose_layers(network, where)
    for name, layer in chosen.items():
        most = min(layer.weight.shape[0], layer.weight.flatten(1).shape[1]) if layer.weight.ndim > 1 else rank
        if isinstance(layer, nn.Linear):
            most = min(layer.in_features, layer.out_features)  # a quantised weight is stored in another shape
        if rank > most:
            raise CourseError(
                f"rank is {rank}, but a change of the layer {name!r} has a rank of {most} at most: give a rank up to "
                f"{most}, or leave the layer out by naming others in `where`.",
                code="training.bad-rank",
            )
    changes = {}
    for name, layer in chosen.items():
        changes[name] = change = placed_like(partial(LowRank, layer, int(rank), float(alpha)), layer)
        hang(layer, change)
    return changes


def check_rank(rank: int) -> None:
    """Refuse what is no rank: CourseError `training.bad-rank`."""
    if whole(rank) is None:
        raise CourseError(
            f"rank is {rank!r}: give a whole number of at least 1; 4 to 16 are usual.", code="training.bad-rank"
        )


@torch.no_grad()
def merge_lora(network: Network) -> int:
    """Add each change to its layer's weight and take it off: the same outputs to rounding, from a plain network.

    Returns
    -------
    int
        In how many layers.

    Raises
    ------
    CourseError
        Where no LoRA hangs on the network, as after a first merging (`training.nothing-to-merge`), where adapters do,
        which can't be merged (`training.cannot-merge`), and for weights that are quantised (`training.cannot-merge`).
    """
    found = additions(network)
    if not found:
        raise CourseError(
            "This network has no LoRA to merge: it was merged before, or never had any.",
            code="training.nothing-to-merge",
        )
    weights = {name: layer.get_parameter("weight") for name, layer in found.items()}
    for name, layer in found.items():
        if not isinstance(addition_of(layer), LowRank):
            raise CourseError(
                f"What hangs on {name!r} is a bottleneck adapter, whose activation function no single weight can stand "
                "for: leave it on, or take it off with remove_additions.",
                code="training.cannot-merge",
            )
        if not weights[name].is_floating_point():
            raise CourseError(
                f"The weight of {name!r} is quantised, and a change can't be added to it: load the network in full "
                "precision, put the adapter on, and merge there.",
                code="training.cannot-merge",
            )
    for name, layer in found.items():
        change = addition_of(layer)
        assert isinstance(change, LowRank)
        weights[name].add_(change.change())
        take_off(layer)
    return len(found)
