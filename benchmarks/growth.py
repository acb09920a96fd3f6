"""How cost grows with labels, network width and image size: seconds an epoch of each arm in turn, in one process.

The images are drawn vehicles, repeated as often as needed: what is on them doesn't change what an epoch costs.

    python benchmarks/growth.py '{"labels": 1000, "width": 32, "size": 64, "seed": 0}' RESULT.json
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from arms import Watch, fit_one_cycle, from_folder, resident, train_cached_head
from comparisons import COMPARISONS, Point
from fastai.data.core import DataLoaders
from fastai.data.transforms import Normalize, get_image_files
from fastai.learner import Learner
from fastai.torch_core import set_seed
from fastai.vision.augment import aug_transforms
from fastai.vision.core import imagenet_stats
from fastai.vision.learner import model_meta, vision_learner
from PIL import Image
from torch import nn

from course_utils import data
from course_utils.backbones import resnet18_half
from course_utils.backbones.images import resnet18_half as module
from course_utils.data.images.options import ImageOptions
from course_utils.data.images.store import Store, make_loaders
from course_utils.data.splits import Split

BATCH, DRAWN, CLASSES, LR = 50, 50, ("car", "truck"), 1e-3
SMALL = 32  # pixels: where heads are measured too, along the labels
MANY = 1000  # labels: with more, the limit is left out, since it would take as long as ours once more


def of_width(width: int) -> Callable[..., nn.Module]:
    """The bundled topology with another number of channels, and random weights: what they are costs nothing."""

    def network(weights: str | None = None, **options) -> nn.Module:
        with patch.object(module, "WIDTHS", tuple(width * 2**stage for stage in range(4))):
            return module.ResNet18Half(**options)

    model_meta[network] = model_meta[resnet18_half]
    return network


def write_images(labels: int, folder: Path) -> None:
    """folder/train/CLASS and, with two images a class, folder/valid/CLASS."""
    store = data.load("vehicles", n_per_class=DRAWN, seed=0, split=(2, 2)).train.dataset.tls[0].tfms.fs[0].store
    for number, name in enumerate(CLASSES):
        drawn = store.images[store.labels == number][:DRAWN].permute(0, 2, 3, 1).numpy()
        for part, count in (("train", labels // len(CLASSES)), ("valid", 2)):
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                target = folder / part / name / f"{i:05}.png"
                if i < DRAWN:
                    Image.fromarray(drawn[i]).save(target)
                else:
                    target.write_bytes((folder / part / name / f"{i % DRAWN:05}.png").read_bytes())


def from_memory(folder: Path, point: Point, augment: list | None) -> DataLoaders:
    """The course's loaders over the same files, decoded once."""
    files = sorted(get_image_files(folder))
    images = torch.from_numpy(np.stack([np.asarray(Image.open(file)) for file in files])).permute(0, 3, 1, 2)
    labels = torch.tensor([CLASSES.index(file.parent.name) for file in files])
    places = {part: [i for i, file in enumerate(files) if file.parts[-3] == part] for part in ("train", "valid")}
    return make_loaders(
        Store(images.contiguous(), labels, CLASSES),
        Split(**places, test=places["valid"]),
        ImageOptions(size=point.size, bs=BATCH, seed=0, augment=augment or False),
        what="drawings",
    )


def all_layers(learn: Learner, watch: Watch) -> None:
    learn.unfreeze()
    fit_one_cycle(learn, 1, LR, watch)


def stock_head(learn: Learner, watch: Watch) -> None:
    learn.freeze()
    fit_one_cycle(learn, 1, LR, watch)


def our_head(learn: Learner, watch: Watch) -> None:
    train_cached_head(learn, 2, LR, watch)  # the first epoch warms up; the others' first one takes far longer


def measure(point: Point) -> dict:
    """Seconds of an epoch by regime and arm, and of storing the features that our heads train on."""
    seconds, network = {}, of_width(point.width)
    augment, normalize = aug_transforms(**COMPARISONS["drawings"].augment), Normalize.from_stats(*imagenet_stats)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(point.labels, folder)
        plain, memory = from_memory(folder, point, None), from_memory(folder, point, augment)
        files = from_folder(folder, point.size, BATCH, [*augment, normalize])
        plain_files = from_folder(folder, point.size, BATCH, [normalize])
        batch = plain.train.one_batch()
        arms = [("full ours", memory, all_layers), ("full fastai", files, all_layers)]
        if point.labels <= MANY:
            arms.append(("full limit", resident(memory), all_layers))
        if point.size == SMALL:
            arms += [("head ours", plain, our_head), ("head fastai", plain_files, stock_head)]
        for arm, dls, train in arms:
            set_seed(0)
            learn, watch = vision_learner(plain, network, pretrained=False), Watch()
            learn.dls = dls
            warm_up(learn, batch)
            train(learn, watch)
            seconds[arm] = watch.seconds[-1]
            if watch.cached:
                seconds["head caching"] = watch.cached
    return {"seconds": seconds}


def warm_up(learn: Learner, batch: tuple) -> None:
    """One step that doesn't count."""
    learn.loss_func(learn.model.train()(batch[0]), batch[1]).backward()
    learn.model.zero_grad()


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    point = Point(wanted["labels"], wanted["width"], wanted["size"])
    Path(sys.argv[2]).write_text(json.dumps(measure(point)))
