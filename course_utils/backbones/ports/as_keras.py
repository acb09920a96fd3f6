"""The course's plain image networks as Keras models, weight for weight."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from course_utils.backbones.images.vgg16_quarter import VGG16Quarter
from course_utils.backbones.packages import extra_missing
from course_utils.backbones.ports.blocks import basic_resnet, is_resnet, linear, unknown
from course_utils.errors import CourseError

if TYPE_CHECKING:
    import keras

BACKEND = "torch"


def keras_on_torch() -> Any:
    """Import Keras 3 on its torch backend, as this course needs it.

    Keras reads its backend once, when it is first imported: from KERAS_BACKEND, or from its own settings file.

    Raises
    ------
    CourseError
        `backbones.extra-missing` without Keras; `backbones.keras-backend` where it runs on another backend.
    """
    os.environ.setdefault("KERAS_BACKEND", BACKEND)
    try:
        import keras
    except ImportError as problem:
        raise extra_missing("A Keras model", "keras", "frameworks") from problem
    if (backend := keras.backend.backend()) != BACKEND:
        raise CourseError(
            f"Keras runs on {backend} here, and this needs torch: restart the kernel, and set the environment "
            'variable KERAS_BACKEND to "torch" before anything imports Keras.',
            code="backbones.keras-backend",
        )
    return keras


def as_keras(network: nn.Module, size: int | None = None) -> "keras.Model":
    """Give a Keras model with the weights of one of the course's image networks.

    Parameters
    ----------
    network : nn.Module
        `resnet18_half`, torchvision's `resnet18` or `resnet34`, or `vgg16_quarter`. It is only read.
    size : int, optional
        Pixels of an image's side, where Keras is to know it; without, images of any size are taken.

    Returns
    -------
    keras.Model
        Takes images (batch, height, width, 3), normalised as before: Keras keeps the channels last. Gives scores
        (batch, classes), without a softmax. Its layers are named after the network's: "layer1.0.conv1" is
        `layer1_0_conv1`; those of a VGG have the names of `keras.applications.VGG16`, such as `block1_conv1`.

    Raises
    ------
    CourseError
        `backbones.port-unknown` for another network, and what `keras_on_torch` raises.
    """
    keras = keras_on_torch()
    images = keras.Input((size, size, 3))
    if is_resnet(network):
        scores = _resnet(keras, network, images)
    elif isinstance(network, VGG16Quarter):
        scores = _vgg(keras, network, images)
    else:
        raise unknown(network, "resnet18_half, torchvision's resnet18 or resnet34, or vgg16_quarter")
    return keras.Model(images, scores, name=type(network).__name__.lower())


def _resnet(keras: Any, network: nn.Module, images: Any) -> Any:
    parts, layers = basic_resnet(network), keras.layers
    x = layers.ReLU()(_normalised(keras, _convolved(keras, images, parts.stem[0], "conv1"), parts.stem[1], "bn1"))
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))  # after a ReLU, padding by zeros is torch's by -infinity
    for stage, blocks in enumerate(parts.stages, 1):
        for number, block in enumerate(blocks):
            x = _block(keras, x, block, f"layer{stage}_{number}")
    return _dense(keras, layers.GlobalAveragePooling2D()(x), parts.head, "fc")


def _block(keras: Any, x: Any, block: Any, name: str) -> Any:
    """Two convolutions, and what the input adds to them."""
    shortcut = x
    if block.downsample is not None:
        shortcut = _convolved(keras, x, block.downsample[0], f"{name}_downsample_0")
        shortcut = _normalised(keras, shortcut, block.downsample[1], f"{name}_downsample_1")
    x = _normalised(keras, _convolved(keras, x, block.conv1, f"{name}_conv1"), block.bn1, f"{name}_bn1")
    x = _convolved(keras, keras.layers.ReLU()(x), block.conv2, f"{name}_conv2")
    return keras.layers.ReLU()(keras.layers.Add()([_normalised(keras, x, block.bn2, f"{name}_bn2"), shortcut]))


def _vgg(keras: Any, network: VGG16Quarter, images: Any) -> Any:
    x, block, number = images, 1, 1
    for layer in network.features:
        if isinstance(layer, nn.Conv2d):
            x = _convolved(keras, x, layer, f"block{block}_conv{number}")
            number += 1
        elif isinstance(layer, nn.ReLU):
            x = keras.layers.ReLU()(x)
        else:
            x = keras.layers.MaxPooling2D(2, 2, name=f"block{block}_pool")(x)
            block, number = block + 1, 1
    return _dense(keras, keras.layers.GlobalAveragePooling2D()(x), linear(network, network.classifier), "predictions")


def _convolved(keras: Any, x: Any, layer: nn.Conv2d, name: str) -> Any:
    """Pad as torch does, the same on all sides ("same" would pad a stride of 2 more at the end), and convolve."""
    if layer.padding[0]:
        x = keras.layers.ZeroPadding2D(layer.padding)(x)
    port = keras.layers.Conv2D(
        layer.out_channels, layer.kernel_size, strides=layer.stride, use_bias=layer.bias is not None, name=name
    )
    y = port(x)
    _fill(port, [layer.weight.permute(2, 3, 1, 0), layer.bias])
    return y


def _normalised(keras: Any, x: Any, layer: nn.BatchNorm2d, name: str) -> Any:
    """Normalise. Keras's momentum is the share of the old statistics, torch's that of the new ones."""
    port = keras.layers.BatchNormalization(momentum=1 - float(layer.momentum or 0), epsilon=layer.eps, name=name)
    y = port(x)
    _fill(port, [layer.weight, layer.bias, layer.running_mean, layer.running_var])
    return y


def _dense(keras: Any, x: Any, layer: nn.Linear, name: str) -> Any:
    port = keras.layers.Dense(layer.out_features, use_bias=layer.bias is not None, name=name)
    y = port(x)
    _fill(port, [layer.weight.T, layer.bias])
    return y


@torch.no_grad()
def _fill(port: Any, values: Sequence[Tensor | None]) -> None:
    port.set_weights([value.cpu().numpy() for value in values if value is not None])
