"""What the networks share that the course pre-trained on Tiny ImageNet: their classes, and how they are built."""

from collections.abc import Callable

from torch import nn

from course_utils.backbones.weights import check_weights, load_weights
from course_utils.errors import CourseError

CLASSES = 200
LICENCE = "for research and teaching, as the images they were learned from (ImageNet's terms)"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, by which the course normalises all images
EXAMPLE = (3, 64, 64)


def build(network: Callable[[int], nn.Module], name: str, weights: str | None, num_classes: int) -> nn.Module:
    """Build a network, with the course's weights or with random ones.

    Parameters
    ----------
    network : callable
        Gives the network with random weights for a number of classes.
    name : str
        That its weights are stored by.
    weights : str or None
        "DEFAULT" or None, as in torchvision.
    num_classes : int
        How many scores it gives; with the course's weights, those of Tiny ImageNet.

    Raises
    ------
    CourseError
        For other weights (`backbones.unknown-weights`) and for trained ones of other classes
        (`backbones.other-classes`); `backbones.weights-missing` or `backbones.weights-damaged`.
    """
    check_weights(weights)
    if weights and num_classes != CLASSES:
        raise CourseError(
            f"The course's weights have {CLASSES} classes, not {num_classes}: give weights=None.",
            code="backbones.other-classes",
        )
    built = network(num_classes)
    if weights:
        built.load_state_dict(load_weights(name))
    return built
