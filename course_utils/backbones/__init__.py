"""Pre-trained networks: the bundled ones, which need no download, those of packages, and the machine's choice."""

from course_utils.backbones.images.efficientnet_lite0 import efficientnet_lite0
from course_utils.backbones.images.resnet18_half import resnet18_half
from course_utils.backbones.images.vgg16_quarter import vgg16_quarter
from course_utils.backbones.registry import BACKBONES, Backbone, default, find_backbone, register
from course_utils.backbones.weights import training_record, verify_weights

__all__ = [
    "BACKBONES",
    "Backbone",
    "default",
    "efficientnet_lite0",
    "find_backbone",
    "register",
    "resnet18_half",
    "training_record",
    "verify_weights",
    "vgg16_quarter",
]
