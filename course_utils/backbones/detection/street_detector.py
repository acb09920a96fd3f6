"""The course's detector: a `GridDetector` on the bundled body, pre-trained on drawn streets by day."""

from collections.abc import Sequence

import torch
from torch import nn

from course_utils.backbones.detection.grid_detector import GridDetector
from course_utils.backbones.images.resnet18_half import resnet18_half
from course_utils.backbones.images.tiny_imagenet import LICENCE
from course_utils.backbones.registry import BoxBackbone, register
from course_utils.backbones.weights import load_weights
from course_utils.errors import CourseError

NAME = "street_detector"
KINDS = ("car", "truck", "person", "sign")  # that it was trained on
SHARED = 5  # of a cell's numbers: objectness, middle and size, which every class has in common


def street_detector(weights: str | None = None, classes: Sequence[str] = KINDS) -> nn.Module:
    """Build the course's detector, 2.9 million parameters.

    Takes images (batch, 3, height, width), normalised by ImageNet's statistics, and gives (batch, 5 + classes,
    height / 8, width / 8); `backbones.decode` turns these numbers into boxes.

    Parameters
    ----------
    weights : str or None
        "DEFAULT" for those that the course trained on drawn streets by day (see street_detector.md beside them), "BODY"
        for a body that knows photographs under a random neck and head, None for random weights throughout.
    classes : sequence of str
        What it is to find. With "DEFAULT", a class that streets have keeps its weights, and another begins at random;
        where a thing is and how large it is, the head knows for all.

    Raises
    ------
    CourseError
        For other weights (`backbones.unknown-weights`); `backbones.weights-missing` or `backbones.weights-damaged`.
    """
    if weights not in ("DEFAULT", "BODY", None):
        raise CourseError(
            f"weights is {weights!r}: give 'DEFAULT' for the course's own, 'BODY' for a body of photographs, or None "
            "for random ones.",
            code="backbones.unknown-weights",
        )
    names = list(classes)
    network = GridDetector(resnet18_half("DEFAULT" if weights == "BODY" else None), len(names))
    if weights == "DEFAULT":
        stored = load_weights(NAME)
        for part in ("head.weight", "head.bias"):
            trained, fresh = stored[part].float(), network.get_parameter(part).detach().clone()
            fresh[:SHARED] = trained[:SHARED]
            for number, name in enumerate(names):
                if name in KINDS:
                    fresh[SHARED + number] = trained[SHARED + KINDS.index(name)]
            stored[part] = fresh
        with torch.no_grad():
            network.load_state_dict(stored)
    return network


register(
    BoxBackbone(
        NAME,
        street_detector,
        blocks=("stem", "stage 1", "stage 2", "stage 3", "stage 4", "neck", "head"),
        licence=LICENCE,
        card="street_detector.md",
        classes=KINDS,
    )
)
