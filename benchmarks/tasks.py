"""What the benchmark trains on: its tasks, and their images as files, in the folders that fastai and torch read."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from PIL import Image

from course_utils.data.fetching import fetch_archive, is_here
from course_utils.errors import CourseError

PARTS = ("train", "valid", "test")
LR_MULT = 3  # how much slower than the head the earliest layers learn in fine_tune, ours and stock fastai's


@dataclass(frozen=True)
class Task:
    """Images, and how long to train on them: all arms get the same.

    split: images a class for valid, which nothing here uses, and for test (or its share, as in `split_by_class`)
    augment: arguments of fastai's aug_transforms, for training all layers; heads train on the plain images
    rates: the learning rate of each arm and each regime; `bench.py --rates` tries others
    """

    name: str
    about: str
    dataset: str
    profile: str
    labels: int  # images a class to train on
    size: int  # pixels
    bs: int
    goal: float  # the accuracy that "time to accuracy" waits for
    split: tuple[float, float]
    augment: Mapping[str, Any]
    rates: Mapping[str, float]
    epochs: int = 9  # passes over the training images, in all arms

    def load(self, seed: int, *, augment: bool):
        """The course's own loaders."""
        from fastai.vision.augment import aug_transforms

        from course_utils import data

        os.environ["COURSE_PROFILE"] = self.profile
        return data.load(
            self.dataset,
            n_per_class=self.labels,
            seed=seed,
            size=self.size,
            bs=self.bs,
            split=self.split,
            augment=aug_transforms(**self.augment) if augment else False,
        )


_ROAD = {"max_rotate": 5, "max_warp": 0, "max_zoom": 1.15}


def _rates(bs: int) -> dict[str, float]:
    """PyTorch's tutorial takes .001 for batches of four: in proportion to the batch (Goyal et al. 2017) for ours."""
    fastai = dict.fromkeys(("head ours", "head fastai", "full ours", "full fastai"), 1e-2)
    return fastai | dict.fromkeys(("head torch", "full torch"), 1e-3 * bs / 4)


TASKS = {
    task.name: task
    for task in (
        Task(
            name="digits",
            about="handwritten digits",
            dataset="digits",
            profile="mini",
            labels=20,
            size=48,
            bs=16,
            goal=0.9,
            split=(2, 0.4),
            augment={"do_flip": False, "max_rotate": 10, "max_warp": 0, "max_zoom": 1.1},
            rates=_rates(16),
        ),
        Task(
            name="drawings",
            about="drawn cars and trucks",
            dataset="vehicles",
            profile="mini",
            labels=100,
            size=64,
            bs=16,
            goal=0.9,
            split=(2, 250),
            augment=_ROAD,
            rates=_rates(16),
        ),
        Task(
            name="photographs",
            about="photographs of cars and trucks (CIFAR-10)",
            dataset="vehicles",
            profile="full",
            labels=500,
            size=64,
            bs=64,
            goal=0.85,
            split=(2, 300),
            augment=_ROAD,
            rates=_rates(64),
            epochs=5,
        ),
    )
}


def find_task(name: str) -> Task:
    """The task of that name; `vehicles` means the photographs when their archive is at hand, else the drawings.

    Raises CourseError for an unknown name, and when the photographs can't be had.
    """
    names = ["vehicles", *TASKS]
    if name not in names:
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise CourseError(f"There is no data set {name!r} here{meant}: choose from {', '.join([*names, 'growth'])}.")
    if name == "vehicles":
        name = "photographs" if is_here("cifar10") else "drawings"
    if name == "photographs":
        fetch_archive("cifar10")  # here, or the course would let drawings stand in for them
    return TASKS[name]


def shrink(task: Task) -> Task:
    """So few and small images that a training takes a second or two; its figures say nothing."""
    return replace(task, labels=4, size=32, bs=4, epochs=2, split=(1, 5), goal=0.0)


def write_images(task: Task, seed: int, folder: Path) -> None:
    """folder/PART/CLASS/NUMBER.png: the very images that `task.load(seed)` trains on, without loss."""
    dls = task.load(seed, augment=False)
    for part, loader in zip(PARTS, dls.loaders, strict=True):
        store = loader.dataset.tls[0].tfms.fs[0].store
        for place in loader.dataset.items:
            path = folder / part / dls.vocab[store.labels[place]] / f"{place:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(store.images[place].permute(1, 2, 0).cpu().numpy()).save(path)


@dataclass(frozen=True)
class Point:
    """One setting whose cost is measured: labels in all, the width of the network's first stage, pixels a side."""

    labels: int = 500
    width: int = 32
    size: int = 64

    @property
    def name(self) -> str:
        return f"{self.labels} labels, width {self.width}, {self.size} px"
