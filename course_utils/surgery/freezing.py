"""Freeze and unfreeze by block, with BatchNorm as a choice of its own."""

from typing import Literal

from fastai.learner import Learner
from torch import nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import BATCHNORM, Block, Network, block_index, blocks, model_of

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
        if network.opt is None:
            network.create_opt()
        network.opt.clear_state()
    for block in parts[frozen:]:
        _set_trainable(block, True)
        _hold(block, False)
    for block in parts[:frozen]:
        _set_trainable(block, False)
        set_batchnorm(block, batchnorm)


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
        network.opt.clear_state()
    for block in blocks(network):
        _set_trainable(block, True)
        _hold(block, False)


def unfreeze_block(network: Network, depth: int | str) -> None:
    """Let one block train, BatchNorm and dropout included; the others stay as they are."""
    block = blocks(network)[block_index(network, depth)]
    _set_trainable(block, True)
    _hold(block, False)


def set_batchnorm(block: Block | nn.Module, how: BatchNorm) -> None:
    """Let the BatchNorm layers of a block train, or fix their weights and their running statistics."""
    _check(how)
    for layer in block.modules():
        if isinstance(layer, BATCHNORM):
            for weight in layer.parameters():
                weight.requires_grad_(how == "train")
            hold_in_eval(layer, how == "fixed")


def hold_in_eval(layer: nn.Module, hold: bool = True) -> None:
    """Keep a layer in evaluation mode, whatever `train()` says, or let it go again.

    `layer.eval()` alone lasts until the next epoch, when the learner calls `model.train()`.
    """
    if hold and not hasattr(layer, "held_in_eval"):
        layer.register_forward_pre_hook(_stay_in_eval)
    if hold or hasattr(layer, "held_in_eval"):
        setattr(layer, "held_in_eval", hold)  # noqa: B010 - nn.Module declares only tensors and modules
        layer.train(layer.training and not hold)


def _stay_in_eval(layer: nn.Module, _: tuple) -> None:
    if layer.held_in_eval:
        layer.eval()


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
