"""Pre-trained networks: the bundled ones, which need no download, and the profile's choice of one."""

from collections.abc import Callable

from fastai.torch_core import params
from fastai.vision.core import imagenet_stats
from fastai.vision.learner import model_meta
from torch import nn
from torchvision.models import ResNet34_Weights, resnet18, resnet34, vgg16_bn

from course_utils import environment
from course_utils.backbones.registry import BACKBONES, Backbone, find_backbone, register
from course_utils.backbones.resnet18_half import CLASSES, ResNet18Half
from course_utils.backbones.vgg16_quarter import BLOCK4, VGG16Quarter
from course_utils.backbones.weights import load_weights, training_record, verify_weights

__all__ = [
    "BACKBONES",
    "Backbone",
    "default",
    "find_backbone",
    "register",
    "resnet18_half",
    "training_record",
    "verify_weights",
    "vgg16_quarter",
]


def resnet18_half(weights: str | None = None, num_classes: int = CLASSES) -> nn.Module:
    """A ResNet-18 of half width, 2.85 million parameters: an architecture for `vision_learner`, like torchvision's.

    `weights="DEFAULT"` brings those that the course pre-trained on Tiny ImageNet (see MODEL_CARD.md), None random ones.
    Takes (batch, 3, height, width) normalised by ImageNet's statistics, gives (batch, num_classes) scores.
    Raises CourseError when the bundled file is missing or damaged.
    """
    return _build(ResNet18Half, "resnet18_half", weights, num_classes)


def vgg16_quarter(weights: str | None = None, num_classes: int = CLASSES) -> nn.Module:
    """A VGG-16 of quarter width without BatchNorm, 0.95 million parameters: an architecture for `vision_learner`.

    `weights="DEFAULT"` brings those that the course pre-trained on Tiny ImageNet (see MODEL_CARD_vgg16_quarter.md),
    None random ones. Takes (batch, 3, height, width) normalised by ImageNet's statistics, gives (batch, num_classes)
    scores. Raises CourseError when the bundled file is missing or damaged.
    """
    return _build(VGG16Quarter, "vgg16_quarter", weights, num_classes)


def _build(network: type[nn.Module], name: str, weights: str | None, num_classes: int) -> nn.Module:
    if weights not in ("DEFAULT", None):
        raise ValueError(f"weights is {weights!r}: give 'DEFAULT' for the bundled ones or None for random ones.")
    if weights and num_classes != CLASSES:
        raise ValueError(f"The bundled weights have {CLASSES} classes, not {num_classes}: give weights=None.")
    built = network(num_classes)
    if weights:
        built.load_state_dict(load_weights(name))
    return built


def _split_vgg(learner_model: nn.Module) -> list[list[nn.Parameter]]:
    """Layer groups: blocks 1 to 3, blocks 4 and 5, head. fastai's own split counts layers with BatchNorm."""
    (features, *_), head = learner_model
    return [params(part) for part in (features[:BLOCK4], features[BLOCK4:], head)]


# fastai's own table. A ResNet's cut, layer groups and statistics fit, since the order of the children is the same.
model_meta[resnet18_half] = dict(model_meta[resnet18])
model_meta[vgg16_quarter] = {**model_meta[vgg16_bn], "split": _split_vgg}

_STAGES = tuple(f"stage {i}" for i in range(1, 6))
_IMAGENET = {"mean": tuple(imagenet_stats[0]), "std": tuple(imagenet_stats[1]), "example": (3, 64, 64)}
_RESEARCH = "for research and teaching, as the images they were learned from (ImageNet's terms)"
_RESNET = ("stem", *_STAGES[:4], "head")
register(Backbone("resnet18_half", resnet18_half, _RESNET, **_IMAGENET, licence=_RESEARCH, card="MODEL_CARD.md"))
register(
    Backbone(
        "vgg16_quarter",
        vgg16_quarter,
        (*_STAGES, "head"),
        **_IMAGENET,
        licence=_RESEARCH,
        card="MODEL_CARD_vgg16_quarter.md",
    )
)
register(
    Backbone(
        "resnet34",
        resnet34,
        _RESNET,
        **_IMAGENET,
        licence=_RESEARCH,
        card="https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.resnet34.html",
    )
)


def default() -> Callable[..., nn.Module]:
    """The profile's architecture for `vision_learner`: mini: `resnet18_half`, full: torchvision's `resnet34`.

    Where ResNet-34's weights can't be had, says so in one sentence and gives `resnet18_half`.
    """
    if environment.profile() == "mini":
        return resnet18_half
    try:
        ResNet34_Weights.DEFAULT.get_state_dict(progress=True, check_hash=True)  # kept in torch's cache folder
    except (OSError, RuntimeError) as problem:
        reason = getattr(problem, "reason", problem)
        print(f"ResNet-34's weights can't be had ({reason}), so the lesson uses the bundled resnet18_half.")
        return resnet18_half
    return resnet34
