"""Seconds an epoch: the course's loaders against stock fastai on files, and against steps that need no input at all.

Three arms train the same network (resnet18_half, random weights) on the same 2,000 photographs of cars and trucks at
64 pixels, with the same batch size, augmentation and optimiser, and take turns in one process:
  files     ImageDataLoaders.from_folder, as a user would write it, with its default number of workers
  memory    the course's loaders
  resident  one batch that lies ready on the device, over and over: the arithmetic alone
Run it on a quiet machine; COURSE_DATA_MIRROR may name a folder that holds the archive.
"""

import argparse
import tempfile
import time
from pathlib import Path, PurePosixPath
from statistics import median

import fastai.callback.progress  # noqa: F401  (gives every Learner its no_bar)
import numpy as np
import torch
from fastai.basics import CrossEntropyLossFlat, DataLoaders, Learner, set_seed
from fastai.data.transforms import Normalize
from fastai.vision.augment import Resize, aug_transforms
from fastai.vision.core import imagenet_stats
from fastai.vision.data import ImageDataLoaders
from PIL import Image

from course_utils.backbones import resnet18_half
from course_utils.data.sources import SOURCES, fetch_archive, read_files
from course_utils.data.splits import Split
from course_utils.data.store import Store, make_loaders
from course_utils.environment import device

CLASSES = ("automobile", "truck")
PER_CLASS, VALID, SIZE, BATCH = 1000, 10, 64, 64
AIMS = {"files": 2.5, "resident": 0.9}


def write_photographs(folder: Path) -> None:
    """folder/train/CLASS and folder/valid/CLASS: the archive's own files, the first 1,000 and the next 10 a class."""
    source = SOURCES["cifar10"]
    for name, content in read_files(fetch_archive(source.name), source.unpacked):
        part, kind, file = PurePosixPath(name).parts[-3:] if name.endswith(source.suffix) else ("", "", "")
        if part == "train" and kind in CLASSES and (number := int(file[:4])) < PER_CLASS + VALID:
            place = folder / ("train" if number < PER_CLASS else "valid") / kind / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def augmentation() -> list:
    return aug_transforms(max_rotate=5, max_warp=0, max_zoom=1.15)


def from_files(folder: Path) -> DataLoaders:
    return ImageDataLoaders.from_folder(
        folder,
        train="train",
        valid="valid",
        bs=BATCH,
        item_tfms=Resize(SIZE),
        batch_tfms=[*augmentation(), Normalize.from_stats(*imagenet_stats)],
        device=device(),
    )


def from_memory(folder: Path) -> DataLoaders:
    files = sorted(folder.rglob("*.jpg"))
    pictures = torch.from_numpy(np.stack([np.asarray(Image.open(file)) for file in files])).permute(0, 3, 1, 2)
    labels = torch.tensor([CLASSES.index(file.parent.name) for file in files])
    places = {part: [i for i, file in enumerate(files) if file.parts[-3] == part] for part in ("train", "valid")}
    return make_loaders(
        Store(pictures.contiguous(), labels, CLASSES),
        Split(**places, test=[]),
        what="photographs",
        size=SIZE,
        bs=BATCH,
        order_seed=0,
        augment=True,
        own_augment=augmentation(),
        normalize=True,
    )


def resident(memory: DataLoaders) -> DataLoaders:
    """As many steps as the other arms, all on one batch."""
    batch = memory.train.one_batch()
    return DataLoaders([batch] * len(memory.train), list(memory.valid))


def seconds_an_epoch(dls: DataLoaders, network: torch.nn.Module) -> float:
    learn = Learner(dls, network, loss_func=CrossEntropyLossFlat())
    if device().type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    with learn.no_bar(), learn.no_logging():
        learn.fit(1, 1e-3)
    if device().type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(repeats: int) -> dict[str, list[float]]:
    """Seconds an epoch by arm and repeat; the first round warms up and isn't counted."""
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(Path(folder))
        memory = from_memory(Path(folder))
        arms = {"files": from_files(Path(folder)), "memory": memory, "resident": resident(memory)}
        seconds = {name: [] for name in arms}
        for _ in range(repeats + 1):
            for name, dls in arms.items():
                set_seed(0)
                seconds[name].append(seconds_an_epoch(dls, resnet18_half(num_classes=len(CLASSES)).to(device())))
    return {name: times[1:] for name, times in seconds.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--repeats", type=int, default=5, help="rounds of all three arms (5)")
    seconds = measure(arguments.parse_args().repeats)
    print(f"{2 * PER_CLASS:,} photographs, {SIZE} px, batch {BATCH}, {device()}, {torch.get_num_threads()} threads")
    for name, times in seconds.items():
        print(f"{name:9} {median(times):6.2f} s an epoch (from {min(times):.2f} to {max(times):.2f})")
    for name, aim in AIMS.items():
        ratios = [other / ours for other, ours in zip(seconds[name], seconds["memory"], strict=True)]
        spread = f"from {min(ratios):.2f} to {max(ratios):.2f}"
        print(f"{name} / memory: {median(ratios):.2f} ({spread}), aim at least {aim}")


if __name__ == "__main__":
    main()
