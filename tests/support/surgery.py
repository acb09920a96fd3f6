"""Learners on noise, whose networks tests take apart, and the blocks that these have."""

from collections.abc import Callable
from typing import Any

import torch
from fastai.data.core import DataLoaders
from fastai.vision.all import CrossEntropyLossFlat, Learner, vision_learner
from torch import nn

from course_utils import surgery
from course_utils.backbones import resnet18_half

RESNET = ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"]
VGG = ["stage 1", "stage 2", "stage 3", "stage 4", "stage 5", "head"]


def loaders(size: int = 32, n: int = 12) -> DataLoaders:
    """Images of noise, of two classes, in batches of four."""
    torch.manual_seed(0)
    batches = [(torch.randn(4, 3, size, size), torch.arange(4) % 2) for _ in range(n // 4)]
    dls = DataLoaders(batches, batches)
    dls.c = 2
    return dls


def learner(arch: Callable[..., nn.Module] = resnet18_half, **arguments: Any) -> Learner:
    """An untrained learner of two classes."""
    options = {"n_out": 2, "pretrained": False, "normalize": False, "loss_func": CrossEntropyLossFlat()}
    return vision_learner(loaders(), arch, **(options | arguments))


def train(learn: Learner, epochs: int = 1) -> None:
    """Train silently."""
    with learn.no_bar(), learn.no_logging():
        learn.fit(epochs, 1e-2)


def names(network: nn.Module | Learner) -> list[str]:
    """The names of a network's blocks."""
    return [block.name for block in surgery.blocks(network)]
