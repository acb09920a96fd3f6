"""Genuine fastai DataLoaders whose images are in memory: a batch is one indexing of a uint8 tensor."""

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from fastai.data.core import DataLoaders, Datasets, TfmdDL
from fastai.data.transforms import Categorize, IntToFloatTensor, Normalize, ToTensor
from fastai.torch_basics import Pipeline, Transform, chunked
from fastai.torch_core import TensorCategory, TensorImage
from fastai.vision.augment import Resize
from fastai.vision.core import PILImage, imagenet_stats
from PIL import Image

from course_utils.data.images.opening import open_image
from course_utils.data.splits import Split
from course_utils.environment import device, seed
from course_utils.errors import CourseError

if TYPE_CHECKING:
    import pandas as pd

RESIDENT = 2**29  # bytes: a store up to this size lives on the device itself
LEAST_EVALUATED = 64  # images a batch outside of training, which keeps nothing for gradients


class Store:
    """Images (N, 3, H, W, uint8) and the place of each one's label in `vocab` (N).

    A copy shares the tensors; a pickle (an exported learner) leaves them out.
    """

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, vocab: Sequence[str]):
        self.images, self.labels, self.vocab = images, labels, list(vocab)

    def __deepcopy__(self, _) -> "Store":
        return self

    def __reduce__(self):
        return Store, (self.images[:0].cpu().clone(), self.labels[:0].cpu().clone(), self.vocab)


class ImageOf(Transform):
    """The store's image at a place."""

    def __init__(self, store: Store):
        super().__init__()
        self.store = store

    def encodes(self, place: int):
        return PILImage.create(self.store.images[place].permute(1, 2, 0).cpu().numpy())


class LabelOf(Transform):
    """The label of the store's image at a place."""

    def __init__(self, store: Store):
        super().__init__()
        self.store = store

    def encodes(self, place: int):
        return self.store.vocab[self.store.labels[place]]


class Open(Transform):
    """An image from outside (a path, bytes, a PIL image) as a plain RGB one; `predict` and `test_dl` begin here."""

    input_types = (Path, str, bytes, Image.Image)  # fastai finds by these where a new item enters the pipeline

    def encodes(self, source: Path | str | bytes | Image.Image):
        return source if isinstance(source, PILImage) else PILImage.create(open_image(source))


class ToSize(Transform):
    """A batch scaled to squares of `size` pixels; after IntToFloatTensor, so that nothing is rounded twice."""

    order = IntToFloatTensor.order + 1

    def __init__(self, size: int):
        super().__init__()
        self.size = size

    def encodes(self, images: TensorImage):
        if images.shape[-2:] == (self.size, self.size):
            return images
        return F.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True)


class Augment(Transform):
    """Batch transforms for training alone; fastai's own affine transform resamples valid batches too, to no effect."""

    order, split_idx = 30, 0

    def __init__(self, transforms: Iterable[Transform]):
        super().__init__()
        self.transforms = Pipeline(list(transforms), split_idx=0)

    def encodes(self, images: TensorImage):
        return self.transforms(images)


class StoreDL(TfmdDL):
    """A TfmdDL that takes whole batches out of a store; other items, as in `test_dl`, go fastai's way."""

    def create_batches(self, samples: Iterable[int]) -> Iterator[tuple]:
        first = self.dataset.tls[0].tfms.fs[0] if isinstance(self.dataset, Datasets) else None
        if not isinstance(first, ImageOf) or self.bs is None:
            yield from super().create_batches(samples)
            return
        store, labelled = first.store, len(self.dataset.tls) > 1
        places = torch.tensor(list(self.dataset.items))
        for chunk in chunked(samples, self.bs, self.drop_last):
            here = places[chunk].to(store.images.device)
            images = TensorImage(store.images[here])
            yield (images, TensorCategory(store.labels[here])) if labelled else (images,)


class StoreLoaders(DataLoaders):
    """fastai's DataLoaders with a third part, `test`, that chose nothing.

    near_duplicates: how many images were left out since nearly the same one is in test or valid
    factors: what is known of how each image was drawn, a table by the image's place (`dls.test.items`), or None
    about: one line that says what the images are, how many are in each part, and what was left out
    """

    near_duplicates: int = 0
    factors: "pd.DataFrame | None" = None
    about: str = ""

    @property
    def test(self) -> StoreDL:
        return self.loaders[2]


class StoreDatasets(Datasets):
    """fastai's Datasets over the places of a store's images."""

    _dl_type, _dbunch_type = StoreDL, StoreLoaders


def make_loaders(
    store: Store,
    split: Split,
    *,
    what: str,
    size: int,
    bs: int,
    order_seed: int,
    augment: bool | Sequence[Transform],
    own_augment: Sequence[Transform],
    normalize: bool,
) -> StoreLoaders:
    """DataLoaders (train, valid, test) over a store.

    size: pixels a side in a batch; an image from outside is first brought to the store's own side, as training was
    bs: images a batch; train gets smaller batches when it has fewer images, and drops an incomplete last batch;
        valid and test have at least 64, since their batch size changes nothing but the time
    augment: True for the data set's own batch transforms, False for none, or a list of batch transforms
    normalize: with ImageNet's statistics, here, so that a network from scratch gets what a pre-trained one gets
        (vision_learner adds a Normalize for pre-trained networks alone, and only where there is none yet)
    """
    for name, value in (("size", size), ("bs", bs)):
        if not isinstance(value, int) or value < 1:
            raise CourseError(f"{name} is {value!r}: give a whole number of at least 1.")
    chip = device()
    if store.images.nbytes <= RESIDENT:
        store = Store(store.images.to(chip), store.labels.to(chip), store.vocab)
    extra = own_augment if augment is True else augment or ()
    after_batch = [IntToFloatTensor(), ToSize(size), *([Augment(extra)] if extra else [])]
    if normalize:
        after_batch.append(Normalize.from_stats(*imagenet_stats))
    datasets = StoreDatasets(
        range(len(store.labels)),
        [[ImageOf(store), Open()], [LabelOf(store), Categorize(vocab=store.vocab, sort=False)]],
        splits=[split.train, split.valid, split.test],
    )
    dls = datasets.dataloaders(
        bs=min(bs, len(split.train)),
        val_bs=max(bs, LEAST_EVALUATED),
        after_item=[Resize(store.images.shape[-1]), ToTensor()],
        after_batch=after_batch,
        num_workers=0,
        device=chip,
    )
    dls.train.rng = random.Random(order_seed)  # the order of batches follows the data set's seed alone
    dls.near_duplicates = split.near_duplicates
    left_out = f"; {split.near_duplicates:,} near-duplicates left out" if split.near_duplicates else ""
    dls.about = f"{what}: {len(split.train):,} train, {len(split.valid):,} valid, {len(split.test):,} test{left_out}."
    return dls


def chosen_seed(value: int | None) -> int:
    """The seed that was given, or else the course's."""
    return seed() if value is None else value
