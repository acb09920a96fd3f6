"""Draws the training, validation and test set of a data set that code makes, and no more images than are used."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch

from course_utils.data.images.options import ImageOptions
from course_utils.data.images.store import Store
from course_utils.data.splits import STORED, Split, renumber, split_by_class

Draw = Callable[[list[str], list[int]], tuple[np.ndarray, pd.DataFrame]]


def draw_splits(
    vocab: Sequence[str], per_class: int, options: ImageOptions, draw: Draw
) -> tuple[Store, Split, pd.DataFrame]:
    """Split all that could be drawn, and draw what is used.

    Parameters
    ----------
    vocab : sequence of str
        The names of the classes.
    per_class : int
        How many images of a class there are in all three splits together.
    options : ImageOptions
        `n_per_class`, `split` and `seed` are obeyed here.
    draw : callable
        Takes the label and the number in its class of each image, and gives the images (n, height, width, 3) uint8 and
        a table of their factors, a row for each.

    Returns
    -------
    Store, Split, DataFrame
        The images, which of them are in which split, and their factors with the columns split and label.

    Raises
    ------
    CourseError
        Those of `split_by_class`.
    """
    labels = np.repeat(np.arange(len(vocab)), per_class)
    chosen = split_by_class(labels, vocab, options.n_per_class, options.chosen_seed, options.split)
    images, tables = [], []
    for name in STORED:
        used = np.array(getattr(chosen, name), int)
        label_names = [vocab[label] for label in labels[used]]
        drawn, table = draw(label_names, (used % per_class).tolist())
        images.append(drawn)
        tables.append(table.assign(split=name, label=label_names))
    stacked = torch.from_numpy(np.concatenate(images)).permute(0, 3, 1, 2).contiguous()
    used = np.array([index for name in STORED for index in getattr(chosen, name)])
    store = Store(stacked, torch.from_numpy(labels[used]), vocab)
    return store, renumber(chosen), pd.concat(tables, ignore_index=True)
