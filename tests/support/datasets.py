"""Small data sets for tests, ready in milliseconds: images in memory, as the course's own DataLoaders, or in files."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.torch_basics import Transform
from PIL import Image

from course_utils import data
from course_utils.data.images.options import ImageOptions
from course_utils.data.images.store import Store, StoreLoaders, make_loaders
from course_utils.data.splits import Split

COLOURS = ("red", "green", "blue")
# The course's own digits where a test wants real images: three a class, small, and always the same.
FEW_DIGITS = {"n_per_class": 3, "size": 32, "bs": 8, "seed": 1, "split": (0.02, 0.05), "augment": False}


def coloured_images(count: int = 150, side: int = 12) -> Store:
    """Noisy images in three colours, which even a tiny network learns: red, green, blue, red, and so on."""
    labels = torch.arange(count) % len(COLOURS)
    noise = torch.randint(0, 120, (count, 3, side, side), generator=torch.Generator().manual_seed(0))
    noise[torch.arange(count), labels] += 130
    return Store(noise.to(torch.uint8), labels, COLOURS)


def noise_images(count: int, side: int = 32) -> torch.Tensor:
    """Images of which no two are alike: uint8 (count, 3, side, side)."""
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (count, 3, side, side), dtype=np.uint8))


def split_in_order(*sizes: int) -> Split:
    """Training, validation and test set of these sizes, one after the other."""
    ends = np.cumsum([0, *sizes])
    return Split(*(list(range(start, end)) for start, end in pairwise(ends)))


def store_loaders(
    store: Store,
    split: Split | Sequence[int],
    *,
    what: str = "toys",
    default_augment: Sequence[Transform] = (),
    **options: Any,
) -> StoreLoaders:
    """The course's DataLoaders over a store, without augmentation; split may be the three sizes."""
    split = split if isinstance(split, Split) else split_in_order(*split)
    plain = {"size": store.images.shape[-1], "bs": 16, "seed": 0, "augment": False}
    chosen = ImageOptions(**{**plain, **options})
    return make_loaders(store, split, chosen, what=what, default_augment=default_augment)


def few_digits(**options: Any) -> StoreLoaders:
    """Thirty real digits to train on (FEW_DIGITS), with any option changed."""
    return data.load("digits", **FEW_DIGITS | options)


def write_images(folder: Path, names: Iterable[str], side: int = 10, seed: int = 0) -> Path:
    """Write an image of noise under each name below the folder, and return the folder."""
    rng = np.random.default_rng(seed)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (side, side + 4, 3), np.uint8)).save(path)
    return folder


def class_folders(folder: Path, each: int = 6, classes: Iterable[str] = ("cat", "dog")) -> Path:
    """Write a folder with a sub-folder of images for each class, and return it."""
    return write_images(folder, (f"{name}/{number}.png" for name in classes for number in range(each)))
