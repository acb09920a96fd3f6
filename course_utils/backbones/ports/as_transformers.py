"""A ResNet of torchvision's kind as Hugging Face's ResNet, weight for weight."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from torch import nn

from course_utils.backbones.packages import extra_missing
from course_utils.backbones.ports.blocks import basic_resnet, check_classes

if TYPE_CHECKING:
    from transformers import ResNetForImageClassification

Replacement = str | Callable[[re.Match[str]], str]

# What each part of torchvision's names is called in transformers, in the order in which it is replaced.
NAMES: tuple[tuple[str, Replacement], ...] = (
    (r"^conv1\.", "resnet.embedder.embedder.convolution."),
    (r"^bn1\.", "resnet.embedder.embedder.normalization."),
    (r"^layer(\d)\.(\d+)\.", lambda found: f"resnet.encoder.stages.{int(found[1]) - 1}.layers.{found[2]}."),
    (r"\bconv(\d)\.", lambda found: f"layer.{int(found[1]) - 1}.convolution."),
    (r"\bbn(\d)\.", lambda found: f"layer.{int(found[1]) - 1}.normalization."),
    (r"\bdownsample\.0\.", "shortcut.convolution."),
    (r"\bdownsample\.1\.", "shortcut.normalization."),
    (r"^fc\.", "classifier.1."),
)


def as_transformers(network: nn.Module, classes: Sequence[str] | None = None) -> "ResNetForImageClassification":
    """Give Hugging Face's ResNet with the weights of a ResNet of torchvision's kind.

    Parameters
    ----------
    network : nn.Module
        `resnet18_half`, or torchvision's `resnet18` or `resnet34`: stages of basic blocks. It is only read.
    classes : sequence of str, optional
        Names of the classes, in the order of the network's scores, for `config.id2label`; without them, "LABEL_0"
        and so on.

    Returns
    -------
    ResNetForImageClassification
        In evaluation mode. Takes `pixel_values` (batch, 3, height, width), normalised as before, and optional `labels`
        (batch,); its `logits` (batch, classes) are the network's scores.

    Raises
    ------
    CourseError
        `backbones.port-unknown` for another network, `backbones.port-classes` for names that don't fit the scores,
        `backbones.extra-missing` without transformers.
    """
    parts = basic_resnet(network)
    check_classes(classes, parts.head.out_features)
    try:
        from transformers import ResNetConfig, ResNetForImageClassification
    except ImportError as problem:
        raise extra_missing("Hugging Face's ResNet", "transformers", "frameworks") from problem
    names = None if classes is None else dict(enumerate(classes))
    config = ResNetConfig(
        embedding_size=parts.widths[0],
        hidden_sizes=list(parts.widths),
        depths=[len(stage) for stage in parts.stages],
        layer_type="basic",
        num_labels=parts.head.out_features,  # type: ignore[call-arg]
    )
    if names:
        config.id2label, config.label2id = names, {name: number for number, name in names.items()}
    port = ResNetForImageClassification(config)
    port.load_state_dict({transformers_name(name): value for name, value in network.state_dict().items()})
    return port.eval()


def transformers_name(name: str) -> str:
    """Translate torchvision's name of a weight into the name it has in transformers."""
    for pattern, replacement in NAMES:
        name = re.sub(pattern, replacement, name)
    return name
