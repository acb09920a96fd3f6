"""mri: 253 MR slices with and without a tumour, and the popular folder of copies that was made of them before a split.

The folder `augmented data` of the public repository holds 2,065 turned, moved and darkened copies of the 253 slices.
Tutorials divide these copies at random, and so test on slices that were trained on.
"""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from fastai.torch_basics import delegates
from fastai.vision.augment import aug_transforms
from PIL import Image, ImageOps
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from course_utils import environment
from course_utils.data.archives import read_files
from course_utils.data.decoded import decode_once, decode_unless_missing
from course_utils.data.fetching import fetch_archive
from course_utils.data.groups import check_classes, shares, split_by_group
from course_utils.data.images.cohort import Cohort, draw_slices, list_slices
from course_utils.data.images.near_duplicates import near_duplicates
from course_utils.data.images.opening import open_image
from course_utils.data.images.options import ImageOptions
from course_utils.data.images.store import Store, StoreLoaders, make_loaders
from course_utils.data.options import check_known
from course_utils.data.sources import SOURCES
from course_utils.data.splits import STORED, split_by_class
from course_utils.errors import CourseError

VOCAB = ("no tumour", "tumour")
FOLDERS = ("no", "yes")  # of the classes in the archive
COPIES = (10, 7)  # of a slice without and with a tumour in the popular folder
COPY = re.compile(r"aug_(.+?)\.?_\d+_\d+")  # its files' names; some have lost what stood behind a point
SIDE = 128  # pixels, of the head in a square
DARK = 0.1  # of the brightest: the air around the head
TENSORS = ("images", "labels", "originals")
DRAWN = Cohort(n_patients=253, slices=1, prevalence=155 / 253, duplicates=25 / 253)  # as many as there are of each


@delegates(ImageOptions)
def mri(
    n_per_class: int | None = None,
    *,
    copies: bool = False,
    split_by: str = "original",
    size: int = 96,
    split: tuple[float, float] = (0.15, 0.15),
    **kwargs: Any,
) -> StoreLoaders:
    """Load MR slices of heads with and without a tumour as fastai DataLoaders with a held-out `test`.

    They are the 253 slices of a public repository, 25 of them byte-identical copies of others, cropped to the head,
    padded to a square and decoded once to 128×128 pixels. Nothing is known of the patients or of who found the tumours:
    nothing medical can be concluded from them. Where they can't be had, a sentence says why and synthetic slices of
    64×64 pixels stand in, with as many copies.

    Parameters
    ----------
    copies : bool
        Load the 2,065 turned, moved and darkened copies instead that the repository holds as its augmented data: ten
        of each slice without a tumour and seven of each with one.
    split_by : str
        "original" (all images of a slice, and of those nearly equal to it, in one split) or "image" (as if each showed
        something else: a leak).
    size : int
        Pixels a side of the images in a batch.
    split : (float, float)
        Shares of the validation and of the test set.
    n_per_class, **kwargs
        The options of `ImageOptions`.

    Returns
    -------
    StoreLoaders
        `factors` has a row for each image: split, label and original (a number that the images of one slice share);
        `real` says whether they are the public slices.

    Raises
    ------
    CourseError
        `data.bad-option` for a wrong option, and those of `split_by_group`.
    """
    check_known(kwargs, "mri", ImageOptions)
    options = ImageOptions(n_per_class=n_per_class, size=size, split=split, **kwargs)
    if split_by not in ("original", "image"):
        raise CourseError(f"split_by is {split_by!r}: choose 'original' or 'image'.", code="data.bad-option")
    shares(options.split)
    seed = options.chosen_seed
    known = _public(copies) if environment.images() == "photographs" else None
    real, what = known is not None, ("copies of " if copies else "") + ("MR slices" if known else "synthetic slices")
    known = known or _draw(seed, copies)
    images, label, original = (known[name] for name in TENSORS)  # in whatever order a file keeps them
    labels = label.numpy()
    if split_by == "image":
        divided = split_by_class(labels, VOCAB, n_per_class, seed, options.split)
    else:
        divided = split_by_group(labels, original.tolist(), VOCAB, n_per_class, seed, options.split)
    check_classes(divided, labels, VOCAB, "change split")
    dls = make_loaders(
        Store(images, label, VOCAB),
        divided,
        options,
        what=what,
        default_augment=aug_transforms(max_rotate=10, max_warp=0, max_zoom=1.1),
        resize="squish",
    )
    names = np.full(len(labels), "unused", object)
    for name in STORED:
        names[getattr(divided, name)] = name
    dls.factors = pd.DataFrame({"split": names, "label": np.array(VOCAB)[labels], "original": original})
    dls.real = real
    return dls


@cache  # one sentence a session, and one try: a machine without a network waits for each
def _public(copies: bool) -> dict[str, torch.Tensor] | None:
    """Return the public slices, or their copies, with TENSORS; None when they can't be had."""
    instead = "Synthetic slices stand in for the public ones."
    return decode_unless_missing(_key(copies), _decode_copies if copies else _decode_slices, TENSORS, instead)


def _key(copies: bool) -> str:
    return f"mri-{'copies' if copies else 'slices'}-{SIDE}-{SOURCES['brain_tumor'].archive.rpartition('-')[2][:12]}"


