"""Other input channels for a network that keeps what it learned."""

import copy
from typing import Any

import torch
from fastai.learner import Learner
from torch import nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import Network, model_of


def change_input_channels(network: Network, channels: int) -> None:
    """Replace the first convolution by one for another number of input channels that keeps what it learned.

    The new channels take the old ones' weights in turn, and share out the rest, so that a greyscale image gives the
    same output as before: a single channel gets their sum. (fastai's `n_in` starts further channels at zero.)

    Parameters
    ----------
    network : nn.Module or Learner
        Changed in place; a learner gets a fresh optimiser.
    channels : int
        How many, at least 1.

    Raises
    ------
    CourseError
        Where there is no convolution (`surgery.no-convolution`), as in networks of text, or one that works in groups
        (`surgery.grouped-convolution`), and for fewer channels than one (`surgery.bad-channels`).
    """
    if channels < 1:
        raise CourseError(f"channels is {channels}: give a whole number of at least 1.", code="surgery.bad-channels")
    parent, name, old = _first_convolution(model_of(network))
    if old.groups != 1:
        raise CourseError(
            "The first convolution works in groups, so its channels can't be changed one by one.",
            code="surgery.grouped-convolution",
        )
    new = copy.deepcopy(old)  # of its own class: timm has convolutions that pad in another way
    turn = torch.arange(channels) % old.in_channels
    with torch.no_grad():
        weight = old.weight[:, turn]
        rest = old.weight.sum(1, keepdim=True) - weight.sum(1, keepdim=True)
        new.weight = nn.Parameter(weight + rest / channels, requires_grad=old.weight.requires_grad)
    new.in_channels = channels
    setattr(parent, name, new)
    modules: list[Any] = list(model_of(network).modules())
    for module in modules:  # Hugging Face's networks check what they get
        if getattr(module, "num_channels", None) == old.in_channels:
            module.num_channels = channels
        if getattr(getattr(module, "config", None), "num_channels", None) == old.in_channels:
            module.config.num_channels = channels
    if isinstance(network, Learner):
        network.create_opt()


def _first_convolution(model: nn.Module) -> tuple[nn.Module, str, nn.Conv2d]:
    """The first convolution, with the module that holds it and its name there."""
    for parent in model.modules():
        for name, layer in parent.named_children():
            if isinstance(layer, nn.Conv2d):
                return parent, name, layer
    raise CourseError(
        "This network has no convolution, so it has no input channels to change.", code="surgery.no-convolution"
    )
