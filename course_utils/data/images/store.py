"""Genuine fastai DataLoaders whose images are in memory: a batch is one indexing of a uint8 tensor."""

import copy
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from fastai.data.core import DataLoaders, Datasets, TfmdDL
from fastai.data.transforms import Categorize, IntToFloatTensor, MultiCategorize, Normalize, OneHotEncode, ToTensor
from fastai.metrics import F1ScoreMulti, accuracy
from fastai.torch_basics import Pipeline, Transform, chunked
from fastai.torch_core import TensorCategory, TensorImage, TensorMultiCategory
from fastai.vision.core import PILImage, imagenet_stats

from course_utils.data.images.opening import Levels, Source, open_image
from course_utils.data.images.options import ImageOptions
from course_utils.data.images.squares import Square
from course_utils.data.splits import Split
from course_utils.environment import device

if TYPE_CHECKING:
    import pandas as pd

RESIDENT = 2**29  # bytes: a store up to this size lives on the device itself
LEAST_EVALUATED = 64  # images a batch outside of training, which keeps nothing for gradients


class Store:
    """Images in memory, with their labels.

    A copy shares the tensors; a pickle holds them, and an exported learner leaves them out.

    Parameters
    ----------
    images : (n, 3, height, width) uint8
    labels : (n,) int, or (n, classes) bool
        An index into `vocab` for each image; or, where an image may have several labels, which ones it has.
    vocab : sequence of str
        The names of the classes.
    """

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, vocab: Sequence[str]) -> None:
        self.images, self.labels, self.vocab = images, labels, list(vocab)

    def __deepcopy__(self, memo: dict) -> "Store":
        """Share the tensors."""
        return self

    def emptied(self) -> "Store":
        """Give a store of the same classes without images."""
        return Store(self.images[:0].cpu().clone(), self.labels[:0].cpu().clone(), self.vocab)


class Stored(PILImage):
    """An image of the store: prepared already, as one from outside still has to be."""


class ImageOf(Transform):
    """Gives the store's image of an index."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store

    def encodes(self, index: int) -> Stored:
        """Give the image as fastai's PIL image."""
        return Stored.create(self.store.images[index].permute(1, 2, 0).cpu().numpy())


class LabelOf(Transform):
    """Gives the label of the store's image of an index."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store

    def encodes(self, index: int) -> str:
        """Give the name of the class."""
        return self.store.vocab[self.store.labels[index]]


class LabelsOf(Transform):
    """Gives the labels of the store's image of an index, where it may have several."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store

    def encodes(self, index: int) -> list:
        """Give the names of the classes, a list of str."""
        return [self.store.vocab[number] for number in self.store.labels[index].nonzero().flatten()]


class Open(Transform):
    """Opens an image from outside as RGB, whatever it comes as; `predict` and `test_dl` begin here.

    Parameters
    ----------
    levels : mapping, optional
        As in `open_image`.
    """

    # fastai finds by this where a new item enters the pipeline: what is no index is opened, or refused in a sentence.
    input_types = (object,)

    def __init__(self, levels: Levels | None = None) -> None:
        super().__init__()
        self.levels = dict(levels or {})

    def encodes(self, source: object) -> PILImage:
        """Give fastai's PIL image."""
        if isinstance(source, Stored):
            return source
        if isinstance(source, torch.Tensor) and source.ndim == 3:  # channels first, as in a store
            source = source.permute(1, 2, 0).cpu().numpy()
        return PILImage.create(open_image(cast(Source, source), self.levels))


class ToSize(Transform):
    """Scales a batch to squares of `size` pixels; after IntToFloatTensor, so that nothing is rounded twice."""

    order = IntToFloatTensor.order + 1

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def encodes(self, images: TensorImage) -> TensorImage:
        """Scale the images, with antialiasing."""
        if images.shape[-2:] == (self.size, self.size):
            return images
        return F.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True)


class Augment(Transform):
    """Applies batch transforms in training alone.

    fastai's own affine transform resamples validation batches too, to no effect.
    """

    order, split_idx = 30, 0

    def __init__(self, transforms: Iterable[Transform]) -> None:
        super().__init__()
        self.transforms = Pipeline(list(transforms), split_idx=0)

    def encodes(self, images: TensorImage) -> TensorImage:
        """Apply the transforms."""
        return self.transforms(images)


class StoreDL(TfmdDL):
    """A TfmdDL that takes whole batches out of a store; other items, as in `test_dl`, go fastai's usual way."""

    def create_batches(self, samples: Iterable[int]) -> Iterator[tuple]:
        """Index the store once for each batch."""
        first = self.dataset.tls[0].tfms.fs[0] if isinstance(self.dataset, Datasets) else None
        if not isinstance(first, ImageOf) or self.bs is None:
            yield from super().create_batches(samples)
            return
        store, labelled = first.store, len(self.dataset.tls) > 1
        indices = torch.tensor(list(self.dataset.items))
        for chunk in chunked(samples, self.bs, self.drop_last):
            batch = indices[chunk].to(store.images.device)
            images, labels = TensorImage(store.images[batch]), store.labels[batch]
            target = TensorCategory(labels) if labels.ndim == 1 else TensorMultiCategory(labels.float())
            yield (images, target) if labelled else (images,)


