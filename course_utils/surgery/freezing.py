"""Freeze and unfreeze by block, with BatchNorm as a choice of its own."""

from typing import Literal

from fastai.learner import Learner
from fastai.torch_core import params, trainable_params
from torch import nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import BATCHNORM, Block, Network, block_index, blocks, is_held, model_of

BatchNorm = Literal["train", "fixed"]


def freeze_to(network: Network, depth: int | str, *, batchnorm: BatchNorm) -> None:
    """Freeze every block before `depth`; that block and later ones train.

    Parameters
    ----------
    network : nn.Module or Learner
        Any network that `blocks` can read.
    depth : int or str
        The first block that trains: its name, or how many blocks lie before it (-1 is the head).
    batchnorm : {"train", "fixed"}
        What the BatchNorm layers of the frozen blocks do. "train": their weights and running statistics go on following
        the new data, as after fastai's `learn.freeze()`; "fixed": nothing in them moves.

    Raises
    ------
    CourseError
        For an unknown depth (`surgery.unknown-depth`), where nothing would be frozen (`surgery.nothing-to-freeze`), and
        for another word than these two (`surgery.unknown-batchnorm`).

    Notes
    -----
    Gradients of frozen weights are dropped: an old gradient, even of zeros, lets weight decay and momentum go on.

    The last call counts: where fastai's `learn.unfreeze`, `learn.freeze` or `learn.fine_tune` lets the weights of fixed
    BatchNorm layers train again, their statistics follow the data again too, and that is said once.
    """
    _check(batchnorm)
    frozen = block_index(network, depth)
    if not frozen:
        raise CourseError(
            f"Freezing before {depth!r} freezes nothing: name a later block, or call unfreeze.",
            code="surgery.nothing-to-freeze",
        )
    parts = blocks(network)
    if isinstance(network, Learner):
        _see_to_optimiser(network)
    for block in parts[frozen:]:
        _set_trainable(block, True)
        _hold(block, False)
    call = _Call()
    for block in parts[:frozen]:
        _set_trainable(block, False)
        _set_batchnorm(block, batchnorm, call)


def freeze(network: Network, *, batchnorm: BatchNorm) -> None:
    """Freeze all blocks but the head; CourseError `surgery.no-head` for an encoder without one."""
    if blocks(network)[-1].name != "head":
        raise CourseError(
            f"This {type(model_of(network)).__name__} has no head that could train alone: name a depth in freeze_to, "
            "or put it and a head into a module of your own.",
            code="surgery.no-head",
        )
    freeze_to(network, -1, batchnorm=batchnorm)


def unfreeze(network: Network) -> None:
    """Let every block train, its BatchNorm and dropout layers included."""
    if isinstance(network, Learner) and network.opt is not None:
        _see_to_optimiser(network)
    model = model_of(network)
    for weight in model.parameters():
        weight.requires_grad_(True)
    for layer in model.modules():
        hold_in_eval(layer, False)


def unfreeze_block(network: Network, depth: int | str) -> None:
    """Let one block train, BatchNorm and dropout included; the others stay as they are."""
    block = blocks(network)[block_index(network, depth)]
    if isinstance(network, Learner) and network.opt is not None:
        _see_to_optimiser(network, forget=False)
    _set_trainable(block, True)
    _hold(block, False)


def set_batchnorm(block: Block | nn.Module, how: BatchNorm) -> None:
    """Let the BatchNorm layers of a block train, or fix their weights and their running statistics."""
    _check(how)
    _set_batchnorm(block, how, _Call())


def release_batchnorm(network: Network) -> None:
    """Let the statistics of fixed BatchNorm layers follow the data again, and say so if there are any."""
    for layer in model_of(network).modules():
        if getattr(layer, "fixed_by", None):
            _release(layer)


def hold_in_eval(layer: nn.Module, hold: bool = True) -> None:
    """Keep a layer in evaluation mode, whatever `train()` says, or let it go again.

    `layer.eval()` alone lasts until the next epoch, when the learner calls `model.train()`.
    """
    if hold and not hasattr(layer, "held_in_eval"):
        layer.register_forward_pre_hook(_stay_in_eval)
    if hold or hasattr(layer, "held_in_eval"):
        setattr(layer, "held_in_eval", hold)  # noqa: B010 - nn.Module declares only tensors and modules
        setattr(layer, "fixed_by", None)  # noqa: B010
        layer.train(layer.training and not hold)


def _see_to_optimiser(learn: Learner, forget: bool = True) -> None:
    """Have all weights in the optimiser, where those that don't train are left alone, and forget its momentum.

    A learner's own splitter takes what trains when the optimiser is made. Weights that are frozen then, as when a
    frozen network gets a new head, would never train again, and `learn.export` would fail.
    """
    if learn.splitter is trainable_params:
        learn.splitter = params
    known = {id(weight) for group in learn.opt.param_lists for weight in group} if learn.opt is not None else set()
    if any(id(weight) not in known for weight in learn.model.parameters()):
        learn.create_opt()
    if forget:
        learn.opt.clear_state()


class _Call:
    """A call that fixed BatchNorm layers: they share whether it was said that another one let them train again."""

    told = False


def _set_batchnorm(block: Block | nn.Module, how: BatchNorm, call: _Call) -> None:
    for layer in block.modules():
        if isinstance(layer, BATCHNORM):
            for weight in layer.parameters():
                weight.requires_grad_(how == "train")
            hold_in_eval(layer, how == "fixed")
            if how == "fixed":
                setattr(layer, "fixed_by", call)  # noqa: B010


def _stay_in_eval(layer: nn.Module, _: tuple) -> None:
    if is_held(layer):
        layer.eval()
    elif layer.held_in_eval:
        _release(layer)


def _release(layer: nn.Module) -> None:
    call = getattr(layer, "fixed_by", None)
    hold_in_eval(layer, False)
    if call and not call.told:
        call.told = True
        print(
            "BatchNorm layers that were fixed follow the data again, since another call, such as learn.unfreeze() or "
            "learn.fine_tune(), let their weights train. To keep them fixed, freeze with batchnorm='fixed' after it."
        )


def _check(batchnorm: str) -> None:
    if batchnorm not in ("train", "fixed"):
        raise CourseError(f"batchnorm is {batchnorm!r}: give 'train' or 'fixed'.", code="surgery.unknown-batchnorm")


def _set_trainable(block: Block, trainable: bool) -> None:
    for weight in block.parameters():
        weight.requires_grad_(trainable)
        if not trainable:
            weight.grad = None


def _hold(block: Block, hold: bool) -> None:
    for layer in block.modules():
        hold_in_eval(layer, hold)
