"""Who trains and who tests: stratified, nested, and without near-duplicates on both sides."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.errors import CourseError

ALIKE = 0.75
THUMBNAIL = 16
BLUR = 7


@dataclass(frozen=True)
class Split:
    """Places of the images of each part, and how many near-duplicates were left out of all parts."""

    train: list[int]
    valid: list[int]
    test: list[int]
    near_duplicates: int = 0


def near_duplicates(images: torch.Tensor) -> torch.Tensor:
    """Pairs (M, 2) of places, in order, of images (N, 3, H, W, uint8) that are nearly the same, or mirror images.

    Two images are alike when the fine detail of their grey 16×16 thumbnails correlates by at least 0.75. Looked at
    on the cars and trucks of CIFAR-10: above 0.85 nearly every pair is one photograph, cropped or recoloured; at 0.75
    about half are. To leave out a few images too many costs nothing; to keep one too many would flatter a test.
    """
    detail, mirrored = _detail(images), _detail(images.flip(-1))
    pairs = []
    for start in range(0, len(images), 1000):
        rows = detail[start : start + 1000]
        alike = torch.maximum(rows @ detail[start:].T, rows @ mirrored[start:].T) >= ALIKE
        pairs.append(alike.triu(diagonal=1).nonzero() + start)
    return torch.cat(pairs) if pairs else torch.empty(0, 2, dtype=torch.long)


def _detail(images: torch.Tensor) -> torch.Tensor:
    """Grey thumbnails without their soft shading, as unit vectors (N, 256): skies and roads would look alike."""
    parts = [part.float().mean(1, keepdim=True) for part in images.split(500)]  # in parts, for large sets in float
    grey = torch.cat([F.adaptive_avg_pool2d(part, THUMBNAIL) for part in parts])
    margin = BLUR // 2
    detail = grey - F.avg_pool2d(F.pad(grey, (margin,) * 4, mode="reflect"), BLUR, stride=1)
    return F.normalize((detail - detail.mean((2, 3), keepdim=True)).flatten(1))


def split_by_class(
    labels: Sequence[int],
    vocab: Sequence[str],
    n_per_class: int | None,
    seed: int,
    split: tuple[float, float],
    alike: torch.Tensor | None = None,
    for_test: np.ndarray | None = None,
) -> Split:
    """Divide images into train, valid and test, each class by itself.

    labels: a class's place in `vocab` for each image, or -1 for an image that isn't used
    n_per_class: images a class in train (None: all that are left); fewer are always among those of a larger number
    split: (valid, test), each a share of a class's images below 1, or from 1 upwards a number of images a class
    alike: near-duplicate pairs; a test image's go to neither valid nor train, a valid one's not to train
    for_test: the images that the publisher reserved for testing; test is then taken from them alone, and the rest
        from the others

    Valid and test depend on the seed and on `split` and not on `n_per_class`; a class is divided alike in every task
    that has it, so that no task's test images trained a network for another task. Errors: CourseError for more
    images than there are.
    """
    labels = np.asarray(labels)
    reserved = np.ones(len(labels), bool) if for_test is None else np.asarray(for_test)
    alike = np.empty((0, 2), int) if alike is None else np.asarray(alike)
    test, valid, train = [], [], []
    rest, size = [], []
    for place, name in enumerate(vocab):
        order = np.random.default_rng([seed, crc32(name.encode())]).permutation(np.flatnonzero(labels == place))
        candidates = order[reserved[order]]
        size.append(len(order))
        test.append(_take(candidates, _count(split, "test", len(order)), f"{name!r} images for test"))
        others = candidates[len(test[-1]) :] if for_test is None else order[~reserved[order]]
        rest.append(others)
    left = _without(rest, test, alike)
    for place, name in enumerate(vocab):
        valid.append(_take(left[place], _count(split, "valid", size[place]), f"{name!r} images for valid"))
    left = _without([others[len(taken) :] for others, taken in zip(left, valid, strict=True)], valid, alike)
    if n_per_class is not None and not (type(n_per_class) in (int, np.int64) and n_per_class > 0):
        raise CourseError(f"n_per_class is {n_per_class!r}: give a whole number from 1 upwards, or None for all.")
    for place, name in enumerate(vocab):
        train.append(_take(left[place], len(left[place]) if n_per_class is None else n_per_class, f"{name!r} labels"))
    dropped = sum(map(len, rest)) - sum(map(len, valid)) - sum(map(len, left))
    return Split(*([int(i) for i in np.concatenate(part)] for part in (train, valid, test)), near_duplicates=dropped)


def _count(split: tuple[float, float], part: str, size: int) -> int:
    try:
        share = dict(zip(("valid", "test"), split, strict=True))[part]
        if share >= 0 and (share < 1 or share == int(share)):
            return round(share * size) if share < 1 else int(share)
    except (TypeError, ValueError):
        pass
    raise CourseError(
        f"split is {split!r}: give two numbers for valid and test, each a share of a class's images below 1 "
        "or a whole number of images a class."
    )


def _take(order: np.ndarray, count: int, what: str) -> np.ndarray:
    if count > len(order):
        raise CourseError(f"{count:,} {what} were asked for and {len(order):,} exist: ask for at most {len(order):,}.")
    return order[:count]


def _without(rest: list[np.ndarray], taken: list[np.ndarray], alike: np.ndarray) -> list[np.ndarray]:
    """What is left of `rest` without the near-duplicates of `taken`."""
    taken = np.concatenate(taken)
    twins = np.concatenate([alike[np.isin(alike[:, 0], taken), 1], alike[np.isin(alike[:, 1], taken), 0]])
    return [others[~np.isin(others, twins)] for others in rest]
