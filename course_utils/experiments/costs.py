"""What a training step costs, what freezing saves, and what the frozen blocks already know."""

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from fastai.data.load import DataLoader
from fastai.learner import Learner
from torch import Tensor, nn

from course_utils.arguments import whole
from course_utils.display.steps import steps
from course_utils.errors import CourseError
from course_utils.surgery import Block, blocks, freeze_to, unfreeze
from course_utils.surgery.blocks import evaluating
from course_utils.surgery.freezing import BatchNorm
from course_utils.training import check_data
from course_utils.training.caching import randomness_kept
from course_utils.training.probing import one_blas_thread, plainly

MB = 2**20
MEMORY = ("activations_mb", "gradients_mb", "optimizer_mb")


def freezing_costs(
    learn: Learner, *, batchnorm: BatchNorm = "fixed", repeats: int = 5, images: int = 500
) -> pd.DataFrame:
    """Measure what each depth of freezing costs, on a copy: the learner stays as it is.

    Parameters
    ----------
    learn : Learner
        With a network of several blocks, and data with whole batches and validation images.
    batchnorm : {"fixed", "train"}
        What BatchNorm does in frozen blocks; with "train" its weights need gradients back to the input.
    repeats : int
        Training steps that are timed at each depth.
    images : int
        The probe learns from at most so many training images, without augmentation, and is tested on as many.

    Returns
    -------
    pandas.DataFrame
        A row for each depth that the network can be frozen to.

        - depth: the first block that trains, as `surgery.freeze_to` takes it; at the first block nothing is frozen.
        - frozen: the blocks before it, such as "stem to stage 2", or "nothing".
        - trainable: how many weights train.
        - activations_mb, gradients_mb, optimizer_mb: memory in MiB that one training step holds beside the weights:
          what the forward pass keeps for the backward pass, one number for each gradient, and the optimizer's own;
          counted tensor by tensor, so the same at every run. What a library needs for a moment comes on top.
          memory_mb is their sum.
        - seconds: of a step on one batch (forward, loss, backward, update), the median of `repeats`, without loading.
        - accuracy: of a linear probe on the output of the frozen blocks; NaN where no block is frozen, and where images
          don't have one class each (several labels, numbers, masks).
        - images: validation images that the probe was tested on.

    Raises
    ------
    CourseError
        For a learner that trains on stored features (`experiments.stored-features`), data that nothing can be measured
        on, and numbers below 1 (`experiments.too-few`).

    Notes
    -----
    The probe (Alain and Bengio 2016) reads each block's output, averaged over each map, computed once for each image
    and scaled, with a logistic regression. It doesn't forecast what training the rest of the network would reach.
    """
    if "forward" in vars(learn.model):
        raise CourseError(
            "This learner trains on stored features: measure it before or after `with cached_body(...)`.",
            code="experiments.stored-features",
        )
    parts = blocks(learn)
    if whole(repeats) is None or whole(images) is None:
        raise CourseError(
            f"repeats is {repeats} and images is {images}: give whole numbers of at least 1.",
            code="experiments.too-few",
        )
    check_data(learn)
    rows = []
    with randomness_kept():
        model = copy.deepcopy(learn.model).to(learn.dls.device or "cpu")
        model.zero_grad()
        try:
            accuracies, tested = _probes(model, learn, images)
        except _NoClasses:
            accuracies, tested = [float("nan")] * len(parts), 0
        with plainly(learn.dls.train) as loader:
            batch = loader.one_batch()
        for depth, block in enumerate(steps(parts, len(parts), "depths")):
            if depth:
                freeze_to(model, depth, batchnorm=batchnorm)
            else:
                unfreeze(model)
            frozen = [before.name for before in parts[:depth]]
            trainable = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
            make_optimizer = partial(learn.opt_func, lr=1e-4)
            memory, seconds = _step(model.train(), batch, learn.loss_func, make_optimizer, repeats)
            said = " to ".join(dict.fromkeys([frozen[0], frozen[-1]])) if frozen else "nothing"
            rows.append((block.name, said, trainable, *memory, sum(memory), seconds, accuracies[depth], tested))
    columns = ["depth", "frozen", "trainable", *MEMORY, "memory_mb", "seconds", "accuracy", "images"]
    return pd.DataFrame(rows, columns=columns)


def step_costs(
    model: nn.Module,
    inputs: Tensor | Mapping[str, Tensor],
    classes: Tensor,
    *,
    parts: int = 1,
    dtype: torch.dtype = torch.float32,
    repeats: int = 3,
    by_part: bool = False,
) -> dict[str, float]:
    """Measure what one training step with Adam costs, on a copy: the model stays as it is.

    Parameters
    ----------
    model : nn.Module
        What trains are its weights that aren't frozen.
    inputs, classes : Tensor
        The batch; inputs may be a dictionary, as texts come in.
    parts : int
        Into how many smaller batches to divide it; their gradients are added up before the one update.
    dtype : torch.dtype
        What the forward pass computes in, as `torch.autocast` takes it, such as `torch.bfloat16`.
    repeats : int
        Steps that are timed, after a first one that isn't.
    by_part : bool
        Whether the parts of the memory are given too.

    Returns
    -------
    dict
        seconds, the median of `repeats`, and memory_mb, in MiB: what the forward pass keeps for the backward pass, the
        gradients, and the optimizer's own, counted tensor by tensor as in `freezing_costs`. With `by_part` these three
        stand before it, as activations_mb, gradients_mb and optimizer_mb.

    Raises
    ------
    CourseError
        For numbers below 1, and more parts than examples (`experiments.too-few`).
    """
    if whole(repeats) is None or whole(parts, most=len(classes)) is None:
        raise CourseError(
            f"repeats is {repeats} and parts is {parts} for {len(classes)} examples: give whole numbers of at least 1, "
            "and no more parts than examples.",
            code="experiments.too-few",
        )
    with randomness_kept():
        own, make_optimizer = copy.deepcopy(model).train(), partial(torch.optim.Adam, lr=1e-4)
        own.zero_grad()
        memory, seconds = _step(own, (inputs, classes), F.cross_entropy, make_optimizer, repeats, parts, dtype)
    own_parts = dict(zip(MEMORY, memory, strict=True)) if by_part else {}
    return {"seconds": seconds} | own_parts | {"memory_mb": sum(memory)}


