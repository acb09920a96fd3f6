"""vehicles: cars and trucks, as photographs in the full profile and as drawings with known factors in mini."""

import io
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import torch
from fastai.torch_basics import Transform
from fastai.vision.augment import aug_transforms
from PIL import Image

from course_utils.data.decoded import decoded
from course_utils.data.images.drawings import Knobs, draw
from course_utils.data.images.store import Store, StoreLoaders, chosen_seed, make_loaders
from course_utils.data.sources import SOURCES, fetch_archive, read_files
from course_utils.data.splits import Split, near_duplicates, split_by_class
from course_utils.environment import profile
from course_utils.errors import CourseError

TASKS = {"cars or trucks": ("car", "truck"), "cars": ("car", "other"), "trucks": ("other", "truck")}
DRAWN_OTHERS = ("house", "tree", "boat", "road", "bus")
DRAWN = 850  # drawings a class, all parts together
PHOTOGRAPHED = {"automobile": "car", "truck": "truck"}  # in CIFAR-10's names; every other class is "other"
KINDS = ("car", "truck", "other")
OTHERS = 1 / 8  # the first eighth of each of eight classes: as many others as cars or trucks


def vehicles(
    task: str = "cars or trucks",
    n_per_class: int | None = None,
    *,
    seed: int | None = None,
    size: int = 64,
    bs: int = 64,
    split: tuple[float, float] = (100, 250),
    augment: bool | Sequence[Transform] = True,
    normalize: bool = True,
    knobs: Knobs | None = None,
) -> StoreLoaders:
    """Cars and trucks as fastai DataLoaders with a held-out `test`: the same call in both profiles.

    task: "cars or trucks" (classes car, truck), "cars" (car, other) or "trucks" (other, truck)
    knobs: how the drawings look; only drawings have knobs, so with `knobs` the full profile draws too

    full: CIFAR-10 photographs, 32×32 pixels, `test` from its test part; when they can't be had, a sentence says why
    and the drawings stand in. mini: drawings of 64×64 pixels, with `dls.factors`. Others are CIFAR-10's eight other
    classes, or drawn houses, trees, boats, empty roads and buses. The other arguments are as in `make_loaders` and
    `split_by_class`. Errors: CourseError for an unknown task and for more labels than there are.
    """
    if task not in TASKS:
        names = ", ".join(f"'{name}'" for name in TASKS)
        raise CourseError(f"There is no vehicles task {task!r}: choose one of {names}.")
    vocab, seed = TASKS[task], chosen_seed(seed)
    photographs = _photographs() if profile() == "full" and knobs is None else None
    if photographs is None:
        what = "drawings"
        store, parts, factors = _drawings(vocab, n_per_class, seed, split, knobs or Knobs())
    else:
        what, factors = "photographs", None
        labels = torch.tensor([vocab.index(kind) if kind in vocab else -1 for kind in KINDS])[photographs["kinds"]]
        parts = split_by_class(labels, vocab, n_per_class, seed, split, photographs["alike"], photographs["for_test"])
        store = Store(photographs["images"], labels, vocab)
    dls = make_loaders(
        store,
        parts,
        what=f"{what} of {task}",
        size=size,
        bs=bs,
        order_seed=seed,
        augment=augment,
        own_augment=aug_transforms(max_rotate=5, max_warp=0, max_zoom=1.15),
        normalize=normalize,
    )
    dls.factors = factors
    return dls


@cache  # one sentence a session, and one try: a machine without a network waits for each
def _photographs() -> dict[str, torch.Tensor] | None:
    """images, kinds (places in KINDS), for_test and alike (pairs) of the photographs; None when they can't be had."""
    try:
        return decoded(f"vehicles-{SOURCES['cifar10'].content[:12]}", _decode_photographs)
    except CourseError as error:
        print(f"Drawn vehicles stand in for the photographs. {error}")
        return None


def _decode_photographs() -> dict[str, torch.Tensor]:
    source = SOURCES["cifar10"]
    images, kinds, for_test = [], [], []
    for file, content in read_files(fetch_archive(source.name), source.unpacked):
        path = PurePosixPath(file)
        if path.suffix != source.suffix:
            continue
        part, name = path.parts[-3:-1]
        kind = PHOTOGRAPHED.get(name, "other")
        if kind != "other" or int(path.stem) < OTHERS * (1000 if part == "test" else 5000):
            images.append(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))
            kinds.append(KINDS.index(kind))
            for_test.append(part == "test")
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
    alike = near_duplicates(stacked)
    print(f"{alike.unique().numel():,} of {len(stacked):,} photographs have a near-duplicate; no two parts share one.")
    return {"images": stacked, "kinds": torch.tensor(kinds), "for_test": torch.tensor(for_test), "alike": alike}


def _drawings(
    vocab: Sequence[str], n_per_class: int | None, seed: int, split: tuple[float, float], knobs: Knobs
) -> tuple[Store, Split, pd.DataFrame]:
    """The drawings of one seed: the split is settled for all that could be drawn, and only what is used is drawn."""
    labels = np.repeat(np.arange(len(vocab)), DRAWN)
    parts = split_by_class(labels, vocab, n_per_class, seed, split)
    images, tables, places, start = [], [], {}, 0
    for part in ("test", "valid", "train"):  # train last: its length leaves the places of the others alone
        used = np.array(getattr(parts, part), int)
        kinds, seeds = [], []
        for label, number in zip((vocab[place] for place in labels[used]), used % DRAWN, strict=True):
            kinds.append(DRAWN_OTHERS[number % len(DRAWN_OTHERS)] if label == "other" else label)
            seeds.append((seed * len(KINDS) + KINDS.index(label)) * DRAWN + int(number))
        drawn, table = _draw(tuple(kinds), tuple(seeds), knobs)
        images.append(drawn)
        tables.append(table.assign(part=part, label=[vocab[place] for place in labels[used]]))
        places[part] = list(range(start, start := start + len(used)))
    used = np.array([*parts.test, *parts.valid, *parts.train])
    stacked = torch.from_numpy(np.concatenate(images)).permute(0, 3, 1, 2).contiguous()
    store = Store(stacked, torch.from_numpy(labels[used]), vocab)
    return store, Split(**places), pd.concat(tables, ignore_index=True)


@lru_cache(maxsize=16)  # a sweep over labels or strategies asks for the same valid and test again and again
def _draw(kinds: tuple[str, ...], seeds: tuple[int, ...], knobs: Knobs) -> tuple[np.ndarray, pd.DataFrame]:
    return draw(kinds, seeds, knobs)
