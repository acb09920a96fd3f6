"""The course's network for short sounds: a small ResNet on log-mel spectrograms, pre-trained on spoken words."""

import json

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

from course_utils.backbones.registry import SoundBackbone, register
from course_utils.backbones.weights import check_weights, load_metadata, load_with_head

NAME = "speech_resnet"
WIDTHS = (32, 64, 128, 256)
CLASSES = 752  # everyday words that it was trained on


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """One basic block; it may halve the spectrogram and change the width."""
    shortcut = None
    if stride != 1 or inputs != outputs:
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    return nn.Sequential(BasicBlock(inputs, outputs, stride, shortcut))


class SpeechResNet(nn.Module):
    """ResNet-10 with 32-64-128-256 channels and torchvision's names for every part.

    Takes log-mel spectrograms (batch, 1, 40 bands, frames) and gives (batch, classes) scores.
    Source: He et al. 2015, "Deep Residual Learning for Image Recognition".
    """

    def __init__(self, num_classes: int = CLASSES) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, WIDTHS[0], 5, stride=2, padding=2, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = _stage(WIDTHS[0], WIDTHS[0], stride=1)
        self.layer2 = _stage(WIDTHS[0], WIDTHS[1], stride=2)
        self.layer3 = _stage(WIDTHS[1], WIDTHS[2], stride=2)
        self.layer4 = _stage(WIDTHS[2], WIDTHS[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(WIDTHS[3], num_classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Give each spectrogram's scores."""
        features = self.relu(self.bn1(self.conv1(spectrograms)))
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        return self.fc(self.avgpool(features).flatten(1))


def speech_resnet(weights: str | None = None, num_classes: int = CLASSES) -> nn.Module:
    """Build the course's network of speech, a ResNet-10 of 1.4 million parameters.

    Takes log-mel spectrograms (batch, 1, 40, frames), as `data.log_mel` makes them, and gives (batch, num_classes)
    scores.

    Parameters
    ----------
    weights : str or None
        "DEFAULT" for those that the course pre-trained on 752 words spoken by a synthesizer's voices (see
        speech_resnet.md beside them), None for random ones.
    num_classes : int
        How many scores it gives. With trained weights, another number than 752 gives it a random linear head.

    Raises
    ------
    CourseError
        For other weights (`backbones.unknown-weights`); `backbones.weights-missing` or `backbones.weights-damaged`.
    """
    check_weights(weights)
    network = SpeechResNet(num_classes)
    if weights:
        load_with_head(network, NAME)
    return network


def spoken_words() -> list[str]:
    """List the words that the trained network tells apart, in the order of its scores."""
    return json.loads(load_metadata(NAME)["words"])


register(
    SoundBackbone(
        NAME,
        speech_resnet,
        blocks=("stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"),
        licence="Apache-2.0, as the course",
        card="speech_resnet.md",
        width=WIDTHS[-1],
    )
)
