"""DataLoaders over image files that are decoded anew in every epoch, for more images than memory holds."""

from collections.abc import Sequence
from pathlib import Path

import torch
from fastai.data.core import TfmdDL
from fastai.torch_basics import Transform

from course_utils.data.images.opening import Levels, open_image
from course_utils.data.images.options import ImageOptions
from course_utils.data.images.squares import RESIZE, Square
from course_utils.data.images.store import (
    Open,
    Stored,
    StoreDatasets,
    StoreLoaders,
    label_transforms,
    load_datasets,
)
from course_utils.data.splits import Split


class FileStore:
    """Image files with their labels; the counterpart of `Store`, and like it left out of an exported learner.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    labels : (n,) int, or (n, classes) bool
        As in `Store`.
    vocab : sequence of str
        The names of the classes.
    """

    def __init__(self, paths: Sequence[Path], labels: torch.Tensor, vocab: Sequence[str]) -> None:
        self.paths, self.labels, self.vocab = list(paths), labels, list(vocab)

    def __deepcopy__(self, memo: dict) -> "FileStore":
        """Share the lists."""
        return self

    def emptied(self) -> "FileStore":
        """Give a store of the same classes without files."""
        return FileStore([], self.labels[:0].clone(), self.vocab)


class FileOf(Transform):
    """Opens the store's file of an index, as a square of the side that was asked for."""

    def __init__(self, store: FileStore, size: int, how: str, levels: Levels) -> None:
        super().__init__()
        self.store, self.size, self.how, self.levels = store, size, how, levels

    def encodes(self, index: int) -> Stored:
        """Give the image as fastai's PIL image."""
        image = open_image(self.store.paths[index], self.levels)
        return Stored.create(RESIZE[self.how](image, (self.size, self.size)))


class FileDatasets(StoreDatasets):
    """fastai's Datasets over the indices of files."""

    _dl_type, _dbunch_type = TfmdDL, StoreLoaders


def make_file_loaders(
    store: FileStore,
    split: Split,
    options: ImageOptions,
    *,
    what: str,
    default_augment: Sequence[Transform],
    resize: str,
    levels: Levels,
) -> StoreLoaders:
    """Make the DataLoaders (train, valid, test) over files; the arguments are those of `make_loaders`."""
    datasets = FileDatasets(
        range(len(store.paths)),
        [[FileOf(store, options.size, resize, levels), Open(levels)], label_transforms(store)],
        splits=[split.train, split.valid, split.test],
    )
    square = Square(options.size, resize)
    return load_datasets(datasets, split, options, square, what=what, default_augment=default_augment, num_workers=None)
