"""The course's plain backbone: torchvision's VGG-16 topology at quarter width, without BatchNorm."""

from fastai.torch_core import params
from torch import Tensor, nn

from course_utils.backbones.images.tiny_imagenet import CLASSES, DEVIATION, EXAMPLE, LICENCE, MEAN, build
from course_utils.backbones.registry import ImageBackbone, register

BLOCKS = ((16, 2), (32, 2), (64, 3), (128, 3), (128, 3))  # channels and number of convolutions of each block
BLOCK4 = 17  # where block 4 starts in `features`, as in torchvision's vgg16


def _features() -> nn.Sequential:
    """Five blocks of 3×3 convolutions, each block followed by a max pooling that halves the image's sides."""
    layers: list[nn.Module] = []
    inputs = 3
    for outputs, convolutions in BLOCKS:
        for _ in range(convolutions):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
            inputs = outputs
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


class VGG16Quarter(nn.Module):
    """VGG-16 with 16-32-64-128-128 channels and torchvision's names for its children and convolutions.

    Takes normalised images (batch, 3, height, width) of 32 pixels or more and gives (batch, classes) scores.
    One linear layer on the channels' averages replaces torchvision's three wide ones, which would hold most of the
    parameters. The children stand in torchvision's order, so fastai's cut for VGGs (-2) fits.
    Source: Simonyan and Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image Recognition".
    """

    def __init__(self, num_classes: int = CLASSES) -> None:
        super().__init__()
        self.features = _features()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(BLOCKS[-1][0], num_classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
                if part.bias is not None:
                    nn.init.zeros_(part.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Give each image's scores."""
        return self.classifier(self.avgpool(self.features(images)).flatten(1))


def vgg16_quarter(weights: str | None = None, num_classes: int = CLASSES) -> nn.Module:
    """Build a VGG-16 of quarter width without BatchNorm, 0.95 million parameters: an architecture for `vision_learner`.

    `weights="DEFAULT"` brings those that the course pre-trained on Tiny ImageNet (see MODEL_CARD_vgg16_quarter.md),
    None random ones. Takes (batch, 3, height, width) normalised by ImageNet's statistics, gives (batch, num_classes)
    scores. Raises CourseError when the file is missing or damaged, and for other weights than these.
    """
    return build(VGG16Quarter, "vgg16_quarter", weights, num_classes)


def _split(model: nn.Sequential) -> list[list[nn.Parameter]]:
    """Layer groups: blocks 1 to 3, blocks 4 and 5, head. fastai's own split counts layers with BatchNorm."""
    body, head = model.children()
    features = next(body.children())
    assert isinstance(features, nn.Sequential)
    return [params(part) for part in (features[:BLOCK4], features[BLOCK4:], head)]


register(
    ImageBackbone(
        "vgg16_quarter",
        vgg16_quarter,
        blocks=("stage 1", "stage 2", "stage 3", "stage 4", "stage 5", "head"),
        example=EXAMPLE,
        mean=MEAN,
        std=DEVIATION,
        licence=LICENCE,
        card="MODEL_CARD_vgg16_quarter.md",
        bundled=True,
        split=_split,
    )
)
