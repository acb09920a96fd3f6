"""What may be cached: which blocks can't change, and whether the same inputs come again."""

from collections.abc import Sequence
from typing import Any

import torch
from fastai.callback.core import Callback
from fastai.callback.hook import HookCallback
from fastai.callback.mixup import MixHandler
from fastai.data.load import DataLoader
from fastai.vision.augment import RandTransform
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery import Block
from course_utils.surgery.blocks import BATCHNORM, drops, moves
from course_utils.training.cut_forward import CutForward, Input, first_of, same_input, size_of


def count_frozen(model: nn.Module, parts: Sequence[Block]) -> int:
    """How many blocks from the input on can't change in training.

    Raises
    ------
    CourseError
        When BatchNorm still moves in a frozen block ("training.frozen-batchnorm-moves"), when there is nothing to
        train ("training.nothing-to-train") or nothing to cache ("training.nothing-frozen"), and when weights outside
        of the blocks train ("training.uncacheable-forward").
    """
    count = 0
    for block in parts:
        norms = [module for module in block.modules() if isinstance(module, BATCHNORM)]
        affine = {id(weight) for norm in norms for weight in norm.parameters()}
        if any(weight.requires_grad and id(weight) not in affine for weight in block.parameters()):
            break
        if any(map(moves, norms)):
            raise CourseError(
                f"The weights of {block.name!r} are frozen but its BatchNorm layers still follow the data, so its "
                "outputs change: freeze them too with surgery.freeze(learn, batchnorm='fixed') or freeze_to.",
                code="training.frozen-batchnorm-moves",
            )
        count += 1
    if count == len(parts):
        raise CourseError(
            "Everything is frozen, so there is nothing to train: freeze to an earlier depth.",
            code="training.nothing-to-train",
        )
    if not count:
        raise CourseError(
            f"Nothing before {parts[0].name!r} is frozen: call surgery.freeze(learn, batchnorm='fixed').",
            code="training.nothing-frozen",
        )
    later = {id(weight) for block in parts[count:] for weight in block.parameters()}
    if any(weight.requires_grad and id(weight) not in later for weight in model.parameters()):
        raise CourseError(
            "Weights that belong to no block train, so caching could cut them off: freeze them, or train uncached.",
            code="training.uncacheable-forward",
        )
    return count


def check_loader(dl: Any) -> None:
    """Refuse a loader that doesn't know its examples: CourseError "training.uncacheable-loader"."""
    if not isinstance(dl, DataLoader) or dl.bs is None or not dl.n:
        raise CourseError(
            "Only fastai DataLoaders of a known length can be cached: build them from a data set.",
            code="training.uncacheable-loader",
        )


def check_batch(batch: tuple, inputs: int) -> None:
    """Refuse batches of another form: CourseError "training.uncacheable-batch"."""
    given = batch[0]
    tensors = list(given.values()) if isinstance(given, dict) else [given]
    if len(batch) < 2 or inputs != 1 or not tensors or not all(isinstance(part, Tensor) for part in tensors):
        raise CourseError(
            "Caching needs batches of one input, a tensor or a dictionary of tensors, and its targets.",
            code="training.uncacheable-batch",
        )


def check_augmentation(dl: DataLoader) -> None:
    """Refuse transforms that are known to be random: CourseError "training.random-augmentation"."""
    names = random_transforms(dl)
    if names:
        raise CourseError(
            f"The training images are augmented at random ({', '.join(names)}), so their features change with every "
            "epoch: load the data with augment=False, or store some versions of each image with copies=4.",
            code="training.random-augmentation",
        )


def random_transforms(dl: DataLoader) -> list[str]:
    """Names of the random transforms of training images, from fastai's pipelines and those inside a transform."""
    found: list[str] = []
    waiting = [getattr(dl, name, None) for name in ("after_item", "before_batch", "after_batch")]
    waiting += [getattr(each, "tfms", None) for each in getattr(dl.dataset, "tls", ())]
    while waiting:
        each = waiting.pop()
        inner = getattr(each, "fs", None) or getattr(getattr(each, "transforms", None), "fs", None)
        if inner:
            waiting += list(inner)
        elif isinstance(each, RandTransform) and type(each).__name__ != "Resize":  # random for some shapes only
            found.append(type(each).__name__)
    return sorted(set(found))


