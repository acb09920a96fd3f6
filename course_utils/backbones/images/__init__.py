"""Backbones of images: one module each, which registers its own."""

from course_utils.backbones.images import efficientnet_lite0, resnet18_half, resnet34, vgg16_quarter

__all__ = ["efficientnet_lite0", "resnet18_half", "resnet34", "vgg16_quarter"]
