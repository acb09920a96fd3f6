"""recycling: TrashNet's photographs of rubbish in six materials, or drawings of such where they can't be had."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
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
from course_utils.data.fetching import fetch_archive, fetch_beside
from course_utils.data.images.drawings.rubbish import draw_rubbish
from course_utils.data.images.drawn_splits import Draw, draw_splits
from course_utils.data.images.near_duplicates import look_alikes
from course_utils.data.images.opening import open_image
from course_utils.data.images.options import ImageOptions
from course_utils.data.images.store import Store, StoreLoaders, make_loaders
from course_utils.data.options import check_known
from course_utils.data.sources import SOURCES
from course_utils.data.splits import SPLITS, keep_published_split
from course_utils.errors import CourseError

VOCAB = ("cardboard", "glass", "metal", "paper", "plastic", "trash")
PUBLISHED_NUMBERS = {"glass": 1, "paper": 2, "cardboard": 3, "plastic": 4, "metal": 5, "trash": 6}
LISTS = {"train": "train", "valid": "val", "test": "test"}  # how our splits are named in the publisher's files
SIDE = 128  # pixels; the whole photograph (512×384) squeezed into a square, since things often reach its edges
THUMBNAIL = 32  # pixels: all lie on one board, so that smaller thumbnails compare shadows
DRAWN, DRAWN_SPLIT = 421, (0.13, 0.17)  # drawings a class, and their shares: as many as the photographs, and as divided
TENSORS = ("images", "labels", "published", "duplicate_pairs")


@delegates(ImageOptions)
def recycling(
    n_per_class: int | None = None,
    *,
    size: int = 96,
    split: tuple[float, float] | None = None,
    **kwargs: Any,
) -> StoreLoaders:
    """Load rubbish of six materials as fastai DataLoaders with a held-out `test`.

    They are TrashNet's phone photographs, decoded once to 128×128 pixels, in the training, validation and test set of
    their authors. Images that nearly equal one of the test set are left out of the other two. Where the photographs
    can't be had, a sentence says why and drawings of 64×64 pixels stand in, with `dls.factors`.

    Parameters
    ----------
    size : int
        Pixels a side of the images in a batch.
    split : (float, float), optional
        How much of the authors' validation and test set is used: a share of each class below 1, or a number of images
        of each class. None is all, and as large a share of the drawings.
    n_per_class, **kwargs
        The options of `ImageOptions`; the rarest class, trash, has fewer than 91 training photographs.

    Raises
    ------
    CourseError
        Those of `keep_published_split`.
    """
    check_known(kwargs, "recycling", ImageOptions)
    options = ImageOptions(n_per_class=n_per_class, size=size, split=DRAWN_SPLIT if split is None else split, **kwargs)
    photographs = _photographs() if environment.images() == "photographs" else None
    if photographs is None:
        what = "drawings of rubbish"
        store, divided, factors = draw_splits(VOCAB, DRAWN, options, _painter(options.chosen_seed))
    else:
        what, factors = "photographs of rubbish", None
        store = Store(photographs["images"], photographs["labels"], VOCAB)
        divided = keep_published_split(
            store.labels.numpy(),
            VOCAB,
            np.array(SPLITS)[photographs["published"].numpy()],
            n_per_class,
            options.chosen_seed,
            split,
            photographs["duplicate_pairs"].numpy(),
        )
    augment = aug_transforms(max_rotate=10, max_warp=0, max_zoom=1.1)
    dls = make_loaders(store, divided, options, what=what, default_augment=augment, resize="squish")
    dls.factors = factors
    return dls


@cache  # one sentence a session, and one try: a machine without a network waits for each
def _photographs() -> dict[str, torch.Tensor] | None:
    """Return the photographs (TENSORS; published counts in SPLITS), or None when they can't be had."""
    instead = "Drawn rubbish stands in for the photographs."
    return decode_unless_missing(f"recycling-{SIDE}-{_commit()[:12]}", _decode_photographs, TENSORS, instead)


def _commit() -> str:
    return SOURCES["trashnet"].url.split("/")[-3]


def _decode_photographs() -> dict[str, torch.Tensor]:
    source = SOURCES["trashnet"]
    archive, lists = fetch_archive(source.name), fetch_beside(source.name)
    contents = {
        PurePosixPath(file): content
        for file, content in read_files(archive, source.unpacked)
        if re.search(source.counted, file)
    }
    files = sorted(contents, key=lambda path: (path.parent.name, len(path.name), path.name))
    published = _read_lists(list(lists.values()), files)
    images = np.empty((len(files), SIDE, SIDE, 3), np.uint8)

    def decode(index: int) -> None:
        image = open_image(contents[files[index]])
        images[index] = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))

    with ThreadPoolExecutor() as pool:  # Pillow lets other threads run while it decodes
        list(pool.map(decode, range(len(files))))
    stacked = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    pairs = look_alikes(stacked, THUMBNAIL)
    print(f"{pairs.unique().numel():,} of {len(files):,} photographs have a near-duplicate, never in another set.")
    labels = torch.tensor([VOCAB.index(path.parent.name) for path in files])
    return dict(zip(TENSORS, (stacked, labels, torch.tensor(published), pairs), strict=True))


def _read_lists(lists: list[Path], files: list[PurePosixPath]) -> list[int]:
    """Return each file's split, as an index into SPLITS; every file must be in one list, with its class's number."""
    folder_of = {path.name: path.parent.name for path in files}
    split_of: dict[str, int] = {}
    for number, split in enumerate(SPLITS):
        text = next(file for file in lists if file.stem.endswith(f"_{LISTS[split]}"))
        for line in text.read_text(encoding="utf-8").splitlines():
            name, _, label = line.partition(" ")
            if name not in folder_of:
                raise _wrong_list(text, f"names {name!r}, which the archive doesn't hold")
            if label.strip() != str(PUBLISHED_NUMBERS[folder_of[name]]):
                raise _wrong_list(text, f"gives {name} the class {label.strip()!r}, but it lies in {folder_of[name]}")
            if name in split_of:
                raise _wrong_list(text, f"names {name!r}, which another line has named already")
            split_of[name] = number
    missing = sorted(folder_of.keys() - split_of.keys())
    if missing:
        raise _wrong_list(lists[0], f"and the other lists leave out {len(missing):,} images, such as {missing[0]!r}")
    return [split_of[path.name] for path in files]


def _wrong_list(text: Path, fault: str) -> CourseError:
    return CourseError(
        f"{text.name} {fault}: delete it in the folder {text.parent} and fetch the data set again.",
        code="data.wrong-list",
    )


def _painter(seed: int) -> Draw:
    """Give what `draw_splits` draws with; no two drawings of any class and any seed of the data set are the same."""

    def paint(labels: list[str], numbers: list[int]) -> tuple[np.ndarray, pd.DataFrame]:
        images, tables = [], []
        for kind in VOCAB:
            number = VOCAB.index(kind)
            of_kind = [n for label, n in zip(labels, numbers, strict=True) if label == kind]
            seeds = tuple((seed * len(VOCAB) + number) * DRAWN + n for n in of_kind)
            drawn, table = _draw(kind, seeds)
            images.append(drawn)
            tables.append(table)
        return np.concatenate(images), pd.concat(tables, ignore_index=True)

    return paint


@lru_cache(maxsize=6 * 16)  # a sweep over labels or strategies asks for the same validation and test set again
def _draw(kind: str, seeds: tuple[int, ...]) -> tuple[np.ndarray, pd.DataFrame]:
    return draw_rubbish(kind, seeds)
