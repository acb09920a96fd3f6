"""vehicles: cars and trucks, as photographs, or as drawings with known factors where there are none."""

import io
import re
from functools import cache, lru_cache
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.torch_basics import delegates
from fastai.vision.augment import aug_transforms
from PIL import Image

from course_utils import environment
from course_utils.data.archives import read_files
from course_utils.data.decoded import decode_unless_missing
from course_utils.data.fetching import fetch_archive
from course_utils.data.images.drawings import SceneSettings, draw
from course_utils.data.images.drawn_splits import Draw, draw_splits
from course_utils.data.images.near_duplicates import look_alikes
from course_utils.data.images.options import ImageOptions
from course_utils.data.images.store import Store, StoreLoaders, make_loaders
from course_utils.data.options import check_known
from course_utils.data.sources import SOURCES
from course_utils.data.splits import split_by_class
from course_utils.errors import CourseError

TASKS = {"cars or trucks": ("car", "truck"), "cars": ("car", "other"), "trucks": ("other", "truck")}
DRAWN_OTHERS = ("house", "tree", "boat", "road", "bus")
DRAWN = 850  # drawings a class, in all three splits together
PHOTOGRAPHED = {"automobile": "car", "truck": "truck"}  # in CIFAR-10's names; every other class is "other"
KINDS = ("car", "truck", "other")
OTHERS = 1 / 8  # the first eighth of each of eight classes: as many others as cars or trucks
CIFAR_SIZES = {"train": 5000, "test": 1000}  # photographs of each class
TENSORS = ("images", "kinds", "reserved_for_test", "duplicate_pairs")


@delegates(ImageOptions)
def vehicles(
    task: str = "cars or trucks",
    n_per_class: int | None = None,
    *,
    split: tuple[float, float] = (100, 250),
    settings: SceneSettings | None = None,
    **kwargs: Any,
) -> StoreLoaders:
    """Load cars and trucks as fastai DataLoaders with a held-out `test`: the same call for photographs and drawings.

    The photographs are CIFAR-10's, of 32×32 pixels, with `test` from its test set; when they can't be had, a sentence
    says why and the drawings stand in. The drawings have 64×64 pixels, and come with `dls.factors`. The others are
    CIFAR-10's eight other classes, or drawn houses, trees, boats, empty roads and buses.

    Parameters
    ----------
    task : str
        "cars or trucks" (classes car, truck), "cars" (car, other) or "trucks" (other, truck).
    settings : SceneSettings, optional
        How the drawings look. Only drawings have settings, so with `settings` there are no photographs.
    n_per_class, split, **kwargs
        The options of `ImageOptions`.

    Raises
    ------
    CourseError
        `data.unknown-task`, and those of `split_by_class`.
    """
    check_known(kwargs, "vehicles", ImageOptions)
    options = ImageOptions(n_per_class=n_per_class, split=split, **kwargs)
    if task not in TASKS:
        names = ", ".join(f"'{name}'" for name in TASKS)
        raise CourseError(f"There is no vehicles task {task!r}: choose one of {names}.", code="data.unknown-task")
    vocab = TASKS[task]
    photographs = _photographs() if environment.images() == "photographs" and settings is None else None
    if photographs is None:
        what = "drawings"
        store, divided, factors = draw_splits(vocab, DRAWN, options, _painter(options.chosen_seed, settings))
    else:
        what, factors = "photographs", None
        label_of_kind = torch.tensor([vocab.index(kind) if kind in vocab else -1 for kind in KINDS])
        store = Store(photographs["images"], label_of_kind[photographs["kinds"]], vocab)
        divided = split_by_class(
            store.labels.numpy(),
            vocab,
            n_per_class,
            options.chosen_seed,
            split,
            photographs["duplicate_pairs"].numpy(),
            photographs["reserved_for_test"].numpy(),
        )
    augment = aug_transforms(max_rotate=5, max_warp=0, max_zoom=1.15)
    dls = make_loaders(store, divided, options, what=f"{what} of {task}", default_augment=augment)
    dls.factors = factors
    return dls


@cache  # one sentence a session, and one try: a machine without a network waits for each
def _photographs() -> dict[str, torch.Tensor] | None:
    """Return the tensors of the photographs (TENSORS; kinds are indices into KINDS), or None when they can't be had."""
    key, instead = (SOURCES["cifar10"].content or "")[:12], "Drawn vehicles stand in for the photographs."
    return decode_unless_missing(f"vehicles-{key}", _decode_photographs, TENSORS, instead)


def _decode_photographs() -> dict[str, torch.Tensor]:
    source = SOURCES["cifar10"]
    images, kinds, reserved = [], [], []
    for file, content in read_files(fetch_archive(source.name), source.unpacked):
        path = PurePosixPath(file)
        if not re.search(source.counted, file):
            continue
        published_split, name = path.parts[-3:-1]
        kind = PHOTOGRAPHED.get(name, "other")
        if kind != "other" or int(path.stem) < OTHERS * CIFAR_SIZES[published_split]:
            images.append(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))
            kinds.append(KINDS.index(kind))
            reserved.append(published_split == "test")
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
    pairs = look_alikes(stacked)
    print(f"{pairs.unique().numel():,} of {len(stacked):,} photographs have a near-duplicate, never in another set.")
    tensors = (stacked, torch.tensor(kinds), torch.tensor(reserved), pairs)
    return dict(zip(TENSORS, tensors, strict=True))


def _painter(seed: int, settings: SceneSettings | None) -> Draw:
    """Give what `draw_splits` draws with."""

    def paint(labels: list[str], numbers: list[int]) -> tuple[np.ndarray, pd.DataFrame]:
        kinds = tuple(_kind(label, number) for label, number in zip(labels, numbers, strict=True))
        seeds = tuple(_drawing_seed(seed, label, number) for label, number in zip(labels, numbers, strict=True))
        return _draw(kinds, seeds, settings or SceneSettings())

    return paint


def _kind(label: str, number: int) -> str:
    """Return what to draw for the class and the drawing's number in it."""
    return DRAWN_OTHERS[number % len(DRAWN_OTHERS)] if label == "other" else label


def _drawing_seed(seed: int, label: str, number: int) -> int:
    """Return the drawing's own seed; no two drawings of any class and any seed of the data set share one."""
    return (seed * len(KINDS) + KINDS.index(label)) * DRAWN + number


@lru_cache(maxsize=16)  # a sweep over labels or strategies asks for the same validation and test set again and again
def _draw(kinds: tuple[str, ...], seeds: tuple[int, ...], settings: SceneSettings) -> tuple[np.ndarray, pd.DataFrame]:
    return draw(kinds, seeds, settings)
