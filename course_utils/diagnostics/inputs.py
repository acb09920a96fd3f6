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

from course_utils.arguments import whole
from course_utils.data.images.store import ImageOf
from course_utils.diagnostics.findings import Unseen
from course_utils.surgery.blocks import evaluating

THUMBNAIL = 64  # pixels a side of the images that are compared
AT_ONCE = 64  # images in memory in full
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
    labels = np.empty(len(dl.dataset), dtype=int)
    for index, label in enumerate(lists[1]):  # one by one, since masks are labels, too
        number = whole(label, 0)
        if number is None:
            raise Unseen("the images don't have one class each")
        labels[index] = number
    return labels


def drawn(dl: DataLoader) -> list[int]:
    """List the indices that an epoch would draw; the loader's own random numbers stay where they were."""
    state = dl.rng.getstate()
    try:
        return list(dl.get_idxs())
    finally:
        dl.rng.setstate(state)


def items_of(dl: DataLoader) -> Iterator[Any]:
    """Go through the items of a split; of a DataFrame, through its rows."""
    items = dl.items
    return (row for _, row in items.iterrows()) if hasattr(items, "iterrows") else iter(items)


def fill_thumbnails(into: Tensor, dl: DataLoader) -> None:
    """Write images of a split, evenly spaced and not augmented, into a uint8 tensor (N, 3, side, side).

    They are opened a few at a time, since a photograph takes a thousand times the memory of its thumbnail.
    """
    chosen = np.linspace(0, len(dl.dataset) - 1, len(into)).round().astype(int).tolist()
    store, sides = _store(dl), into.shape[-2:]
    if store:
        items = torch.tensor(list(dl.items))
        for part, indices in zip(into.split(AT_ONCE), torch.tensor(chosen).split(AT_ONCE), strict=True):
            found = store.images[items[indices].to(store.images.device)]
            if found.shape[-2:] != sides:
                found = F.interpolate(found.float(), sides, mode="bilinear", antialias=True).round()
            part.copy_(found)
        return
    lists: Sequence = getattr(dl.dataset, "tls", ())
    for place, index in enumerate(chosen):
        image = lists[0][index] if len(lists) else dl.dataset[index][0]  # without its label, which may be a mask
        if not isinstance(image, Image.Image):
            raise Unseen("the items are no images that can be compared")
        small = np.array(image.convert("RGB").resize((sides[1], sides[0])))
        into[place] = torch.from_numpy(small).permute(2, 0, 1)


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
