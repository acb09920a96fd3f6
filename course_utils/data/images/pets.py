"""pets: the Oxford-IIIT photographs of cats and dogs in 37 breeds, which nothing stands in for."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.torch_basics import delegates
from fastai.vision.augment import aug_transforms
from PIL import Image, ImageOps

from course_utils import environment
from course_utils.data.decoded import decode_once
from course_utils.data.fetching import fetch
from course_utils.data.images.near_duplicates import look_alikes
from course_utils.data.images.opening import open_image
from course_utils.data.images.options import ImageOptions
from course_utils.data.images.store import Store, StoreLoaders, make_loaders
from course_utils.data.options import check_known
from course_utils.data.sources import SOURCES
from course_utils.data.splits import split_by_class
from course_utils.errors import CourseError

TASKS = ("breeds", "cats or dogs")
TENSORS = ("images", "duplicate_pairs")


@delegates(ImageOptions)
def pets(
    task: str = "breeds",
    n_per_class: int | None = None,
    *,
    size: int = 224,
    split: tuple[float, float] = (0.2, 0.2),
    **kwargs: Any,
) -> StoreLoaders:
    """Load cats and dogs as fastai DataLoaders with a held-out `test`.

    Parameters
    ----------
    task : str
        "breeds" (37 classes) or "cats or dogs" (cat, dog).
    size : int
        Pixels a side; the photographs are decoded once at this size, cut to their central square.
    n_per_class, split, **kwargs
        The options of `ImageOptions`.

    Raises
    ------
    CourseError
        `data.unknown-task`; `data.needs-photographs` where drawings are chosen; those of `fetch` when the photographs
        can't be had, and those of `split_by_class`.
    """
    check_known(kwargs, "pets", ImageOptions)
    options = ImageOptions(n_per_class=n_per_class, size=size, split=split, **kwargs)
    if task not in TASKS:
        raise CourseError(
            f"There is no pets task {task!r}: choose 'breeds' or 'cats or dogs'.", code="data.unknown-task"
        )
    if environment.images() != "photographs":
        raise CourseError(
            "pets is a download of 792 MB and has no drawings: set COURSE_IMAGES=photographs before the setup cell, "
            "or use 'digits' or 'vehicles', which need no download.",
            code="data.needs-photographs",
        )
    files = sorted(fetch("pets").rglob("*.jpg"))
    key = f"pets-{size}-{(SOURCES['pets'].published or '')[-12:]}"
    photographs = decode_once(key, lambda: _decode(files, size), TENSORS)
    names = [_breed(file) if task == "breeds" else _species(file) for file in files]
    vocab = sorted(set(names))
    labels = torch.tensor([vocab.index(name) for name in names])
    pairs = photographs["duplicate_pairs"].numpy()
    return make_loaders(
        Store(photographs["images"], labels, vocab),
        split_by_class(labels.numpy(), vocab, n_per_class, options.chosen_seed, split, pairs),
        options,
        what=f"photographs of {task}",
        default_augment=aug_transforms(),
    )


def _decode(files: list[Path], size: int) -> dict[str, torch.Tensor]:
    images = np.empty((len(files), size, size, 3), np.uint8)

    def decode(index: int) -> None:
        images[index] = np.asarray(ImageOps.fit(open_image(files[index]), (size, size), Image.Resampling.BILINEAR))

    with ThreadPoolExecutor() as pool:  # Pillow lets other threads run while it decodes
        list(pool.map(decode, range(len(files))))
    stacked = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    pairs = look_alikes(stacked)
    print(f"{pairs.unique().numel():,} of {len(files):,} photographs have a near-duplicate, never in another set.")
    return {"images": stacked, "duplicate_pairs": pairs}


def _breed(file: Path) -> str:
    """Return the breed in a file's name: american_bulldog_7.jpg shows an american bulldog."""
    return file.stem.rsplit("_", 1)[0].replace("_", " ")


def _species(file: Path) -> str:
    """Return cat or dog: the publisher writes cats with a capital letter and dogs without."""
    return "cat" if file.name[0].isupper() else "dog"
