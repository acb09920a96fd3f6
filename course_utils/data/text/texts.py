"""Labelled texts in three splits, as tables; a tokenizer and a network come later."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from course_utils.data.options import SplitOptions
from course_utils.data.splits import SPLITS, split_by_class


@dataclass(frozen=True)
class Texts:
    """Texts with one label each, divided into a training, a validation and a test set.

    Attributes
    ----------
    train, valid, test : DataFrame
        A row for each text, with the columns `text` and `label`, and those that the data set has besides.
    classes : tuple of str
        The names that labels have; a class's number is its place among them.
    unlabelled : list of str
        All texts that are in neither the validation nor the test set, those of the training set included: what a
        language model may read.
    real : bool
        Whether they are public data, or a learner's own, and no stand-in.
    about : str
        One line that says what the texts are, how many are in each split, and how many were left out.
    notes : tuple of str
        Further sentences: what was cleaned and left out.
    """

    train: pd.DataFrame = field(repr=False)
    valid: pd.DataFrame = field(repr=False)
    test: pd.DataFrame = field(repr=False)
    classes: tuple[str, ...]
    unlabelled: list[str] = field(repr=False)
    real: bool
    about: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say what they are."""
        return self.about

    def texts(self, split: str) -> list[str]:
        """List the texts of the "train", "valid" or "test" set."""
        return getattr(self, split).text.tolist()

    def targets(self, split: str) -> np.ndarray:
        """Give the numbers of the classes (n,) of the "train", "valid" or "test" set."""
        return getattr(self, split).label.map(self.classes.index).to_numpy(np.int64)


def divide(
    table: pd.DataFrame,
    classes: Sequence[str],
    options: SplitOptions,
    pairs: np.ndarray,
    *,
    what: str,
    real: bool,
    notes: Sequence[str] = (),
) -> Texts:
    """Divide a table of texts by class, no near-duplicate on two sides.

    Parameters
    ----------
    table : DataFrame
        With the columns `text` and `label`.
    classes : sequence of str
        The names of the classes.
    options : SplitOptions
        What was asked for.
    pairs : (m, 2) int array
        Rows that are near-duplicates.
    what : str
        What the texts are, for the line `about`.
    real : bool
        Whether they are public data or one's own.
    notes : sequence of str
        What was done before.

    Raises
    ------
    CourseError
        Those of `split_by_class`.
    """
    labels = table.label.map(list(classes).index).to_numpy()
    split = split_by_class(labels, classes, options.n_per_class, options.chosen_seed, options.split, pairs)
    parts = {
        name: table.iloc[np.random.default_rng([options.chosen_seed, number]).permutation(getattr(split, name))]
        for number, name in enumerate(SPLITS)
    }
    held_out = np.isin(np.arange(len(table)), [*split.valid, *split.test])
    near = np.isin(np.arange(len(table)), pairs[held_out[pairs].any(1)].ravel()) if len(pairs) else held_out
    left_out = f"; {split.near_duplicates:,} near-duplicates left out" if split.near_duplicates else ""
    counts = ", ".join(f"{len(parts[name]):,} {name}" for name in SPLITS)
    return Texts(
        **{name: part.reset_index(drop=True) for name, part in parts.items()},
        classes=tuple(classes),
        unlabelled=table.text[~(held_out | near)].tolist(),
        real=real,
        about=f"{what}: {counts}{left_out}.",
        notes=tuple(notes),
    )