def check_callbacks(callbacks: Sequence[Callback]) -> None:
    """Refuse callbacks that mix images, such as MixUp: mixed features aren't the features of mixed images.

    Raises CourseError "training.inputs-changed".
    """
    for callback in callbacks:
        if isinstance(callback, MixHandler):
            raise inputs_changed([type(callback).__name__])


def inputs_changed(names: Sequence[str]) -> CourseError:
    """Build the refusal of callbacks that change what the network gets."""
    told = " or ".join(names) or "A callback"
    return CourseError(
        f"{told} changes the inputs of a batch, and these are stored features here, not images: train uncached with "
        "it, or leave it out.",
        code="training.inputs-changed",
    )


def may_change_inputs(callbacks: Sequence[Callback]) -> list[str]:
    """Name the callbacks that work on each batch before the network gets it, and aren't known to leave it alone."""
    return [type(each).__name__ for each in callbacks if isinstance(each, MixHandler) or _is_of_ones_own(each)]


def _is_of_ones_own(callback: Callback) -> bool:
    """Whether what a callback does before a batch was written neither by fastai nor by the course."""
    step = vars(callback).get("before_batch") or getattr(type(callback), "before_batch", None)
    return step is not None and not str(step.__module__).startswith(("fastai.", "course_utils."))


def check_hooks(frozen: Sequence[Block], cut: CutForward, callbacks: Sequence[Callback]) -> None:
    """Refuse hooks on frozen layers, which don't run while features are stored: "training.hooked-block".

    The last of them gives the stored features, so a hook on it reads what it should.
    """
    layers = {module: block.name for block in frozen for module in block.modules() if module is not cut.calls[-1][0]}
    watched = [module for each in callbacks if isinstance(each, HookCallback) for module in each.modules or layers]
    watched += [module for module in layers if module._forward_hooks]
    for module in watched:
        if module in layers:
            raise CourseError(
                f"A hook reads the outputs of {layers[module]!r}, and frozen layers don't run while their outputs are "
                "stored: train uncached with it, or hook later layers only.",
                code="training.hooked-block",
            )


def check_same_inputs(one: Input, again: Input) -> None:
    """Refuse inputs that differ from reading to reading: CourseError "training.random-inputs"."""
    if not same_input(one, again):
        raise CourseError(
            "The training images differ each time they are read, so their features do too: take the random part "
            "out of their transforms (a Resize that crops is one), or store some versions with copies=4.",
            code="training.random-inputs",
        )


@torch.no_grad()
def check_forward(cut: CutForward, given: Input) -> None:
    """Refuse a network that does more behind the cut than go on from the features.

    The network is in evaluation mode. Raises CourseError "training.uncacheable-forward".
    """
    some = first_of(given, max(1, size_of(given) - 1))  # one fewer than was looked at, in case a size is fixed
    whole = cut.forward(some)
    rest = cut.rest(cut.stored(cut.features(some), cut.kept(some)), fill=float("nan"))
    if not isinstance(whole, Tensor) or not _close(rest, whole):
        raise CourseError(
            f"The forward of this {type(cut.model).__name__} does more than call its blocks in order, so it can't be "
            "cut for caching: put body and head into nn.Sequential(body, head).",
            code="training.uncacheable-forward",
        )


def check_still(cut: CutForward, frozen: Sequence[Block], given: Input) -> None:
    """Refuse frozen blocks whose outputs are random in training: CourseError "training.frozen-block-random".

    Changes the network's mode, so call it within `surgery.blocks.evaluating`.
    """
    cut.model.eval()
    still = cut.features(given)
    cut.model.train()
    training = cut.features(given)
    cut.model.eval()
    if _close(training, still):
        return
    dropping = [block.name for block in frozen if any(map(drops, block.modules()))] or [frozen[0].name]
    raise CourseError(
        f"{dropping[0]!r} is frozen but has active dropout, so its outputs change with every batch: "
        "hold it with surgery.hold_in_eval(layer).",
        code="training.frozen-block-random",
    )


def _close(one: Tensor, other: Tensor) -> bool:
    """Whether outputs are equal but for the order of additions."""
    return torch.allclose(one, other, rtol=1e-3, atol=1e-4)
