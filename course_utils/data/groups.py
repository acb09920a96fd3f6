"""Splits by group: images that belong together, such as one patient's, all train, or all validate, or all test."""

from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np

from course_utils.data.splits import Split
from course_utils.errors import CourseError

PARTS = ("train", "valid", "test")


def split_by_group(
    labels: Sequence[int],
    groups: Sequence[Hashable],
    vocab: Sequence[str],
    n_per_class: int | None,
    seed: int,
    split: tuple[float, float],
) -> Split:
    """Divide images into train, valid and test, every group in one part and each class in the part's share.

    labels: a class's place in `vocab` for each image; groups: whose it is, for each image
    n_per_class: images a class in train (None: all that are left); fewer are always among those of a larger number
    split: (valid, test), shares of the images, each above 0 and together below 1

    Groups with many of a rare class come first, equal ones in an order by chance, and each goes where it brings the
    counts nearest to what was asked (the chi-square distance), then pairs are exchanged while that brings them nearer:
    so the shares are kept as nearly as whole groups allow.
    Valid and test depend on the labels, the groups, the seed and `split`, and not on `n_per_class`. Errors: CourseError
    for wrong shares and for more images than there are. As sklearn's StratifiedGroupKFold, for three unequal parts.
    """
    labels = np.asarray(labels)
    names, of_group = np.unique(np.asarray(groups), return_inverse=True)
    counts = np.zeros((len(names), len(vocab)))
    np.add.at(counts, (of_group, labels), 1)
    part = _place_groups(counts, shares(split), np.random.default_rng(seed))[of_group]
    order = np.random.default_rng([seed, 1]).permutation(len(labels))
    train, valid, test = (order[part[order] == number] for number in range(3))
    return Split(_some_of_each(train, labels, vocab, n_per_class), sorted_places(valid), sorted_places(test))


def shares(split: tuple[float, float]) -> np.ndarray:
    """The shares of train, valid and test; CourseError unless valid and test are above 0 and leave some for train."""
    try:
        valid, test = split
        if valid > 0 and test > 0 and valid + test < 1:
            return np.array((1 - valid - test, valid, test))
    except (TypeError, ValueError):
        pass
    raise CourseError(f"split is {split!r}: give the shares of valid and test, each above 0 and together below 1.")


def check_classes(split: Split, labels: Sequence[int], vocab: Sequence[str], advice: str) -> None:
    """CourseError, with the advice at its end, when a part has no image of some class."""
    labels = np.asarray(labels)
    for part in PARTS:
        there = set(labels[getattr(split, part)])
        for place, name in enumerate(vocab):
            if place not in there:
                raise CourseError(f"There is no {name!r} image in {part}, where nothing could be measured: {advice}.")


def _place_groups(counts: np.ndarray, wanted: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The part (groups,) of each group, from its images a class (groups, classes)."""
    total = np.maximum(counts.sum(0), 1)
    expected = np.outer(wanted, total)  # (parts, classes)
    missing = expected.copy()
    rarity = (counts / total).max(1)
    shuffled = random.permutation(len(counts))
    part = np.zeros(len(counts), int)
    for group in shuffled[np.argsort(-rarity[shuffled], kind="stable")]:
        better = (missing**2 - (missing - counts[group]) ** 2) / (expected * total)
        part[group] = better.sum(1).round(12).argmax()  # rounded, so that a tie is a tie on every machine
        missing[part[group]] -= counts[group]
    while _exchange(part, counts, missing, expected * total):
        pass
    return part


def _exchange(part: np.ndarray, counts: np.ndarray, missing: np.ndarray, scale: np.ndarray) -> bool:
    """Exchange the two groups of two parts that bring the counts nearest to what was asked; False when none do."""
    best, found = 1e-9, None
    for one, other in combinations(range(len(missing)), 2):
        given, taken = (_one_of_each_kind(np.flatnonzero(part == side), counts) for side in (one, other))
        gained = counts[taken][None] - counts[given][:, None]  # by `one`, and lost by `other`
        better = (missing[one] ** 2 - (missing[one] - gained) ** 2) / scale[one]
        better = (better + (missing[other] ** 2 - (missing[other] + gained) ** 2) / scale[other]).sum(-1)
        if better.size and better.max() > best:
            best, (i, j) = better.max(), np.unravel_index(better.argmax(), better.shape)
            found = given[i], taken[j], gained[i, j]
    if found is None:
        return False
    given, taken, gained = found
    missing[part[given]] -= gained
    missing[part[taken]] += gained
    part[given], part[taken] = part[taken], part[given]
    return True


def _one_of_each_kind(groups: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Of the groups with the same counts one, since they are all as good for an exchange; at most 200."""
    return groups[np.unique(counts[groups], axis=0, return_index=True)[1]][:200]


def _some_of_each(train: np.ndarray, labels: np.ndarray, vocab: Sequence[str], n_per_class: int | None) -> list[int]:
    if n_per_class is None:
        return sorted_places(train)
    if not (type(n_per_class) in (int, np.int64) and n_per_class > 0):
        raise CourseError(f"n_per_class is {n_per_class!r}: give a whole number from 1 upwards, or None for all.")
    taken = []
    for place, name in enumerate(vocab):
        those = train[labels[train] == place]
        if len(those) < n_per_class:
            raise CourseError(
                f"{n_per_class:,} {name!r} images were asked for and train has {len(those):,}: "
                f"ask for at most {len(those):,}."
            )
        taken.append(those[:n_per_class])
    return sorted_places(np.concatenate(taken))


def sorted_places(places: np.ndarray) -> list[int]:
    """Places in the order of the images, as plain numbers."""
    return [int(place) for place in np.sort(places)]
