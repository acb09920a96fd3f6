"""torchvision's one-stage detector, FCOS, on the course's body: the library's way to what `GridDetector` does."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.fcos import FCOS, FCOSHead
from torchvision.ops import FrozenBatchNorm2d

from course_utils.backbones.detection.street_detector import KINDS, street_detector
from course_utils.errors import CourseError

BODY = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
WIDTHS, STRIDES = (64, 128, 256), (8, 16, 32)  # of the last three stages; the pyramid has one more level
PYRAMID = 64  # channels


def library_detector(
    weights: str | None = None, classes: Sequence[str] = KINDS, *, frozen_batchnorm: bool = False, size: int = 96
) -> FCOS:
    """Build torchvision's FCOS on the course's body.

    As torchvision's detectors do, it takes a list of images, and in training a list of dictionaries with `boxes` and
    `labels`; it gives losses in training, else a list of dictionaries with `boxes`, `scores` and `labels`. Images are
    normalised by ImageNet's statistics already.

    Parameters
    ----------
    weights : str or None
        What the body knows: "DEFAULT" for streets by day, "BODY" for photographs, None for nothing. Pyramid and head
        are random.
    classes : sequence of str
        What it is to find.
    frozen_batchnorm : bool
        Whether the body's BatchNorm layers keep their statistics and weights for ever, as torchvision's pre-trained
        detectors do, for the sake of small batches.
    size : int
        Pixels of an image's shorter side.

    Raises
    ------
    CourseError
        `backbones.frozen-at-random` for frozen BatchNorm in a random body, whose statistics nobody has measured: such
        a network hardly learns, and comparing with it is unfair. Those of `street_detector`.

    Notes
    -----
    Source: Tian et al. 2019, "FCOS: Fully Convolutional One-Stage Object Detection", in torchvision's version.
    """
    if frozen_batchnorm and weights is None:
        raise CourseError(
            "Frozen BatchNorm keeps statistics that a random body has never measured, so from scratch it hardly "
            "learns: give frozen_batchnorm=False, or weights='BODY'.",
            code="backbones.frozen-at-random",
        )
    whole = street_detector(weights, classes)
    body = nn.Sequential(OrderedDict((name, whole.get_submodule(name)) for name in BODY))
    if frozen_batchnorm:
        _freeze_batchnorm(body)
    levels = {f"layer{number + 2}": str(number) for number in range(3)}
    pyramid = BackboneWithFPN(body, levels, list(WIDTHS), PYRAMID)
    sizes = tuple((stride,) for stride in (*STRIDES, 64))
    return FCOS(
        pyramid,
        len(list(classes)),
        min_size=size,
        max_size=4 * size,
        image_mean=[0.0] * 3,
        image_std=[1.0] * 3,
        anchor_generator=AnchorGenerator(sizes=sizes, aspect_ratios=((1.0,),) * len(sizes)),
        head=FCOSHead(PYRAMID, 1, len(list(classes)), num_convs=1),
        score_thresh=0.05,
        nms_thresh=0.5,
    )


def _freeze_batchnorm(network: nn.Module) -> None:
    """Put torchvision's frozen layer, with the same weights and statistics, in the place of each BatchNorm layer."""
    for name, layer in network.named_children():
        if isinstance(layer, nn.BatchNorm2d):
            frozen = FrozenBatchNorm2d(layer.num_features, layer.eps)
            frozen.load_state_dict({key: value for key, value in layer.state_dict().items() if "num" not in key})
            setattr(network, name, frozen)
        else:
            _freeze_batchnorm(layer)
