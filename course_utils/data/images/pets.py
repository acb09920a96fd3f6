"""pets: the Oxford-IIIT photographs of cats and dogs in 37 breeds, in the full profile only."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from fastai.torch_basics import Transform
from fastai.vision.augment import aug_transforms
from PIL import Image, ImageOps

from course_utils.data.decoded import decoded
from course_utils.data.images.opening import open_image
from course_utils.data.images.store import Store, StoreLoaders, chosen_seed, make_loaders
from course_utils.data.sources import SOURCES, fetch
from course_utils.data.splits import near_duplicates, split_by_class
from course_utils.environment import profile
from course_utils.errors import CourseError

TASKS = ("breeds", "cats or dogs")


def pets(
    task: str = "breeds",
    n_per_class: int | None = None,
    *,
    seed: int | None = None,
    size: int = 224,
    bs: int = 64,
    split: tuple[float, float] = (0.2, 0.2),
    augment: bool | Sequence[Transform] = True,
    normalize: bool = True,
) -> StoreLoaders:
    """Cats and dogs as fastai DataLoaders with a held-out `test`.

    task: "breeds" (37 classes) or "cats or dogs" (cat, dog)
    size: pixels a side; the photographs are decoded once at this size, cut to their central square

    The other arguments are as in `make_loaders` and `split_by_class`. Errors: CourseError for an unknown task, in the
    mini profile, and when the photographs can't be had.
    """
    if task not in TASKS:
        raise CourseError(f"There is no pets task {task!r}: choose 'breeds' or 'cats or dogs'.")
    if profile() != "full":
        raise CourseError(
            "pets is a download of 792 MB and needs the full profile: set COURSE_PROFILE=full before the setup cell, "
            "or use 'digits' or 'vehicles', which need no download."
        )
    seed = chosen_seed(seed)
    files = sorted(fetch("pets").rglob("*.jpg"))
    photographs = decoded(f"pets-{size}-{SOURCES['pets'].published[-12:]}", lambda: _decode(files, size))
    labels = [_breed(file) if task == "breeds" else _species(file) for file in files]
    vocab = sorted(set(labels))
    places = torch.tensor([vocab.index(label) for label in labels])
    return make_loaders(
        Store(photographs["images"], places, vocab),
        split_by_class(places, vocab, n_per_class, seed, split, photographs["alike"]),
        what=f"photographs of {task}",
        size=size,
        bs=bs,
        order_seed=seed,
        augment=augment,
        own_augment=aug_transforms(),
        normalize=normalize,
    )


def _decode(files: list[Path], size: int) -> dict[str, torch.Tensor]:
    images = np.empty((len(files), size, size, 3), np.uint8)

    def decode(place: int) -> None:
        images[place] = ImageOps.fit(open_image(files[place]), (size, size), Image.Resampling.BILINEAR)

    with ThreadPoolExecutor() as pool:  # Pillow lets other threads run while it decodes
        list(pool.map(decode, range(len(files))))
    stacked = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    alike = near_duplicates(stacked)
    print(f"{alike.unique().numel():,} of {len(files):,} photographs have a near-duplicate; no two parts share one.")
    return {"images": stacked, "alike": alike}


def _breed(file: Path) -> str:
    """Abyssinian_12.jpg is an Abyssinian, american_bulldog_7.jpg an american bulldog."""
    return file.stem.rsplit("_", 1)[0].replace("_", " ")


def _species(file: Path) -> str:
    """The publisher writes cats with a capital letter and dogs without."""
    return "cat" if file.name[0].isupper() else "dog"
