"""Genuine fastai DataLoaders of images with boxes; what changes an image in training moves its boxes with it."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from fastai.data.core import TfmdDL
from fastai.torch_basics import chunked
from fastai.torch_core import TensorBase, TensorImage
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from course_utils import environment
from course_utils.data.boxes.boxed import BoxedImages
from course_utils.data.labelled import SplitLoaders
from course_utils.data.options import check_whole_number
from course_utils.data.splits import SPLITS
from course_utils.errors import CourseError

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, which the course's bodies were trained by
NOTHING = -1.0  # fills up the rows of images that have fewer boxes than others
Augmentation = Callable[[dict[str, Tensor]], dict[str, Tensor]]


class TensorRows(TensorBase):
    """Rows (batch, most, 5): left, top, right, bottom and class of each box, filled up with -1."""


def box_augmentation(flip: bool = True, zoom: float = 0.15, light: float = 0.2) -> Augmentation:
    """Make a transform of torchvision's v2 kind that changes images and moves their boxes with them.

    Parameters
    ----------
    flip : bool
        Mirror half of the images.
    zoom : float
        By how much an image shrinks or grows at most, as a share; it is then moved at random inside its frame.
    light : float
        By how much brightness and contrast change at most, as a share.
    """
    from torchvision.transforms import v2

    steps = [v2.RandomHorizontalFlip()] if flip else []
    if zoom:
        steps.append(v2.RandomAffine(0, translate=(zoom / 2, zoom / 2), scale=(1 - zoom, 1 + zoom), fill=114))
    if light:
        steps.append(v2.ColorJitter(light, light))
    return v2.Compose([*steps, v2.ClampBoundingBoxes(), v2.SanitizeBoundingBoxes(min_size=2)])


def augment_boxes(augment: Augmentation, image: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Change one image (3, height, width) and its rows (k, 5) by a transform of torchvision's v2 kind.

    Boxes that leave the image are dropped, if the transform says so, with their classes.
    """
    from torchvision import tv_tensors

    boxes = tv_tensors.BoundingBoxes(rows[:, :4], format="XYXY", canvas_size=tuple(image.shape[-2:]))  # type: ignore[call-overload]
    changed = augment({"image": tv_tensors.Image(image), "boxes": boxes, "labels": rows[:, 4]})
    moved = torch.cat([changed["boxes"].as_subclass(Tensor), changed["labels"][:, None]], 1)
    return changed["image"].as_subclass(Tensor), moved


class BoxSet:
    """Images of one size with their boxes; fastai's DataLoader takes whole batches out of it."""

    def __init__(self, images: Tensor, rows: Sequence[Tensor], augment: Augmentation | None = None) -> None:
        self.images, self.rows, self.augment = images, list(rows), augment
        self.split_idx = 0 if augment is not None else 1

    @contextmanager
    def set_split_idx(self, number: int) -> Iterator["BoxSet"]:
        """Leave out augmentation for a while (1), or take it (0), as fastai's Datasets do."""
        before, self.split_idx = self.split_idx, number
        try:
            yield self
        finally:
            self.split_idx = before

    def __len__(self) -> int:
        """Count the images."""
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[TensorImage, TensorRows]:
        """Give one image and its rows, as they are stored: what is random is left to batches."""
        return TensorImage(normalise(self.images[number][None])[0]), TensorRows(self.rows[number])

    def batch(self, numbers: Sequence[int]) -> tuple[TensorImage, TensorRows]:
        """Give some images, normalised by ImageNet's statistics, and their rows; in training they are augmented."""
        pairs = [(self.images[number], self.rows[number]) for number in numbers]
        if self.augment is not None and self.split_idx == 0:
            pairs = [augment_boxes(self.augment, *pair) for pair in pairs]
        rows = pad_sequence([row for _, row in pairs], batch_first=True, padding_value=NOTHING)
        return TensorImage(normalise(torch.stack([image for image, _ in pairs]))), TensorRows(rows)


def normalise(images: Tensor) -> Tensor:
    """Turn images (n, 3, height, width) of 0 to 255 into what a detector takes."""
    mean, deviation = (torch.tensor(each, device=images.device).view(3, 1, 1) for each in (MEAN, DEVIATION))
    return (images / 255 - mean) / deviation


class BoxDL(TfmdDL):
    """A fastai DataLoader that takes whole batches out of a `BoxSet`."""

    def create_batches(self, samples: Iterator[int]) -> Iterator[tuple[TensorImage, TensorRows]]:
        """Index the images once for each batch."""
        for chunk in chunked(samples, self.bs, self.drop_last):
            yield self.dataset.batch(chunk)


class BoxLoaders(SplitLoaders):
    """Loaders of images with boxes; `vocab` names what the boxes hold."""


def box_loaders(
    boxed: BoxedImages, *, bs: int = 16, augment: bool | Augmentation = True, seed: int | None = None
) -> BoxLoaders:
    """Make the DataLoaders (train, valid, test) of images with boxes.

    A batch is images (batch, 3, height, width), normalised by ImageNet's statistics, and rows (batch, most, 5): left,
    top, right, bottom and class of each box, filled up with -1.

    Parameters
    ----------
    boxed : BoxedImages
        What `data.streets` or `data.blood_cells` gives, or `data.boxed_images` for your own.
    bs : int
        Images in a batch of training; an incomplete last batch is kept.
    augment : bool or callable
        Changes in training alone: True for `data.box_augmentation()`, False for none, or a transform of torchvision's
        v2 kind, which takes and gives a dictionary of image, boxes and labels.
    seed : int, optional
        Decides the order of batches; None is the course's seed.

    Raises
    ------
    CourseError
        `data.bad-number` for bs and seed, `data.bad-option` for augment.
    """
    bs = check_whole_number("bs", bs)
    if not (isinstance(augment, bool) or callable(augment)):
        raise CourseError(
            f"augment is {augment!r}: give True, False or a transform of torchvision.transforms.v2.",
            code="data.bad-option",
        )
    change = box_augmentation() if augment is True else (augment or None)
    chip = environment.device()
    sets = [BoxSet(boxed.images[split], boxed.boxes[split], change if split == "train" else None) for split in SPLITS]
    how: dict[str, Any] = {"device": chip, "num_workers": 0}
    loaders = [BoxDL(sets[0], min(bs, len(sets[0])), shuffle=True, **how)]
    loaders += [BoxDL(each, max(bs, 32), **how) for each in sets[1:]]
    dls = BoxLoaders(*loaders, device=chip)
    dls.vocab, dls.about = list(boxed.classes), boxed.about
    own_seed = environment.seed() if seed is None else check_whole_number("seed", seed, least=0)
    dls.train.rng = random.Random(own_seed)
    return dls
