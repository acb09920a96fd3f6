"""What the benchmark compares on: tasks of the catalogue, and their images as files, as fastai and torch read them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from PIL import Image

from course_utils.data.fetching import fetch_archive, is_here
from course_utils.environment import silence_known_warnings
from course_utils.errors import CourseError

silence_known_warnings()  # before the import that brings torch and fastai, whose warnings they are

from course_utils.tasks import TASKS, ImageTask  # noqa: E402

SPLITS = ("train", "valid", "test")
LR_MULT = 3  # how much slower than the head the earliest layers learn in fine_tune, ours and stock fastai's


@dataclass(frozen=True)
class Comparison:
    """A task that all arms learn: same images, same epochs.

    task: its `valid` set is tiny, since nothing is chosen here
    goal: the accuracy that "time to accuracy" waits for
    augment: arguments of fastai's aug_transforms, for training all layers; heads train on the plain images
    lrs: the learning rate of each regime and arm, as "head ours"; `bench.py --rates` tries others
    """

    task: ImageTask
    about: str
    goal: float
    augment: Mapping[str, Any]
    lrs: Mapping[str, float]

    @property
    def name(self) -> str:
        return self.task.name

    @property
    def size(self) -> int:
        """Pixels a side."""
        return self.task.options["size"]

    @property
    def bs(self) -> int:
        return self.task.options["bs"]

    def lr_of(self, regime: str, arm: str) -> float:
        """The limit takes our steps, so our learning rate."""
        return self.lrs[f"{regime} {'ours' if arm == 'limit' else arm}"]

    def augmented(self) -> ImageTask:
        """The task as all layers are trained on it."""
        from fastai.vision.augment import aug_transforms

        return self.task.changed(augment=aug_transforms(**self.augment))

    def plain(self) -> ImageTask:
        """The task as heads are trained on it."""
        return self.task.changed(augment=False)


_ROAD = {"max_rotate": 5, "max_warp": 0, "max_zoom": 1.15}


def _compared(name: str, about: str, goal: float, augment: Mapping[str, Any]) -> Comparison:
    """PyTorch's tutorial takes .001 for batches of four: in proportion to the batch (Goyal et al. 2017) for ours."""
    task = TASKS[name]
    ours = ("head ours", "full ours", "stage 4 ours", "stage 3 ours", "probe ours")  # a probe takes no notice of it
    lrs = dict.fromkeys((*ours, "head fastai", "full fastai"), 1e-2)
    lrs |= dict.fromkeys(("head torch", "full torch"), 1e-3 * task.options["bs"] / 4)
    return Comparison(task, about, goal, augment, lrs)


_DIGITS = {"do_flip": False, "max_rotate": 10, "max_warp": 0, "max_zoom": 1.1}
COMPARISONS = {
    each.name: each
    for each in (
        _compared("digits", "handwritten digits", 0.9, _DIGITS),
        _compared("drawings", "drawn cars and trucks", 0.9, _ROAD),
        _compared("photographs", "photographs of cars and trucks (CIFAR-10)", 0.85, _ROAD),
    )
}


def find_comparison(name: str) -> Comparison:
    """The comparison of that name; `vehicles` means the photographs when their archive is at hand, else the drawings.

    Raises CourseError for an unknown name, and when the photographs can't be had.
    """
    names = ["vehicles", *COMPARISONS]
    if name not in names:
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise CourseError(
            f"There is no data set {name!r} here{meant}: choose from {', '.join([*names, 'growth'])}.",
            code="benchmarks.unknown-data-set",
        )
    if name == "vehicles":
        name = "photographs" if is_here("cifar10") else "drawings"
    if name == "photographs":
        fetch_archive("cifar10")  # here, or the course would let drawings stand in for them
    return COMPARISONS[name]


def shrink(comparison: Comparison) -> Comparison:
    """So few and small images that a training takes a second or two; its figures say nothing."""
    tiny = comparison.task.changed(labels=4, epochs=2, size=32, bs=4, split=(1, 5))
    return replace(comparison, task=tiny, goal=0.0)


def write_images(comparison: Comparison, seed: int, folder: Path) -> None:
    """folder/SPLIT/CLASS/NUMBER.png: the very images that our arm trains on with this seed, without loss."""
    dls = comparison.plain().load(seed, comparison.task.labels)
    for split, loader in zip(SPLITS, dls.loaders, strict=True):
        store = loader.dataset.tls[0].tfms.fs[0].store
        for index in loader.dataset.items:
            path = folder / split / dls.vocab[store.labels[index]] / f"{index:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(store.images[index].permute(1, 2, 0).cpu().numpy()).save(path)


@dataclass(frozen=True)
class Point:
    """One setting whose cost is measured: labels in all, the width of the network's first stage, pixels a side."""

    labels: int = 500
    width: int = 32
    size: int = 64

    @property
    def name(self) -> str:
        return f"{self.labels} labels, width {self.width}, {self.size} px"
