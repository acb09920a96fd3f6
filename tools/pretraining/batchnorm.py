"""BatchNorm during training only: added after each convolution of a plain network, and folded into them at the end.

A plain network of 13 convolutions is slow to start: after 150 steps at a learning rate of 0.03, its loss was still that
of guessing. With BatchNorm and a learning rate of 0.2 the loss had fallen by then. In evaluation mode, BatchNorm
multiplies each channel by a constant and adds another one, so the convolution before it can do both: the folded network
gives the same scores, and what is shipped has no BatchNorm.
"""

import copy
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.optim.swa_utils import update_bn

from tools.pretraining.images import normalise


def add_batchnorm(network: nn.Module) -> nn.Module:
    """Insert BatchNorm after each convolution of `network.features`, in place of the convolution's bias."""
    layers: list[nn.Module] = []
    for layer in network.get_submodule("features").children():
        layers.append(layer)
        if isinstance(layer, nn.Conv2d):
            layer.bias = None  # BatchNorm adds one of its own
            layers.append(nn.BatchNorm2d(layer.out_channels))
    network.features = nn.Sequential(*layers)
    return network


def fold_batchnorm(network: nn.Module) -> nn.Module:
    """Copy a network from `add_batchnorm`; the copy's convolutions, with a bias again, do BatchNorm's work."""
    folded = copy.deepcopy(network).eval()
    layers: list[Any] = []
    for layer in folded.get_submodule("features").children():
        if isinstance(layer, nn.BatchNorm2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    folded.features = nn.Sequential(*layers)
    return folded


def settle_batchnorm(network: nn.Module, images: Tensor) -> None:
    """Recompute the BatchNorm statistics on plain images: those kept in training belong to augmented ones."""
    update_bn((normalise(x) for x in images.split(500)), network)
