"""What an inspection reads from a learner's data: its splits, their classes, what an epoch draws, and the images."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from fastai.data.load import DataLoader
from fastai.learner import Learner
from PIL import Image
from torch import Tensor

from course_utils.data.images.store import ImageOf
from course_utils.diagnostics.findings import Unseen
from course_utils.surgery.blocks import evaluating

THUMBNAIL = 64  # pixels a side of the images that are compared
SPLITS = ("train", "valid", "test")


def loaders(learn: Learner) -> dict[str, DataLoader]:
    """Name the loaders that have images; within `cached_body`, those of the images behind the stored features."""
    found = [getattr(dl, "source", dl) for dl in learn.dls.loaders]
    return {split: dl for split, dl in zip(SPLITS, found, strict=False) if len(dl.dataset)}


def validation_loader(learn: Learner) -> DataLoader:
    """Give the loader of the validation set; raises Unseen where it has no images."""
    splits = loaders(learn)
    if "valid" not in splits:
        raise Unseen("there are no validation images")
    return splits["valid"]


def vocab_of(learn: Learner) -> list[str]:
    """List the names of the classes."""
    vocab = getattr(learn.dls, "vocab", None)
    if vocab is None or not all(isinstance(name, str | int) for name in vocab):
        raise Unseen("the data have no one list of classes")
    return [str(name) for name in vocab]


def labels_of(dl: DataLoader) -> np.ndarray:
    """List the class of each image of a split, as an index into the vocabulary."""
    if store := _store(dl):
        if store.labels.ndim > 1:
            raise Unseen("the images don't have one class each")
        return store.labels[torch.tensor(list(dl.items), dtype=torch.long)].cpu().numpy()
    lists: Sequence = getattr(dl.dataset, "tls", ())
    if len(lists) < 2:
        raise Unseen("the data have no labels that can be listed")
    labels = [torch.as_tensor(label) for label in lists[1]]
    if any(label.ndim or label.is_floating_point() for label in labels):
        raise Unseen("the images don't have one class each")
    return np.array([int(label) for label in labels], dtype=int)


def drawn(dl: DataLoader) -> list[int]:
    """List the indices that an epoch would draw; the loader's own random numbers stay where they were."""
    state = dl.rng.getstate()
    try:
        return list(dl.get_idxs())
    finally:
        dl.rng.setstate(state)


def thumbnails(dl: DataLoader, most: int) -> Tensor:
    """Take at most so many images of a split, evenly spaced: uint8 (N, 3, side, side), not augmented."""
    chosen = np.linspace(0, len(dl.dataset) - 1, min(most, len(dl.dataset))).round().astype(int).tolist()
    if store := _store(dl):
        items = list(dl.items)
        found = store.images[torch.tensor([items[index] for index in chosen])].cpu()
        if found.shape[-2:] == (THUMBNAIL, THUMBNAIL):
            return found
        scaled = F.interpolate(found.float(), (THUMBNAIL, THUMBNAIL), mode="bilinear", antialias=True)
        return scaled.round().to(torch.uint8)
    images = [dl.dataset[index][0] for index in chosen]
    if not all(isinstance(image, Image.Image) for image in images):
        raise Unseen("the items are no images that can be compared")
    small = [np.array(image.convert("RGB").resize((THUMBNAIL, THUMBNAIL))) for image in images]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).contiguous()


@torch.no_grad()
def predictions(learn: Learner) -> Iterator[tuple[Tensor, Tensor]]:
    """Compute what the network puts out for each validation batch, as metrics get it, with the truth."""
    with evaluating(learn.model):
        for x, y in learn.dls.valid:
            yield tuple(part.cpu().as_subclass(Tensor) for part in (learn.model(x), y))


def _store(dl: DataLoader) -> Any:
    """Give the store of images in memory that a split reads from, or None."""
    lists: Sequence = getattr(dl.dataset, "tls", ())
    first = next(iter(getattr(lists[0].tfms, "fs", ())), None) if len(lists) else None
    return first.store if isinstance(first, ImageOf) else None
