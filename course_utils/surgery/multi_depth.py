"""A head that reads several depths of a network: pooled outputs of some blocks, and one linear layer on them.

replace_head(learn, MultiDepthHead(["stage 3", "stage 4"]))
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import Block, Network, block_index, blocks, model_of
from course_utils.surgery.forward import channels_last, dummy_forward, example_input, first_tensor

# How (batch, channels, positions) becomes (batch, channels); absent positions, such as padding, are False in `seen`.
POOLS: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {
    "average": lambda outputs, seen: (
        outputs.mean(2) if seen is None else (outputs * seen).sum(2) / seen.sum(2).clamp(min=1)
    ),
    "max": lambda outputs, seen: (outputs if seen is None else outputs.masked_fill(~seen, -torch.inf)).amax(2),
}


class PooledOutputs:
    """The pooled outputs of some blocks, noted whenever the network runs.

    Parameters
    ----------
    network : nn.Module or Learner
        Any network that `blocks` can read. Hooks on its layers note the outputs, until `disconnect`; they are copied,
        exported and loaded with the network.
    stages : sequence of str or int
        Blocks by name or number, none of them the head.
    pools : sequence of str
        "average" and "max": over the positions of a feature map, or over the tokens of a text, padding left out. An
        output that is one vector is taken as it is.

    Raises
    ------
    CourseError
        For an unknown block (`surgery.unknown-depth`), the head or no block at all (`surgery.no-depth`), and an unknown
        pooling (`surgery.unknown-pool`).
    """

    def __init__(self, network: Network, stages: Sequence[str | int], pools: Sequence[str]) -> None:
        model, parts = model_of(network), blocks(network)
        chosen = {part.name: part for part in (parts[block_index(model, stage)] for stage in stages)}
        if not chosen or "head" in chosen:
            body = ", ".join(part.name for part in parts if part.name != "head")
            raise CourseError(f"A head reads one or more of {body}: give some of these.", code="surgery.no-depth")
        check_pools(pools)
        self.stages, self.pools = tuple(chosen), tuple(pools)
        self.latest: dict[str, Tensor] = {}
        self.mask: Tensor | None = None
        last = _last_calls(model, chosen.values())
        self.handles = [layer.register_forward_hook(_Tap(self, name, wide)) for name, (layer, wide) in last.items()]
        given, named = example_input(model)
        if not all(tensor.is_floating_point() for tensor in (*given, *named.values())):  # numbers of words
            self.handles.append(model.register_forward_pre_hook(_Mask(self), with_kwargs=True))

    def take(self) -> dict[str, Tensor]:
        """Give the outputs (batch, features) of the latest forward pass by block, and forget them."""
        latest, self.latest, self.mask = self.latest, {}, None
        return {stage: latest[stage] for stage in self.stages}

    def disconnect(self) -> None:
        """Take the hooks off the network."""
        for handle in self.handles:
            handle.remove()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what an interrupted forward pass has noted."""
        return self.__dict__ | {"latest": {}, "mask": None}


class MultiDepthHead(nn.Sequential):
    """One linear layer on the pooled outputs of several blocks (Head2Toe, Evci et al. 2022).

    `replace_head` connects it to a network; before that it reads nothing. What the network hands to it is ignored.

    Parameters
    ----------
    stages : sequence of str or int, optional
        The blocks to read, by name or number; without them, the last two.
    pools : sequence of str
        As `PooledOutputs` takes them.
    """

    def __init__(self, stages: Sequence[str | int] | None = None, pools: Sequence[str] = ("average", "max")) -> None:
        super().__init__()
        check_pools(pools)
        self.stages: tuple[str | int, ...] | None = None if stages is None else tuple(stages)
        self.pools = tuple(pools)
        self.outputs: PooledOutputs | None = None

    def connect(self, model: nn.Module, n_out: int) -> None:
        """Read the blocks of a network whose head this is to be; the linear layer learns its width from a dry run."""
        self.disconnect()
        stages = body_blocks(model)[-2:] if self.stages is None else self.stages
        self.outputs = PooledOutputs(model, stages, self.pools)
        self.stages = self.outputs.stages
        with torch.no_grad():
            dummy_forward(model)
        features = torch.cat(list(self.outputs.take().values()), 1)
        self.linear = nn.Linear(features.shape[1], n_out, device=features.device, dtype=features.dtype)

    def disconnect(self) -> None:
        """Stop reading."""
        if self.outputs is not None:
            self.outputs.disconnect()
        self.outputs = None

    def forward(self, input: Any) -> Tensor:
        """Give (batch, classes) scores from what the blocks have just put out."""
        if self.outputs is None or not self.outputs.latest:
            raise CourseError(
                "A MultiDepthHead reads the blocks of the network that it was put into, and these haven't run: put it "
                "in with surgery.replace_head, and call the whole network.",
                code="surgery.not-connected",
            )
        return self.linear(torch.cat(list(self.outputs.take().values()), 1))


