"""The bundled backbone: torchvision's ResNet-18 topology at half width."""

from fastai.vision.learner import model_meta
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.models.resnet import BasicBlock

from course_utils.backbones.images.tiny_imagenet import CLASSES, DEVIATION, EXAMPLE, LICENCE, MEAN, build
from course_utils.backbones.registry import ImageBackbone, register

WIDTHS = (32, 64, 128, 256)


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Two basic blocks; the first one may halve the image and change the width."""
    shortcut = None
    if stride != 1 or inputs != outputs:
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    return nn.Sequential(BasicBlock(inputs, outputs, stride, shortcut), BasicBlock(outputs, outputs))


class ResNet18Half(nn.Module):
    """ResNet-18 with 32-64-128-256 channels and torchvision's names for every part.

    Takes normalised images (batch, 3, height, width) of 32 pixels or more and gives (batch, classes) scores.
    The children stand in torchvision's order, so fastai's cut (-2) and layer groups for ResNets fit as they are.
    Source: He et al. 2015, "Deep Residual Learning for Image Recognition".
    """

    def __init__(self, num_classes: int = CLASSES) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(WIDTHS[0], WIDTHS[0], stride=1)
        self.layer2 = _stage(WIDTHS[0], WIDTHS[1], stride=2)
        self.layer3 = _stage(WIDTHS[1], WIDTHS[2], stride=2)
        self.layer4 = _stage(WIDTHS[2], WIDTHS[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(WIDTHS[3], num_classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Give each image's scores."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        return self.fc(self.avgpool(features).flatten(1))


def resnet18_half(weights: str | None = None, num_classes: int = CLASSES) -> nn.Module:
    """Build a ResNet-18 of half width, 2.85 million parameters: an architecture for `vision_learner`.

    `weights="DEFAULT"` brings those that the course pre-trained on Tiny ImageNet (see MODEL_CARD.md), None random ones.
    Takes (batch, 3, height, width) normalised by ImageNet's statistics, gives (batch, num_classes) scores.
    Raises CourseError when the bundled file is missing or damaged, and for other weights than these.
    """
    return build(ResNet18Half, "resnet18_half", weights, num_classes)


register(
    ImageBackbone(
        "resnet18_half",
        resnet18_half,
        blocks=("stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"),
        example=EXAMPLE,
        mean=MEAN,
        std=DEVIATION,
        licence=LICENCE,
        card="MODEL_CARD.md",
        split=model_meta[resnet18]["split"],  # fits, since the order of the children is the same
        default_of="small",
        bundled=True,
    )
)
