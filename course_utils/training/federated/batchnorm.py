"""BatchNorm in a network that trains in many places: what travels, and statistics pooled without moving data."""

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from course_utils.errors import CourseError
from course_utils.surgery.blocks import BATCHNORM, evaluating, is_held
from course_utils.training.federated.clients import Client

BatchNormWay = Literal["averaged", "re-estimated", "local", "fixed"]
LEAST_BATCH = 64  # images at once, where nothing is kept for gradients


def check_way(way: str) -> None:
    """Refuse an unknown word: CourseError `training.unknown-batchnorm`."""
    if way not in get_args(BatchNormWay):
        raise CourseError(
            f"batchnorm is {way!r}: give one of {', '.join(map(repr, get_args(BatchNormWay)))}.",
            code="training.unknown-batchnorm",
        )


def layers_of(model: nn.Module) -> dict[str, _BatchNorm]:
    """The BatchNorm layers by name, without those that are held already."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, BATCHNORM) and not is_held(layer)}


def ready(model: nn.Module, way: BatchNormWay) -> None:
    """Put a network into training mode; with "fixed", BatchNorm goes on using the statistics that it has."""
    model.train()
    if way == "fixed":
        for layer in layers_of(model).values():
            layer.eval()


def travelling(model: nn.Module, way: BatchNormWay = "averaged") -> list[str]:
    """List what a client sends, and the server sends back: the names of the tensors that training may change.

    These are the weights that train and the running statistics that move. With "fixed", no statistics move; with
    "local" nothing of BatchNorm travels, its weights included (FedBN, Li et al. 2021).

    Raises
    ------
    CourseError
        For another word than these (`training.unknown-batchnorm`).
    """
    check_way(way)
    norms = layers_of(model)
    of_norms = {f"{name}.{own}" if name else own for name, layer in norms.items() for own in layer.state_dict()}
    weights = [name for name, weight in model.named_parameters() if weight.requires_grad]
    if way == "local":
        return [name for name in weights if name not in of_norms]
    buffers = [name for name, _ in model.named_buffers() if name in of_norms] if way != "fixed" else []
    return weights + buffers


def staying(model: nn.Module, way: BatchNormWay) -> list[str]:
    """List what a client trains and keeps to itself: with "local", all that is BatchNorm's."""
    if way != "local":
        return []
    shared = set(travelling(model, "local"))
    return [name for name in travelling(model, "averaged") if name not in shared]


def megabytes_sent(model: nn.Module, batchnorm: BatchNormWay = "averaged") -> float:
    """Return how many MB, of a million bytes each, one client sends in one round; it receives as many."""
    own = model.state_dict()
    return sum(own[name].nbytes for name in travelling(model, batchnorm)) / 1e6


@torch.no_grad()
def pool_statistics(model: nn.Module, clients: Sequence[Client]) -> None:
    """Re-estimate BatchNorm's running statistics from what clients send of their own: means and variances, no image.

    Each client passes its training images through the network once, as `torch.optim.swa_utils.update_bn` does. The
    server averages the means by the numbers of images, and adds to the variances how far the means lie apart. To
    re-estimate on everybody's images in one place instead would use data that may not travel.

    Notes
    -----
    A client's images pass the deeper layers normalised by its own statistics, so those of the deeper layers are not
    quite those of the pooled images; for the first layer they are, but for the correction of small samples.
    """
    norms = [layer for layer in layers_of(model).values() if layer.running_mean is not None]
    if not norms:
        return
    found = [list(_own_statistics(model, norms, client)) for client in clients]
    shares = torch.tensor([len(client) for client in clients], dtype=torch.float64)
    shares = shares / shares.sum()
    for layer, own in zip(norms, zip(*found, strict=True), strict=True):
        means, variances = (torch.stack(each) for each in zip(*own, strict=True))
        weight = shares.to(means)[:, None]
        mean = (weight * means).sum(0)
        layer.running_mean = mean
        layer.running_var = (weight * (variances + (means - mean) ** 2)).sum(0)


def _own_statistics(model: nn.Module, norms: Sequence[_BatchNorm], client: Client) -> Iterator[tuple[Tensor, Tensor]]:
    """Give one client's mean and variance of the inputs of each layer; the network's own are put back."""
    before = [{name: own.clone() for name, own in layer.named_buffers()} for layer in norms]
    momenta = [layer.momentum for layer in norms]
    with evaluating(model):
        for layer in norms:
            layer.reset_running_stats()
            layer.momentum = None  # torch's word for the plain average over all batches
            layer.training = True
        for part in client.inputs.tensor_split(-(-len(client) // LEAST_BATCH)):
            model(part)
    for layer, kept, momentum in zip(norms, before, momenta, strict=True):
        yield layer.state_dict()["running_mean"].clone(), layer.state_dict()["running_var"].clone()
        layer.load_state_dict(kept, strict=False)
        layer.momentum = momentum
