"""A network of photographs for episodes: what it makes of images at some depth, and itself with a new head."""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.backbones.images.tiny_imagenet import DEVIATION, MEAN
from course_utils.errors import CourseError
from course_utils.surgery.blocks import Network, evaluating, model_of
from course_utils.surgery.multi_depth import PooledOutputs
from course_utils.training.checks import check_counts

BATCH = 128


def as_photos(images: Tensor, size: int = 64) -> Tensor:
    """Turn images into what a network of photographs takes: three channels, normalised by ImageNet's statistics.

    Parameters
    ----------
    images : (n, 1 or 3, height, width) uint8 tensor
        Greyscale or RGB.
    size : int
        Pixels a side of what comes back.

    Returns
    -------
    (n, 3, size, size) tensor

    Raises
    ------
    CourseError
        `training.no-images` for anything else, `training.bad-setting` for a size that is none.
    """
    check_counts(size=size)
    _check(images)
    mean, deviation = (torch.tensor(values, device=images.device).view(3, 1, 1) for values in (MEAN, DEVIATION))
    resized = F.interpolate(images.float() / 255, size, mode="bilinear", antialias=True)
    return (resized.expand(-1, 3, -1, -1) - mean) / deviation


@torch.no_grad()
def stage_features(network: Network, images: Tensor, stages: Sequence[str], size: int = 64) -> dict[str, Tensor]:
    """Give the averages over each feature map at some depths of a frozen network.

    Parameters
    ----------
    network : nn.Module or Learner
        Such as `backbones.resnet18_half("DEFAULT")`. It works in evaluation mode, and is left in the mode it was in.
    images : (n, 1 or 3, height, width) uint8 tensor
        As `as_photos` takes them.
    stages : sequence of str
        Blocks by name, as `surgery.blocks` lists them.
    size : int
        Pixels a side that the network sees.

    Returns
    -------
    dict of str to (n, channels) tensor
        By stage.

    Raises
    ------
    CourseError
        Those of `as_photos` and of `surgery.blocks`.
    """
    model = model_of(network)
    device = next(model.parameters()).device
    _check(images)
    outputs = PooledOutputs(model, stages, ["average"])
    try:
        found = []
        with evaluating(model):
            for part in images.split(BATCH):
                model(as_photos(part, size).to(device))
                found.append(outputs.take())
    finally:
        outputs.disconnect()
    return {stage: torch.cat([each[stage] for each in found]) for stage in found[0]}


def _check(images: Tensor) -> None:
    shape = images.shape if isinstance(images, Tensor) else ()
    if len(shape) != 4 or shape[1] not in (1, 3) or images.dtype != torch.uint8:
        what = f"{images.dtype} {tuple(shape)}" if isinstance(images, Tensor) else f"a {type(images).__name__}"
        raise CourseError(
            "Images come as a torch.uint8 tensor (number, 1 or 3 channels, height, width) with values from 0 to 255, "
            f"and this is {what}: bring all to one size and stack them with torch.stack.",
            code="training.no-images",
        )


class BodyAndHead(nn.Module):
    """A body that gives one vector an image, and a new linear head whose weights are all zero.

    In evaluation mode throughout: BatchNorm keeps the statistics that it came with, however few the examples.

    Parameters
    ----------
    body : nn.Module
        Gives (batch, features).
    features : int
        How many.
    ways : int
        Classes to tell apart.
    """

    def __init__(self, body: nn.Module, features: int, ways: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(features, ways)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Give (batch, ways) scores."""
        return self.head(self.body(images))


def with_new_head(network: nn.Module, ways: int) -> BodyAndHead:
    """Give a network's body a head of zeros for so many classes.

    Parameters
    ----------
    network : nn.Module
        A `FourBlocks`, or a network in torchvision's form whose last layer is called `fc`. Its body is copied.
    ways : int
        Classes to tell apart.

    Raises
    ------
    CourseError
        `training.no-last-layer` for another form, `training.bad-setting` for a number of classes that is none.
    """
    check_counts(ways=ways)
    body, head = getattr(network, "body", None), getattr(network, "head", None)
    if isinstance(fc := getattr(network, "fc", None), nn.Linear) and [*network.children()][-1] is fc:
        body, head = nn.Sequential(*[*network.children()][:-1], nn.Flatten()), fc
    if not isinstance(body, nn.Module) or not isinstance(head, nn.Linear):
        raise CourseError(
            f"This {type(network).__name__} doesn't end in one linear layer `fc`: give resnet18_half or FourBlocks.",
            code="training.no-last-layer",
        )
    return BodyAndHead(copy.deepcopy(body), head.in_features, ways).to(head.weight)
