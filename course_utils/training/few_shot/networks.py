"""The small network of the field: four blocks of convolution, normalisation and ReLU, and a linear head."""

from torch import Tensor, nn

from course_utils.errors import CourseError

SIDE = 28  # pixels of an image


class FourBlocks(nn.Module):
    """Four convolutions, each with normalisation and ReLU, that halve the image four times, and a linear head.

    Takes (batch, inputs, 28, 28) and gives (batch, ways) scores; `body` gives (batch, channels) features.
    Source: the network of Vinyals et al. 2016, "Matching Networks for One Shot Learning". Its first pooling is a stride
    here, which saves half of the time.

    Parameters
    ----------
    ways : int
        How many classes it tells apart.
    channels : int
        Of each convolution; a multiple of 8.
    norm : "group" or "batch"
        "group" normalises each image by itself. "batch" takes the statistics of whatever images are in the batch, in
        training and evaluation alike, as implementations of MAML do.
    inputs : int
        Channels of an image.
    """

    def __init__(self, ways: int, channels: int = 32, norm: str = "group", inputs: int = 1) -> None:
        super().__init__()
        if norm not in ("group", "batch"):
            raise CourseError(f"norm is {norm!r}: give 'group' or 'batch'.", code="training.bad-norm")
        layers: list[nn.Module] = []
        for number in range(4):
            layers.append(nn.Conv2d(channels if number else inputs, channels, 3, stride=1 if number else 2, padding=1))
            same = nn.GroupNorm(8, channels) if norm == "group" else nn.BatchNorm2d(channels, track_running_stats=False)
            layers += [same, nn.ReLU(), *([nn.MaxPool2d(2)] if number else [])]
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(channels, ways)

    def forward(self, images: Tensor) -> Tensor:
        """Give the scores."""
        return self.head(self.body(images))