def _step(
    model: nn.Module,
    batch: tuple,
    loss_func: Callable[[Tensor, Tensor], Tensor],
    make_optimizer: Callable[[list[nn.Parameter]], Any],
    repeats: int,
    parts: int = 1,
    dtype: torch.dtype = torch.float32,
) -> tuple[list[float], float]:
    """Memory in MiB (activations, gradients, optimizer) of a training step, and its seconds."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = make_optimizer(weights)
    y = batch[1].as_subclass(Tensor)
    pairs = list(zip(_chunks(batch[0], parts), y.chunk(parts), strict=True))

    def loss_of(some: Any, classes: Tensor) -> Tensor:
        with torch.autocast(y.device.type, dtype, enabled=dtype != torch.float32):
            return loss_func(model(some), classes) * (len(classes) / len(y))

    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    # The first step counts, and warms up: the memory for gradients and the optimizer's state is taken in it.
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = loss_of(*pairs[0])
    loss.backward()
    gradients = _bytes(weight.grad for weight in weights)
    optimizer.step()
    state = _bytes(_tensors(optimizer.state_dict()["state"]))
    optimizer.zero_grad()
    seconds = []
    for _ in range(repeats):
        _wait_for(y.device)
        start = time.perf_counter()
        for pair in pairs:
            loss_of(*pair).backward()
        optimizer.step()
        optimizer.zero_grad()
        _wait_for(y.device)
        seconds.append(time.perf_counter() - start)
    model.zero_grad()  # frozen weights hold no gradient in the next measurement
    return [size / MB for size in (sum(kept.values()), gradients, state)], median(seconds)


def _chunks(inputs: Tensor | Mapping[str, Tensor], parts: int) -> list[Any]:
    """Divide a batch's inputs, a tensor or a dictionary of them."""
    if isinstance(inputs, Tensor):
        return list(inputs.as_subclass(Tensor).chunk(parts))
    chunks = zip(*(tensor.chunk(parts) for tensor in inputs.values()), strict=True)
    return [dict(zip(inputs, some, strict=True)) for some in chunks]


def _bytes(tensors: Iterable[Tensor | None]) -> int:
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)


def _tensors(state: Any) -> Iterator[Tensor]:
    """The tensors in an optimizer's state, which is nested in one way by fastai and in another by torch."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, dict):
        yield from (tensor for value in state.values() for tensor in _tensors(value))
    elif isinstance(state, list | tuple):
        yield from (tensor for value in state for tensor in _tensors(value))


def _wait_for(device: torch.device) -> None:
    """Computations on an accelerator run behind the program's back."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


class _NoClasses(Exception):
    """The images don't have one class each, which a probe needs."""


def _probes(model: nn.Module, learn: Learner, images: int) -> tuple[list[float], int]:
    """Accuracy of a linear probe before each block (NaN before the first), and the number of images tested."""
    from sklearn.linear_model import LogisticRegression  # here, since importing it takes longer than measuring
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not len(learn.dls.valid.dataset):
        raise CourseError(
            "There are no validation images to test the probe on: load the data with some.",
            code="experiments.no-validation-images",
        )
    body = blocks(model)[:-1]
    known, labels = _features(model, body, learn.dls.train, images)
    asked, truth = _features(model, body, learn.dls.valid, images)
    accuracies = [float("nan")]
    for x, x_asked in zip(known, asked, strict=True):
        with one_blas_thread():
            reader = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x, labels)
        accuracies.append(float(reader.score(x_asked, truth)))
    return accuracies, len(truth)


@torch.no_grad()
def _features(model: nn.Module, body: list[Block], dl: DataLoader, most: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Averaged outputs (images, channels) of each block of the body, and the classes."""
    found: list[list[Tensor]] = [[] for _ in body]

    def keep_in(outputs: list[Tensor]) -> Callable[[nn.Module, tuple, Tensor], None]:
        def keep(module: nn.Module, inputs: tuple, output: Tensor) -> None:
            outputs.append(output.flatten(2).mean(2).cpu() if output.ndim > 2 else output.cpu())

        return keep

    last_layers = [list(block.layers.values())[-1] for block in body]
    hooks = [layer.register_forward_hook(keep_in(kept)) for layer, kept in zip(last_layers, found, strict=True)]
    classes = []
    try:
        with evaluating(model), plainly(dl, most) as loader:
            for x, y in loader:
                if y.ndim != 1 or y.is_floating_point():
                    raise _NoClasses
                model(x.as_subclass(Tensor))
                classes.append(y.as_subclass(Tensor).cpu())
    finally:
        for hook in hooks:
            hook.remove()
    return [torch.cat(outputs).float().numpy() for outputs in found], torch.cat(classes).numpy()
