"""Images with boxes, divided into three splits, as every data set of this kind gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from course_utils.arguments import whole
from course_utils.data.options import DivisionOptions
from course_utils.data.splits import SPLITS
from course_utils.errors import CourseError


@dataclass(frozen=True, kw_only=True)
class BoxOptions(DivisionOptions):
    """What can be asked of any data set of images with boxes, besides `DivisionOptions`.

    Parameters
    ----------
    n_images : int, optional
        Images to train on; None takes all that are left. Fewer are always among those of a larger number.
    """

    n_images: int | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without the data."""
        super().__post_init__()
        if self.n_images is not None and whole(self.n_images) is None:
            raise CourseError(
                f"n_images is {self.n_images!r}: give a whole number from 1 upwards, or None for all.",
                code="data.bad-number",
            )


@dataclass(frozen=True)
class BoxedImages:
    """Images in which things have boxes, divided into a training, a validation and a test set.

    Attributes
    ----------
    images : mapping of str to (n, 3, height, width) uint8 tensors
        Those of "train", "valid" and "test".
    boxes : mapping of str to list of (k, 5) float32 tensors
        For each image left, top, right and bottom of each box in pixels, and the number of its class. An image without
        things has k = 0.
    names : mapping of str to list of str
        What each image is called.
    classes : tuple of str
        What boxes hold; a class's number is its place among them.
    real : bool
        Whether they are photographs, and no stand-in.
    about : str
        One line that says what the images are, and how many are in each split.
    notes : tuple of str
        Further sentences: what was left out or clipped.
    """

    images: Mapping[str, Tensor] = field(repr=False)
    boxes: Mapping[str, list[Tensor]] = field(repr=False)
    names: Mapping[str, list[str]] = field(repr=False)
    classes: tuple[str, ...]
    real: bool
    about: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say what they are."""
        return self.about

    def counts(self) -> pd.DataFrame:
        """Count images, images without boxes, and the boxes of each class, a row for each split."""
        rows = {}
        for split in SPLITS:
            labels = torch.cat([rows[:, 4] for rows in self.boxes[split]]).long()
            empty = sum(len(each) == 0 for each in self.boxes[split])
            per_class = torch.bincount(labels, minlength=len(self.classes)).tolist()
            rows[split] = {"images": len(self.boxes[split]), "without boxes": empty} | dict(
                zip(self.classes, per_class, strict=True)
            )
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("split")


def divide(count: int, options: BoxOptions, published: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Give the numbers of the images of each split.

    Parameters
    ----------
    count : int
        How many images there are.
    options : BoxOptions
        What was asked for; the sizes in `split` count images.
    published : sequence of str, optional
        The split that the publisher put each image in; else the seed decides.

    Raises
    ------
    CourseError
        `data.bad-split`; `data.too-few-items` when more images are asked for than there are.
    """
    order = np.random.default_rng([options.chosen_seed, count]).permutation(count)
    sizes = _sizes(options.split)
    if published is None:
        test, valid = (_number(size, count) for size in (sizes["test"], sizes["valid"]))
        parts = {"test": order[:test], "valid": order[test : test + valid], "train": order[test + valid :]}
        pools = {"test": count, "valid": count - test, "train": count - test - valid}
        asked = {"test": test, "valid": valid}
    else:
        where = np.asarray(published)[order]
        whole_parts = {split: order[where == split] for split in SPLITS}
        pools = {split: len(part) for split, part in whole_parts.items()}
        asked = {split: _number(sizes[split], pools[split]) for split in ("valid", "test")}
        parts = {split: part[: asked.get(split)] for split, part in whole_parts.items()}
    asked["train"] = 1 if options.n_images is None else options.n_images
    for split in ("test", "valid", "train"):
        if not 1 <= asked[split] <= pools[split]:
            raise CourseError(
                f"{asked[split]:,} images were asked for {split}, where {max(pools[split], 0):,} can be had: "
                f"give {'a smaller n_images' if split == 'train' else 'other sizes in split'}.",
                code="data.too-few-items",
            )
    return parts | {"train": parts["train"][: options.n_images]}


def _sizes(split: Any) -> dict[str, float]:
    try:
        valid, test = (float(size) for size in split)
        good = all(0 < size < 1 or (size >= 1 and size == int(size)) for size in (valid, test))
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        raise CourseError(
            f"split is {split!r}: give two sizes, of the validation and of the test set, each a share below 1 or a "
            "number of images.",
            code="data.bad-split",
        )
    return {"valid": valid, "test": test}


def _number(size: float, pool: int) -> int:
    """Turn a share of a pool, or a number, into a number."""
    return max(1, round(size * pool)) if size < 1 else int(size)


def describe(what: str, parts: Mapping[str, Sequence[Any] | np.ndarray]) -> str:
    """Say in one line what the images are, and how many are in each split."""
    return f"{what}: {', '.join(f'{len(parts[split]):,} {split}' for split in SPLITS)}."
