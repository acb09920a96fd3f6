"""Bottleneck adapters: two small layers behind a frozen one, with a shortcut around them (Houlsby et al. 2019)."""

from collections.abc import Sequence
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.arguments import whole
from course_utils.errors import CourseError
from course_utils.surgery.blocks import Network
from course_utils.training.few_weights.additions import (
    Addition,
    Carrier,
    choose_layers,
    hang,
    last_of_blocks,
    placed_like,
    refuse_second,
)


class Bottleneck(Addition):
    """Down to `size` channels, ReLU, and up again, added to the layer's output; zero at first, since `up` is.

    layer: a linear layer, or a convolution, whose positions it treats one by one
    """

    def __init__(self, layer: Carrier, size: int) -> None:
        super().__init__()
        self.down: Carrier
        self.up: Carrier
        if isinstance(layer, nn.Linear):
            self.down, self.up = nn.Linear(layer.out_features, size), nn.Linear(size, layer.out_features)
        else:
            kind, channels = type(layer), layer.out_channels
            self.down, self.up = kind(channels, size, 1), kind(size, channels, 1)  # type: ignore[arg-type]
        for weight in self.up.parameters():
            nn.init.zeros_(weight)

    def added(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Give what the adapter adds to the layer's output."""
        return self.up(F.relu(self.down(outputs.to(self.down.weight.dtype)))).to(outputs.dtype)


def add_adapters(network: Network, size: int = 16, *, after: str | Sequence[str] = "blocks") -> dict[str, Bottleneck]:
    """Hang a bottleneck adapter behind layers of a network, whose outputs stay what they are until it trains.

    Parameters
    ----------
    network : nn.Module or Learner
        Any network; which of its own weights train stays as it is.
    size : int
        Channels in the middle of each adapter.
    after : str or sequence of str
        "blocks": behind the last linear layer or convolution of each block but the first, which in a transformer is
        that of the MLP, before the sum with the shortcut (as in Pfeiffer et al. 2021). "all", or ends of names, as
        `choose_layers` takes them: "output.dense" chooses both places of Houlsby et al. in a BERT.

    Returns
    -------
    dict of str to Bottleneck
        The adapters, by their layers' dotted names.

    Raises
    ------
    CourseError
        For a size that is no whole number of at least 1 (`training.bad-size`), a network that has LoRA or adapters
        (`training.adapted-already`), and what `choose_layers` refuses.
    """
    check_size(size)
    refuse_second(network)
    chosen = last_of_blocks(network) if after == "blocks" else choose_layers(network, after)
    adapters = {}
    for name, layer in chosen.items():
        adapters[name] = adapter = placed_like(partial(Bottleneck, layer, int(size)), layer)
        hang(layer, adapter)
    return adapters


def check_size(size: int) -> None:
    """Refuse what is no number of channels: CourseError `training.bad-size`."""
    if whole(size) is None:
        raise CourseError(
            f"size is {size!r}: give a whole number of at least 1; 8 to 64 are usual.", code="training.bad-size"
        )
