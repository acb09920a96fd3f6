"""A one-stage detector in YOLO's manner: each cell of a grid says whether a thing is there, its box and its class."""

from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import batched_nms, clip_boxes_to_image, generalized_box_iou_loss

STRIDE = 8  # pixels a side of a cell
USUAL = 2 * STRIDE  # pixels a side of the box that an untrained cell proposes
REACH = 0.75 * STRIDE  # pixels from a cell's middle to the middles of the boxes that it answers for
RARE = -4.0  # an untrained cell's objectness before the sigmoid: most cells hold nothing


class Found(NamedTuple):
    """What a detector found in one image: boxes (k, 4) in pixels, scores (k,) from high to low, and labels (k,)."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def above(self, least: float) -> "Found":
        """Give those whose score is at least so high."""
        return Found(*(part[self.scores >= least] for part in self))


class GridDetector(nn.Module):
    """A residual network's body, a neck that joins its last three stages, and a head with 5 + classes numbers a cell.

    Takes normalised images (batch, 3, height, width) whose sides are multiples of 32, and gives (batch, 5 + classes,
    height / 8, width / 8): objectness, the box's middle and size, and a score for each class.
    Sources: Redmon et al. 2016, "You Only Look Once"; the neck: Lin et al. 2017, "Feature Pyramid Networks".

    Parameters
    ----------
    body : nn.Module
        A ResNet with torchvision's names; `backbones.resnet18_half("DEFAULT")` for one that knows photographs.
    num_classes : int
        How many kinds of things it tells apart.
    width : int
        Channels of the neck.
    """

    block_layers: ClassVar = {
        "stem": ("conv1", "bn1", "relu", "maxpool"),
        **{f"stage {number}": (f"layer{number}",) for number in (1, 2, 3, 4)},
        "neck": ("lateral", "neck"),
        "head": ("head",),
    }

    conv1: nn.Module
    bn1: nn.Module
    relu: nn.Module
    maxpool: nn.Module
    layer1: nn.Module
    layer2: nn.Module
    layer3: nn.Module
    layer4: nn.Module

    def __init__(self, body: nn.Module, num_classes: int, width: int = 64) -> None:
        super().__init__()
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
            self.add_module(name, body.get_submodule(name))
        widths = [len([*stage.parameters()][-1]) for stage in (self.layer2, self.layer3, self.layer4)]
        self.lateral = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in widths)
        self.neck = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.head = nn.Conv2d(width, 5 + num_classes, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        self.head.bias = nn.Parameter(torch.tensor([RARE] + [0.0] * (4 + num_classes)))

    def forward(self, images: Tensor) -> Tensor:
        """Give each cell's numbers."""
        eighth = self.layer2(self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(images))))))
        sixteenth = self.layer3(eighth)
        joined = self.lateral[2](self.layer4(sixteenth))
        for lateral, finer in ((self.lateral[1], sixteenth), (self.lateral[0], eighth)):
            joined = lateral(finer) + F.interpolate(joined, size=finer.shape[-2:])
        return self.head(self.neck(joined))


def cell_boxes(cells: Tensor) -> tuple[Tensor, Tensor]:
    """Turn a head's numbers (batch, 5 + classes, rows, columns) into boxes (batch, cells, 4) in pixels.

    Returns the middles (cells, 2) of the cells as well.
    """
    rows, columns = (torch.arange(side, device=cells.device) for side in cells.shape[-2:])
    middles = STRIDE * (torch.cartesian_prod(rows, columns).flip(1) + 0.5)
    numbers = cells[:, 1:5].flatten(2).transpose(1, 2)
    centre = middles + STRIDE * (2 * numbers[..., :2].sigmoid() - 1)
    half = USUAL / 2 * numbers[..., 2:].clamp(max=4).exp()
    return torch.cat([centre - half, centre + half], -1), middles


def detection_loss(cells: Tensor, targets: Tensor) -> Tensor:
    """Compare a head's numbers with the known boxes: objectness, overlap and class, one sum.

    Parameters
    ----------
    cells : (batch, 5 + classes, rows, columns)
        What the detector gave.
    targets : (batch, most, 5)
        Left, top, right, bottom and class of each box; class -1 fills up images with fewer boxes than others.
    """
    boxes, middles = cell_boxes(cells)
    targets = F.pad(targets, (0, 0, 0, 1), value=-1.0)  # one row at least, where no image has a box
    known, labels = targets[..., :4], targets[..., 4].long()
    away = (middles[:, None] - (known[:, None, :, :2] + known[:, None, :, 2:]) / 2).abs().amax(-1)
    area = (known[..., 2:] - known[..., :2]).prod(-1)[:, None].expand_as(away)
    answers = area.masked_fill((away > REACH) | (labels < 0)[:, None], torch.inf)  # (batch, cells, most)
    least, which = answers.min(-1)  # of several boxes in its reach a cell answers for the smallest
    held = least.isfinite()
    image, cell = held.nonzero(as_tuple=True)
    objectness = F.binary_cross_entropy_with_logits(cells[:, 0].flatten(1), held.float(), reduction="sum")
    mine = which[image, cell]
    overlap = generalized_box_iou_loss(boxes[image, cell], known[image, mine], reduction="sum")
    kind = F.cross_entropy(cells[:, 5:].flatten(2)[image, :, cell], labels[image, mine], reduction="sum")
    return (objectness + 2 * overlap + kind) / held.sum().clamp(min=1)


def decode(cells: Tensor, least: float = 0.05, overlap: float = 0.5, most: int = 100) -> list[Found]:
    """Turn a head's numbers into each image's boxes, scores and labels.

    Of boxes of one class that overlap by more than `overlap` only the one with the highest score stays. Boxes below the
    score `least` are left out, and all but the `most` best.
    """
    boxes, _ = cell_boxes(cells)
    share, labels = cells[:, 5:].flatten(2).softmax(1).max(1)
    scores = cells[:, 0].flatten(1).sigmoid() * share
    boxes = clip_boxes_to_image(boxes, (STRIDE * cells.shape[-2], STRIDE * cells.shape[-1]))
    found = []
    for box, score, label in zip(boxes, scores, labels, strict=True):
        kept = (score >= least).nonzero()[:, 0]
        kept = kept[batched_nms(box[kept], score[kept], label[kept], overlap)[:most]]
        found.append(Found(box[kept], score[kept], label[kept]))
    return found