def body_blocks(network: Network) -> list[str]:
    """Name the blocks before the head."""
    return [part.name for part in blocks(network) if part.name != "head"]


def check_pools(pools: Sequence[str]) -> None:
    """Refuse poolings that aren't known, and none at all: CourseError `surgery.unknown-pool`."""
    if isinstance(pools, str) or not pools or set(pools) - set(POOLS):
        raise CourseError(
            f"pools is {pools!r}: give one or more of {', '.join(map(repr, POOLS))} in a list.",
            code="surgery.unknown-pool",
        )


class _Tap:
    """Notes a block's pooled output; a class, since a network's hooks are pickled with it."""

    def __init__(self, outputs: PooledOutputs, stage: str, channels_last: bool) -> None:
        self.outputs, self.stage, self.channels_last = outputs, stage, channels_last

    def __call__(self, layer: nn.Module, inputs: tuple, output: Any) -> None:
        into, output = self.outputs, first_tensor(output)
        if output.requires_grad:
            output = output.clone()  # a later layer may work in place, as in DenseNets, and gradients need this
        into.latest[self.stage] = _pooled(output, into.pools, self.channels_last, into.mask)


class _Mask:
    """Notes which tokens of a batch of texts are no padding.

    The attention mask says it. Without one, padding has the number that the network's embedding keeps at zero.
    """

    def __init__(self, outputs: PooledOutputs) -> None:
        self.outputs = outputs

    def __call__(self, model: nn.Module, inputs: tuple, named: dict[str, Any]) -> None:
        if inputs and isinstance(inputs[0], Mapping):
            named = dict(inputs[0])
        else:  # a network may be called by position, too
            named = dict(zip(signature(model.forward).parameters, inputs, strict=False)) | named
        mask, words = named.get("attention_mask"), named.get("input_ids", inputs[0] if inputs else None)
        embedding = next((layer for layer in model.modules() if isinstance(layer, nn.Embedding)), None)
        if mask is None and isinstance(words, Tensor) and embedding is not None and embedding.padding_idx is not None:
            mask = words != embedding.padding_idx
        self.outputs.mask = mask


def _pooled(output: Tensor, pools: Sequence[str], channels_last: bool, mask: Tensor | None) -> Tensor:
    """Pool an output of any form to (batch, features)."""
    if output.ndim == 2:
        return output
    flat = output.flatten(1, -2).transpose(1, 2) if channels_last else output.flatten(2)
    seen = mask[:, None].bool() if mask is not None and mask.shape == (len(flat), flat.shape[2]) else None
    return torch.cat([POOLS[pool](flat, seen) for pool in pools], 1)


def _last_calls(model: nn.Module, parts: Iterable[Block]) -> dict[str, tuple[nn.Module, bool]]:
    """Find the layer that gives each block's output, and whether channels are that output's last dimension."""
    found: dict[str, tuple[nn.Module, bool]] = {}

    def note(block: Block) -> Callable[[nn.Module, tuple, Any], None]:
        def keep(layer: nn.Module, _: tuple, output: Any) -> None:
            found[block.name] = layer, channels_last(block.modules(), first_tensor(output))

        return keep

    hooks = [layer.register_forward_hook(note(part)) for part in parts for layer in part.layers.values()]
    try:
        dummy_forward(model)
    finally:
        for hook in hooks:
            hook.remove()
    if missing := [part.name for part in parts if part.name not in found]:
        raise CourseError(
            f"The network's forward never comes to {missing[0]}, so a head can't read it: name other blocks.",
            code="surgery.block-not-reached",
        )
    return {part.name: found[part.name] for part in parts}