class StoreLoaders(DataLoaders):
    """fastai's DataLoaders with a third split, `test`, that was used for no choice.

    Attributes
    ----------
    near_duplicates : int
        How many images were left out since nearly the same one is in the test or validation set.
    factors : DataFrame or None
        What is known of how each image was drawn, one row for each index (`dls.test.items`).
    masks : (n, height, width) bool tensor or None
        The pixels that the label is about, where they are known.
    about : str
        One line that says what the images are, how many are in each split, and how many were left out.
    notes : tuple of str
        Further sentences about images of your own: what was found and left out.
    """

    near_duplicates: int = 0
    factors: "pd.DataFrame | None" = None
    masks: torch.Tensor | None = None
    about: str = ""
    notes: tuple[str, ...] = ()

    @property
    def test(self) -> StoreDL:
        """The loader of the held-out test set."""
        return self.loaders[2]

    @property
    def store(self) -> Store:
        """All images and labels in memory, also those that are in no split."""
        return self.train.dataset.tls[0].tfms.fs[0].store

    @property
    def metric(self) -> Any:
        """What to watch, for `metrics=`: the accuracy; where an image may have several labels, their micro-averaged F1.

        The share of right answers over all labels is high for whoever says no to each, so it isn't taken there.
        """
        several = isinstance(self.train.dataset.tls[1].tfms.fs[0], LabelsOf)
        return F1ScoreMulti(average="micro") if several else accuracy


class StoreDatasets(Datasets):
    """fastai's Datasets over the indices of a store's images."""

    def new_empty(self) -> Datasets:
        """Give what an exported learner needs: the transforms, without the images."""
        empty = super().new_empty()
        for one in empty.tls:
            one.tfms = copy.deepcopy(one.tfms)
            for step in one.tfms.fs:
                if "store" in vars(step):
                    step.store = step.store.emptied()
        return empty

    _dl_type, _dbunch_type = StoreDL, StoreLoaders


def make_loaders(
    store: Store,
    split: Split,
    options: ImageOptions,
    *,
    what: str,
    default_augment: Sequence[Transform] = (),
    resize: str = "crop",
    levels: Levels | None = None,
) -> StoreLoaders:
    """Make the DataLoaders (train, valid, test) over a store.

    The training loader gets smaller batches when it has fewer images than `options.bs`, and drops an incomplete last
    batch. The other loaders have batches of at least 64 images, since their size changes nothing but the time. An image
    from outside is first brought to the store's own side, as those for training were, and then to `options.size`.

    Parameters
    ----------
    store : Store
        The images.
    split : Split
        Which of them train, validate and test.
    options : ImageOptions
        What the caller asked for; its `n_per_class` and `split` have been obeyed already.
    what : str
        What the images are, for the line `about`.
    default_augment : sequence of Transform
        The data set's own batch transforms, which `augment=True` stands for.
    resize : "crop", "pad" or "squish"
        How the store's images became squares, as fastai's Resize calls it: so does one from outside.
    levels : mapping, optional
        How what has more than 8 bits a pixel was scaled, as in `open_image`: so is an image from outside.
    """
    if store.images.nbytes <= RESIDENT:
        chip = device()
        store = Store(store.images.to(chip), store.labels.to(chip), store.vocab)
    datasets = StoreDatasets(
        range(len(store.labels)),
        [[ImageOf(store), Open(levels)], label_transforms(store)],
        splits=[split.train, split.valid, split.test],
    )
    square = Square(store.images.shape[-1], resize)
    return load_datasets(datasets, split, options, square, what=what, default_augment=default_augment, num_workers=0)


def label_transforms(store: Any) -> list[Transform]:
    """Return fastai's transforms from an index to the target: one class, or, for labels of two dimensions, several."""
    if store.labels.ndim == 1:
        return [LabelOf(store), Categorize(vocab=store.vocab, sort=False)]
    return [LabelsOf(store), MultiCategorize(vocab=store.vocab), OneHotEncode(c=len(store.vocab))]


def load_datasets(
    datasets: Datasets,
    split: Split,
    options: ImageOptions,
    square: Transform,
    *,
    what: str,
    default_augment: Sequence[Transform],
    num_workers: int | None,
) -> StoreLoaders:
    """Make the DataLoaders of datasets whose splits are train, valid and test; see `make_loaders`."""
    dls = datasets.dataloaders(
        bs=min(options.bs, len(split.train)),
        val_bs=max(options.bs, LEAST_EVALUATED),
        after_item=[square, ToTensor()],
        after_batch=_batch_transforms(options, default_augment),
        num_workers=num_workers,
        device=device(),
    )
    dls.train.rng = random.Random(options.chosen_seed)  # the order of batches follows the data set's seed alone
    dls.near_duplicates = split.near_duplicates
    left_out = f"; {split.near_duplicates:,} near-duplicates left out" if split.near_duplicates else ""
    dls.about = f"{what}: {len(split.train):,} train, {len(split.valid):,} valid, {len(split.test):,} test{left_out}."
    return dls


def _batch_transforms(options: ImageOptions, default_augment: Sequence[Transform]) -> list[Transform]:
    transforms = [IntToFloatTensor(), ToSize(options.size)]
    augment = default_augment if options.augment is True else options.augment or ()
    if augment:
        transforms.append(Augment(augment))
    if options.normalize:
        transforms.append(Normalize.from_stats(*imagenet_stats))
    return transforms
