"""Checks of the data: classes, patients, duplicates, normalisation. Each gives a finding for what looks wrong."""

from collections.abc import Callable, Hashable, Iterator
from itertools import combinations
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from fastai.data.transforms import Normalize
from fastai.learner import Learner
from fastai.losses import FocalLoss
from torch import Tensor

from course_utils.data.images.near_duplicates import MOST_ALIKE, near_duplicates
from course_utils.diagnostics.findings import Finding, Unseen
from course_utils.diagnostics.inputs import (
    THUMBNAIL,
    drawn,
    fill_thumbnails,
    items_of,
    labels_of,
    loaders,
    validation_loader,
    vocab_of,
)

RARE = 1 / 4  # of the most frequent class
SLACK = 0.1  # standard deviations by which resampling may leave the range of normalised images


def check_class_ratio(learn: Learner) -> Iterator[Finding]:
    """Find a class that training rarely draws, while the loss doesn't make up for it."""
    train, vocab = loaders(learn)["train"], vocab_of(learn)
    loss = getattr(learn.loss_func, "func", learn.loss_func)
    weight = getattr(loss, "weight", None)
    if isinstance(loss, FocalLoss) or (weight is not None and len(set(weight.tolist())) > 1):
        return
    counts = np.bincount(labels_of(train)[drawn(train)], minlength=len(vocab))
    rarest = int(counts.argmin())
    if counts[rarest] < RARE * counts.max():
        yield Finding(
            "a class is rare",
            f"{counts[rarest]:,} of {counts.sum():,} images that an epoch draws are {vocab[rarest]!r} "
            f"({counts[rarest] / counts.sum():.1%}), and the loss counts all alike",
            "choose the threshold on the validation set, weight the loss, or draw the rare class more often; "
            "leave valid and test as they are",
        )


def check_classes(learn: Learner) -> Iterator[Finding]:
    """Find a class without an image in a split."""
    vocab = vocab_of(learn)
    for split, dl in loaders(learn).items():
        try:
            there = set(labels_of(dl).tolist())
        except KeyError as problem:  # fastai's vocabulary is that of the training images
            yield Finding(
                f"{split} has a label that training doesn't have",
                " ".join(str(problem.args[0]).split()),
                "split class by class (stratified), or leave out the images whose label is missing or that rare",
            )
            continue
        missing = [name for index, name in enumerate(vocab) if index not in there]
        if missing:
            yield Finding(
                f"a class is missing in {split}",
                f"{', '.join(map(repr, missing))} has no image there, so its recall and its AUC are undefined",
                "split class by class (stratified), or make that split larger",
            )


def check_groups(learn: Learner, group: Callable[[Any], Hashable] | str | None) -> Iterator[Finding]:
    """Find patients, or other groups, in two splits."""
    whose = group if callable(group) else _by_column(learn, group)
    sides = {split: set(map(whose, items_of(dl))) for split, dl in loaders(learn).items()}
    sides = {split: {one for one in all_of_it if one is not None and one == one} for split, all_of_it in sides.items()}
    for one, other in combinations(sides, 2):
        if shared := sides[one] & sides[other]:
            yield Finding(
                f"{one} and {other} share patients",
                f"{len(shared)} of the {len(sides[other])} in {other} are in {one} too",
                "split by patient, all images of one on the same side",
            )


def _by_column(learn: Learner, column: str | None) -> Callable[[Any], Hashable]:
    """A function from an item to its group, which a column of its DataFrame or of `dls.factors` says."""
    items, factors = learn.dls.train.items, getattr(learn.dls, "factors", None)
    for name in [column] if column else ["patient", "group"]:
        if name in getattr(items, "columns", ()):
            return itemgetter(name)
        if factors is not None and name in factors and not factors[name].isna().all():
            return factors[name].tolist().__getitem__
    raise Unseen("the data don't say whose images they are: give group=, from an item to its patient")


def check_duplicates(learn: Learner, most: int) -> Iterator[Finding]:
    """Find images that stand in two splits, as the same item or as nearly the same image."""
    splits = loaders(learn)
    items = {split: set(map(_written, items_of(dl))) for split, dl in splits.items()}
    for one, other in combinations(items, 2):
        if same := items[one] & items[other]:
            yield Finding(
                f"{one} and {other} share items",
                f"{len(same)} of the {len(items[other])} in {other} are in {one} too",
                "keep the splits apart: what chose anything is no test",
            )
            return
    total = sum(len(dl.dataset) for dl in splits.values())
    share = min(1, most / total)
    counts = [max(1, round(share * len(dl.dataset))) for dl in splits.values()]
    side = np.repeat(np.arange(len(counts)), counts)
    images = torch.empty(len(side), 3, THUMBNAIL, THUMBNAIL, dtype=torch.uint8)
    for part, dl in zip(images.split(counts), splits.values(), strict=True):
        fill_thumbnails(part, dl)
    pairs = near_duplicates(images, torch.from_numpy(side)).numpy()
    if len(pairs):
        twins = side[np.unique(pairs)]
        told = ", ".join(f"{(twins == index).sum()} images of {split}" for index, split in enumerate(splits))
        least = "at least " if np.bincount(pairs.flatten()).max() >= MOST_ALIKE else ""
        compared = "" if share == 1 else f"; {len(side):,} of {total:,} images were compared"
        yield Finding(
            "near-duplicates across splits",
            f"{least}{len(pairs):,} pairs of nearly the same image lie in different splits ({told}{compared})",
            "keep each pair on one side, or drop one of the two",
        )


def _written(item: Any) -> str:
    """What tells one item from another; of a row of a DataFrame, all that it holds."""
    return str(item.tolist() if hasattr(item, "tolist") else item)


def check_normalisation(learn: Learner) -> Iterator[Finding]:
    """Find images that are normalised twice, differently in training and validation, or not at all."""
    valid = validation_loader(learn)
    splits = {"train": loaders(learn)["train"], "valid": valid}
    norms = {split: [t for t in dl.after_batch.fs if isinstance(t, Normalize)] for split, dl in splits.items()}
    counts = {split: len(found) for split, found in norms.items()}
    batch = valid.one_batch()[0].as_subclass(Tensor).float()
    low, high = batch.min().item(), batch.max().item()
    cure = "leave one Normalize, in after_batch, for all splits"
    if counts["train"] != counts["valid"]:
        told = ", ".join(f"{count} in {split}" for split, count in counts.items())
        yield Finding("train and valid are normalised differently", f"Normalize in their pipelines: {told}", cure)
    elif counts["valid"] > 1:
        evidence = f"Normalize stands {counts['valid']} times in after_batch; values go from {low:.1f} to {high:.1f}"
        yield Finding("images are normalised twice", evidence, cure)
    elif norms["valid"]:
        mean, std = (each.flatten().cpu() for each in (norms["valid"][0].mean, norms["valid"][0].std))
        least, highest = (-mean / std).min().item(), ((1 - mean) / std).max().item()
        if low < least - SLACK or high > highest + SLACK:
            evidence = f"values go from {low:.1f} to {high:.1f}; one Normalize gives {least:.1f} to {highest:.1f}"
            yield Finding("images are normalised twice", evidence, f"find the second one, before the loader; {cure}")
    elif getattr(learn, "pretrained", None) and low >= 0:
        evidence = f"there is no Normalize in after_batch, and values go from {low:.1f} to {high:.1f}"
        yield Finding("a pre-trained body gets images that aren't normalised", evidence, cure)
