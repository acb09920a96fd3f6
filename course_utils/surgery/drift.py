"""Did it move, and how far? Fingerprints and distances of a network's weights, block by block and layer by layer."""

import hashlib
from collections.abc import Mapping

import pandas as pd
import torch

from course_utils.errors import CourseError
from course_utils.surgery.blocks import Network, blocks, model_of

State = Mapping[str, torch.Tensor]
STATISTICS = ("running_mean", "running_var")


def snapshot(network: Network) -> dict[str, torch.Tensor]:
    """A copy of all weights and BatchNorm statistics as they are now."""
    return {name: tensor.detach().cpu().clone() for name, tensor in model_of(network).state_dict().items()}


def fingerprints(network: Network) -> pd.DataFrame:
    """Take a fingerprint of each block: twelve digits of a SHA-256 that are equal only if all bytes are.

    Returns
    -------
    pandas.DataFrame
        A row for each block: its name (`block`), a fingerprint of its `weights`, and one of its BatchNorm layers'
        running `statistics` ("" without any).
    """
    state, rows = snapshot(network), []
    for block in blocks(network):
        layers = tuple(f"{layer}." for layer in block.layers)
        statistics = {name: t for name, t in state.items() if name.startswith(layers) and name.endswith(STATISTICS)}
        weights = {name: weight.detach().cpu() for name, weight in block.weights.items()}
        rows.append((block.name, _digest(weights), _digest(statistics)))
    return pd.DataFrame(rows, columns=["block", "weights", "statistics"])


def _digest(state: State) -> str:
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].flatten().view(torch.uint8).numpy().tobytes())  # flatten: in order, however stored
    return digest.hexdigest()[:12] if state else ""


def drift(before: State, after: Network | State) -> pd.DataFrame:
    """Measure how far every tensor moved.

    Parameters
    ----------
    before : mapping of str to Tensor
        What `snapshot` gave, or another state of the network.
    after : nn.Module, Learner or mapping of str to Tensor
        The network now, or a later state.

    Returns
    -------
    pandas.DataFrame
        A row for each tensor of decimal numbers:
        layer: the layer's name, or the tensor's own where no layer holds it;
        kind: "weight" (convolutions, linear layers, positions), "affine" (biases, weights of normalisation) or
        "statistics";
        change: the length of the difference over the length of the start (‖after - before‖ / ‖before‖), 0 if nothing
        moved; infinite where the start was all zeros.

    Raises
    ------
    CourseError
        If a tensor has another shape or is missing (`surgery.not-one-network`): the two are not states of one network.
    """
    after = after if isinstance(after, Mapping) else snapshot(after)
    if unlike := [name for name in before if name not in after or before[name].shape != after[name].shape]:
        raise CourseError(
            f"{len(unlike)} tensors have no partner of their shape, such as {unlike[0]}: "
            "compare two states of one network, before and after training but not after a new head.",
            code="surgery.not-one-network",
        )
    rows = []
    for name, start in before.items():
        if not start.is_floating_point():
            continue
        layer, _, tensor = name.rpartition(".")
        kind = "statistics" if tensor in STATISTICS else "weight" if start.ndim > 1 else "affine"
        moved = torch.linalg.vector_norm(after[name].cpu().double() - start.cpu().double())
        length = torch.linalg.vector_norm(start.cpu().double())
        rows.append((layer or tensor, kind, (moved / length).item() if moved else 0.0))
    return pd.DataFrame(rows, columns=["layer", "kind", "change"])