def _decode_slices() -> dict[str, torch.Tensor]:
    files = {path: content for path, content in _files() if not COPY.match(path.name)}
    images, labels = _decode(files)
    names = np.array([f"{path.parent.name}/{path.stem}" for path in _in_order(files)])
    namesakes = torch.from_numpy((names[:-1] == names[1:]).nonzero()[0])  # nobody knows which of them a copy shows
    pairs = torch.cat([near_duplicates(images), torch.stack([namesakes, namesakes + 1], 1)])
    originals = _joined(len(images), pairs)
    print(f"{len(images) - len(originals.unique())} of {len(images)} slices repeat another: they share its number.")
    return dict(zip(TENSORS, (images, labels, originals), strict=True))


def _decode_copies() -> dict[str, torch.Tensor]:
    slices = _in_order(path for path, _ in _files() if not COPY.match(path.name))
    place = {(path.parent.name, path.stem): number for number, path in enumerate(slices)}
    files = {path: content for path, content in _files() if COPY.match(path.name)}
    images, labels = _decode(files)
    copied = [place[path.parent.name, COPY.sub(r"\1", path.stem)] for path in _in_order(files)]
    originals = decode_once(_key(copies=False), _decode_slices, TENSORS)["originals"]
    return dict(zip(TENSORS, (images, labels, originals[copied]), strict=True))


def _files() -> list[tuple[PurePosixPath, bytes]]:
    source = SOURCES["brain_tumor"]
    files = read_files(fetch_archive(source.name), source.unpacked)
    return [(PurePosixPath(name), content) for name, content in files if re.search(source.counted, name)]


def _decode(files: dict[PurePosixPath, bytes]) -> tuple[torch.Tensor, torch.Tensor]:
    """Decode them `_in_order`, and tell their classes."""
    paths = _in_order(files)
    with ThreadPoolExecutor() as pool:  # Pillow lets other threads run while it decodes
        images = list(pool.map(lambda path: _head(files[path]), paths))
    return torch.stack(images), torch.tensor([FOLDERS.index(path.parent.name) for path in paths])


def _in_order(paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    return sorted(paths, key=lambda path: (path.parent.name, path.stem, path.suffix))


def _head(content: bytes) -> torch.Tensor:
    """Crop the air around the head, pad to a square with black, and scale to SIDE pixels: (3, SIDE, SIDE) uint8."""
    image = open_image(content)
    grey = np.asarray(image.convert("L"))
    bright = grey > DARK * grey.max()
    rows, columns = (np.flatnonzero(bright.any(axis)) for axis in (1, 0))
    image = image.crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    square = ImageOps.pad(image, (SIDE, SIDE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1)


def _joined(count: int, pairs: torch.Tensor) -> torch.Tensor:
    """Return a number for each of `count` items that those share which pairs join, over several pairs too."""
    near = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return torch.from_numpy(connected_components(near, directed=False)[1].astype(np.int64))


@lru_cache(maxsize=4)
def _draw(seed: int, copies: bool) -> dict[str, torch.Tensor]:
    """Draw slices, or make copies of them as the popular folder's were made."""
    register = list_slices(DRAWN, seed)
    drawn, _, _ = draw_slices(DRAWN, seed, register, shifted=False)
    images = torch.from_numpy(drawn)[:, None].repeat(1, 3, 1, 1)
    labels, originals = (torch.tensor(register[name].to_numpy()) for name in ("label", "head"))
    if copies:
        copied = torch.arange(len(images)).repeat_interleave(torch.tensor(COPIES)[labels])
        images, labels, originals = copy_as_published(images[copied], seed), labels[copied], originals[copied]
    return dict(zip(TENSORS, (images, labels, originals), strict=True))


def copy_as_published(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Turn, move, shear, mirror and darken images as the popular folder's authors did.

    Parameters
    ----------
    images : (n, 3, height, width) uint8
    seed : int
        Decides what happens to which image.

    Returns
    -------
    (n, 3, height, width) uint8

    Notes
    -----
    The ranges are those of the repository's notebook on augmentation: turned by up to 10°, moved by up to a tenth of
    the side each way, sheared by up to .1°, 0.3 to 1 times as bright, mirrored either way; edges are repeated.
    """
    random = np.random.default_rng([seed, len(images)])
    turn, shear = np.radians(random.uniform(-10, 10, len(images))), np.radians(random.uniform(-0.1, 0.1, len(images)))
    across, down = (random.choice([-1, 1], len(images)) for _ in range(2))
    move = random.uniform(-0.2, 0.2, (2, len(images)))  # of half a side, as grids count
    rows = [
        [across * np.cos(turn), -down * np.sin(turn + shear), move[0]],
        [across * np.sin(turn), down * np.cos(turn + shear), move[1]],
    ]
    grid = F.affine_grid(torch.tensor(np.array(rows)).permute(2, 0, 1).float(), list(images.shape), align_corners=False)
    turned = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    light = torch.from_numpy(random.uniform(0.3, 1, len(images))).float()[:, None, None, None]
    return (turned * light).round().clamp(0, 255).to(torch.uint8)
