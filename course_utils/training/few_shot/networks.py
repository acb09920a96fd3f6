"""The small network of the field: four blocks of convolution, normalisation and ReLU, and a linear head."""

from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.training.checks import check_counts

GROUPS = 8  # of channels that are normalised together
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

    Raises
    ------
    CourseError
        `training.bad-norm`, `training.bad-setting`; `training.other-images` for images that it isn't built for.
    """

    def __init__(self, ways: int, channels: int = 32, norm: str = "group", inputs: int = 1) -> None:
        super().__init__()
        if norm not in ("group", "batch"):
            raise CourseError(f"norm is {norm!r}: give 'group' or 'batch'.", code="training.bad-norm")
        check_counts(ways=ways, channels=channels, inputs=inputs)
        if channels % GROUPS:
            raise CourseError(
                f"channels is {channels}: give a multiple of {GROUPS}, such as 32.", code="training.bad-setting"
            )
        layers: list[nn.Module] = []
        for number in range(4):
            layers.append(nn.Conv2d(channels if number else inputs, channels, 3, stride=1 if number else 2, padding=1))
            of_batch = nn.BatchNorm2d(channels, track_running_stats=False)
            same = of_batch if norm == "batch" else nn.GroupNorm(GROUPS, channels)
            layers += [same, nn.ReLU(), *([nn.MaxPool2d(2)] if number else [])]
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(channels, ways)

    def forward(self, images: Tensor) -> Tensor:
        """Give the scores."""
        check_images(self, images)
        return self.head(self.body(images))


def check_images(network: nn.Module, images: Tensor) -> None:
    """Refuse images that a `FourBlocks` isn't built for: CourseError `training.other-images`."""
    if not isinstance(network, FourBlocks):
        return
    inputs, weight = network.body[0].in_channels, network.head.weight
    good = isinstance(images, Tensor) and images.shape[1:] == (inputs, SIDE, SIDE)
    if not good or (images.dtype, images.device) != (weight.dtype, weight.device):
        what = f"a {type(images).__name__}"
        if isinstance(images, Tensor):
            what = f"{images.dtype} {tuple(images.shape)} on {images.device}"
        raise CourseError(
            f"This network takes {weight.dtype} images (n, {inputs}, {SIDE}, {SIDE}) on {weight.device}, and these are "
            f"{what}: bring them to that with torch.nn.functional.interpolate(images.float() / 255, {SIDE}) and .to.",
            code="training.other-images",
        )
