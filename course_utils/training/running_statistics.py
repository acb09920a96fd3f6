"""Running statistics of BatchNorm, re-estimated after training: what `eval()` uses then belongs to the trained weights.

A BatchNorm layer normalises by its batch while it trains, and by running averages afterwards. After a few dozen steps
these averages still lag behind, so a network that trained longer looks better for that reason alone.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from math import ceil
from typing import Any, Literal

import torch
from fastai.callback.core import Callback
from fastai.data.load import DataLoader
from fastai.learner import Learner
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from course_utils.errors import CourseError
from course_utils.surgery.blocks import BATCHNORM, evaluating, is_held
from course_utils.training.feature_loader import FeatureDL
from course_utils.training.randomness import randomness_kept

Statistics = Literal["re-estimated", "as trained"]
LEAST_BATCH = 64  # images at once; nothing is kept for gradients, and larger batches have steadier statistics


def reestimate_batchnorm(learn: Learner, layers: Collection[_BatchNorm] | None = None) -> int:
    """Re-estimate the running statistics of BatchNorm on the training images, as `eval()` will see them.

        learn.fit_one_cycle(1, 1e-2)
        reestimate_batchnorm(learn)

    It costs one forward pass over the training set, and changes nothing else: no weight, no layer's mode, no random
    number to come.

    Parameters
    ----------
    learn : Learner
        Its training images pass the network once, without random augmentation.
    layers : collection of nn.Module, optional
        The BatchNorm layers to re-estimate. All that aren't held by `batchnorm="fixed"` if left out.

    Returns
    -------
    int
        How many layers were re-estimated; where it is 0, no image was read.

    Raises
    ------
    CourseError
        When one training image is all there is ("training.too-few-images").

    Notes
    -----
    `torch.optim.swa_utils.update_bn` for networks that are fine-tuned: it leaves held layers alone, and dropout out, as
    in evaluation. Images come in a fixed random order, since batches of one class have other statistics than mixed
    ones, and in batches of at least 64. If it is interrupted, the old statistics come back.
    """
    chosen = _unheld(learn.model) if layers is None else list(layers)
    if not chosen:
        return 0
    with randomness_kept(), _averaging(learn.model, chosen), torch.no_grad():
        for inputs in _inputs(learn, chosen):
            learn.model(*inputs)
    return len(chosen)


@contextmanager
def reestimated(learn: Learner) -> Iterator[int]:
    """Within it, the running statistics are re-estimated; afterwards they are what they were.

    Yields how many layers are re-estimated.
    """
    before = {layer: _statistics(layer) for layer in _unheld(learn.model)}
    try:
        yield reestimate_batchnorm(learn)
    finally:
        for layer, kept in before.items():
            layer.load_state_dict(kept, strict=False)


class ReestimateBatchNorm(Callback):
    """Re-estimates the running statistics after each epoch, for fits whose epochs are compared by their validation.

    Training itself stays what it is, since training normalises by batches.
    """

    order = -10

    def after_train(self) -> None:
        """Re-estimate before the validation."""
        reestimate_batchnorm(self.learn)


def batches_seen(model: nn.Module) -> dict[_BatchNorm, int]:
    """How many training batches each BatchNorm layer with running statistics has followed."""
    layers = [layer for layer in model.modules() if isinstance(layer, BATCHNORM) and layer.running_mean is not None]
    return {layer: int(_counter(layer)) for layer in layers}


def _unheld(model: nn.Module) -> list[_BatchNorm]:
    """The layers whose statistics follow the data in training."""
    return [layer for layer in batches_seen(model) if not is_held(layer)]


def _statistics(layer: _BatchNorm) -> dict[str, Tensor]:
    return deepcopy(dict(layer.named_buffers(recurse=False)))


def _counter(layer: _BatchNorm) -> Tensor:
    assert layer.num_batches_tracked is not None  # a layer with running statistics counts
    return layer.num_batches_tracked


@contextmanager
def _averaging(model: nn.Module, layers: Collection[_BatchNorm]) -> Iterator[None]:
    """Within it, these layers average the statistics of all batches, and the rest of the network evaluates."""
    momenta = {layer: layer.momentum for layer in layers}
    before = {layer: _statistics(layer) for layer in layers}
    counts = {layer: int(_counter(layer)) for layer in layers}
    done = False
    with evaluating(model):
        try:
            for layer in layers:
                layer.reset_running_stats()
                layer.momentum = None  # torch's word for the plain average over all batches
                layer.training = True
            yield
            done = True
        finally:
            for layer in layers:
                layer.momentum = momenta[layer]
                if not done or not _counter(layer):  # a layer that the forward doesn't call
                    layer.load_state_dict(before[layer], strict=False)
                _counter(layer).fill_(counts[layer])


def _inputs(learn: Learner, layers: Collection[_BatchNorm]) -> Iterator[tuple]:
    """The network's inputs for each training image once, in evaluation's transforms."""
    dl = learn.dls.train
    if isinstance(dl, FeatureDL) and dl.holds_for(layers):
        for batch in dl.batches(_order(dl.n), _even(dl.n, dl.bs)):
            yield batch[:1]
        return
    with _plain(dl) as loader:
        for batch in loader:
            count = getattr(learn.dls, "n_inp", max(len(batch) - 1, 1))  # as a learner counts
            yield tuple(batch[:count]) if isinstance(batch, tuple | list) else (batch,)


@contextmanager
def _plain(dl: Any) -> Iterator[Iterable]:
    """Give the images of a loader once each, mixed, and with the transforms of validation."""
    if not isinstance(dl, DataLoader) or dl.bs is None or not dl.n:
        yield dl  # a list of batches, or a loader of torch's: as it is
        return
    if dl.n == 1:
        raise CourseError(
            "Running statistics can't be estimated from one training image: add images.",
            code="training.too-few-images",
        )
    loader = dl.new(shuffle=False, drop_last=False, bs=_even(dl.n, dl.bs), get_idxs=lambda: _order(dl.n))
    data = loader.dataset
    with data.set_split_idx(1) if hasattr(data, "set_split_idx") else nullcontext():
        yield loader


def _order(size: int) -> list[int]:
    """A random order that is always the same."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(0)).tolist()


def _even(size: int, bs: int) -> int:
    """How many images a batch holds, so that the last one has nearly as many as the others."""
    return ceil(size / ceil(size / max(bs, LEAST_BATCH)))
