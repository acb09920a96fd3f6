"""The bundled network of images, given spectrograms to look at."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.backbones.images.resnet18_half import WIDTHS, ResNet18Half
from course_utils.backbones.images.tiny_imagenet import CLASSES, DEVIATION, LICENCE, MEAN
from course_utils.backbones.registry import SoundBackbone, register
from course_utils.backbones.weights import check_weights, load_with_head, training_record

NAME = "spectrogram_resnet"
BODY = "resnet18_half"


class SpectrogramResNet(ResNet18Half):
    """The network of `backbones.resnet18_half`, which sees each spectrogram as an image of 64 × 64 pixels.

    Takes log-mel spectrograms (batch, 1, 40 bands, frames) and gives (batch, classes) scores.
    """

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Give each spectrogram's scores."""
        return super().forward(as_images(spectrograms))


def spectrogram_resnet(weights: str | None = None, num_classes: int = CLASSES) -> nn.Module:
    """Build a network of images for spectrograms, 2.85 million parameters.

    Takes log-mel spectrograms (batch, 1, 40, frames), as `data.log_mel` makes them, and gives (batch, num_classes)
    scores.

    Parameters
    ----------
    weights : str or None
        "DEFAULT" for those of `backbones.resnet18_half`, which have seen photographs and never a spectrogram; None for
        random ones.
    num_classes : int
        How many scores it gives. With trained weights, another number than 200 gives it a random linear head.

    Raises
    ------
    CourseError
        For other weights (`backbones.unknown-weights`); `backbones.weights-missing` or `backbones.weights-damaged`.
    """
    check_weights(weights)
    network = SpectrogramResNet(num_classes)
    if weights:
        load_with_head(network, BODY)
    return network


def as_images(spectrograms: Tensor, size: int = 64) -> Tensor:
    """Turn spectrograms (n, 1, bands, frames) into square images (n, 3, size, size), normalised like photographs."""
    images = F.interpolate((spectrograms + 1) / 2, (size, size), mode="bilinear", antialias=True).expand(-1, 3, -1, -1)
    mean, deviation = (torch.tensor(each, device=images.device).view(1, 3, 1, 1) for each in (MEAN, DEVIATION))
    return (images - mean) / deviation


register(
    SoundBackbone(
        NAME,
        spectrogram_resnet,
        blocks=("stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"),
        licence=LICENCE,
        card="MODEL_CARD.md",
        fingerprint=training_record(BODY)["sha256"],
        width=WIDTHS[-1],
    )
)
