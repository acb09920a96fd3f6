"""The networks that the course pre-trains: how each is built, trained and turned into what is shipped."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from course_utils.backbones.images.resnet18_half import ResNet18Half
from course_utils.backbones.images.vgg16_quarter import VGG16Quarter
from tools.pretraining.batchnorm import add_batchnorm, fold_batchnorm
from tools.pretraining.recipes import RESNET18_HALF, VGG16_QUARTER, Recipe


@dataclass(frozen=True)
class Architecture:
    """A network's name, the function that builds it for training, its recipe, and the step from trained to shipped."""

    name: str
    build: Callable[[int], nn.Module]  # takes the number of classes
    recipe: Recipe
    finish: Callable[[nn.Module], nn.Module] = lambda trained: trained


ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture("resnet18_half", ResNet18Half, RESNET18_HALF),
        Architecture(
            "vgg16_quarter", lambda classes: add_batchnorm(VGG16Quarter(classes)), VGG16_QUARTER, fold_batchnorm
        ),
    )
}
