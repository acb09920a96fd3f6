"""Torchvision's ResNet-34, the large network."""

from fastai.vision.learner import model_meta
from torchvision.models import ResNet34_Weights, resnet34

from course_utils.backbones.images.tiny_imagenet import DEVIATION, EXAMPLE, LICENCE, MEAN
from course_utils.backbones.registry import ImageBackbone, register


def _fetch() -> None:
    ResNet34_Weights.DEFAULT.get_state_dict(progress=True, check_hash=True)  # kept in torch's cache folder


register(
    ImageBackbone(
        "resnet34",
        resnet34,
        blocks=("stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"),
        example=EXAMPLE,
        mean=MEAN,
        std=DEVIATION,
        licence=LICENCE,
        card="https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.resnet34.html",
        split=model_meta[resnet34]["split"],
        default_of="large",
        fetch=_fetch,
    )
)
