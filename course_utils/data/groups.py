"""Splits by group: items that belong together, such as one patient's, all train, or all validate, or all test."""

from collections.abc import Hashable, Sequence
from contextlib import suppress
from itertools import combinations
from typing import Any

import numpy as np

from course_utils.data.names import is_missing, one_of_each
from course_utils.data.options import check_n_per_class
from course_utils.data.splits import SPLITS, Split
from course_utils.errors import CourseError

MOST_COMPARED = 200  # groups of one split that are tried for an exchange


def split_by_group(
    labels: Sequence[int] | np.ndarray,
    groups: Sequence[Hashable],
    vocab: Sequence[str],
    n_per_class: int | None,
    seed: int,
    split: tuple[float, float],
) -> Split:
    """Divide items into training, validation and test set, with every group in one of them and each class in its share.

    The validation and the test set depend on the labels, the groups, the seed and `split`, and not on `n_per_class`.

    Parameters
    ----------
    labels : (n,) int
        An index into `vocab` for each item.
    groups : (n,)
        The group of each item, such as its patient; 1, 1.0 and "1" are one group.
    vocab : sequence of str
        The names of the classes.
    n_per_class : int, optional
        Training items of each class; None takes all that are left. Fewer are always among those of a larger number.
    seed : int
        Decides who goes where.
    split : (float, float)
        Shares of the validation and of the test set, each above 0 and together below 1.

    Raises
    ------
    CourseError
        `data.bad-split` for wrong shares, `data.too-few-items` when more items are asked for than there are,
        `data.missing-groups` for None or NaN among the groups.

    Notes
    -----
    Groups with many items of a rare class come first, equal ones in random order, and each goes where it brings the
    counts nearest to what was asked (the chi-square distance). Then pairs of groups are exchanged while that brings the
    counts nearer. So the shares are kept as nearly as whole groups allow. This is scikit-learn's StratifiedGroupKFold
    for three unequal parts.
    """
    labels = np.asarray(labels)
    of_group = _number(groups)
    counts = np.zeros((of_group.max(initial=-1) + 1, len(vocab)))
    np.add.at(counts, (of_group, labels), 1)
    assigned = assign_groups(counts, shares(split), np.random.default_rng(seed))[of_group]
    order = np.random.default_rng([seed, 1]).permutation(len(labels))
    train, valid, test = (order[assigned[order] == number] for number in range(len(SPLITS)))
    return Split(
        _take_of_each_class(train, labels, vocab, n_per_class), np.sort(valid).tolist(), np.sort(test).tolist()
    )


def _number(groups: Sequence[Hashable]) -> np.ndarray:
    """Return the number of each item's group, in the order of the groups where they have one."""
    missing = sum(map(is_missing, groups))
    if missing:
        raise CourseError(
            f"{missing:,} of {len(groups):,} items have no group: say to which group each belongs, or take them out.",
            code="data.missing-groups",
        )
    given = one_of_each(groups)
    names: list[Any] = list(dict.fromkeys(given))
    with suppress(TypeError):  # texts beside numbers have no order
        names.sort()
    place = {name: number for number, name in enumerate(names)}
    return np.array([place[group] for group in given], int)


def shares(split: tuple[float, float]) -> np.ndarray:
    """Return the shares of the training, the validation and the test set.

    Raises
    ------
    CourseError
        `data.bad-split` unless those of validation and test are above 0 and leave some items to train on.
    """
    try:
        valid, test = split
        if valid > 0 and test > 0 and valid + test < 1:
            return np.array((1 - valid - test, valid, test))
    except (TypeError, ValueError):
        pass
    raise CourseError(
        f"split is {split!r}: give the shares of valid and test, each above 0 and together below 1.",
        code="data.bad-split",
    )


def check_classes(split: Split, labels: Sequence[int] | np.ndarray, vocab: Sequence[str], advice: str) -> None:
    """Raise CourseError `data.missing-class`, which ends in the advice, when a split has no item of some class."""
    labels = np.asarray(labels)
    for part in SPLITS:
        present = set(labels[getattr(split, part)])
        for index, name in enumerate(vocab):
            if index not in present:
                raise CourseError(
                    f"There is no {name!r} example in {part}, where nothing could be measured: {advice}.",
                    code="data.missing-class",
                )


def assign_groups(counts: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Assign whole groups to splits, each class in the wanted shares as nearly as possible.

    Parameters
    ----------
    counts : (groups, classes)
        How many items of each class a group has; an item with several labels counts for each of them.
    wanted : (splits,)
        The shares of the splits, each above 0, which sum to 1.
    rng : Generator
        Decides between equal groups.

    Returns
    -------
    (groups,) int
        The number of each group's split.
    """
    total = np.maximum(counts.sum(0), 1)
    expected = np.outer(wanted, total)  # (splits, classes)
    missing = expected.copy()
    rarity = (counts / total).max(1)
    shuffled = rng.permutation(len(counts))
    assigned = np.zeros(len(counts), int)
    for group in shuffled[np.argsort(-rarity[shuffled], kind="stable")]:
        gain = (missing**2 - (missing - counts[group]) ** 2) / (expected * total)
        assigned[group] = gain.sum(1).round(12).argmax()  # rounded, so that a tie is a tie on every machine
        missing[assigned[group]] -= counts[group]
    while _exchange(assigned, counts, missing, expected * total):
        pass
    return assigned


def _exchange(assigned: np.ndarray, counts: np.ndarray, missing: np.ndarray, scale: np.ndarray) -> bool:
    """Exchange the two groups of two splits that bring the counts nearest to what was asked; False when none do."""
    best, found = 1e-9, None
    for one, other in combinations(range(len(missing)), 2):
        given, taken = (_one_of_each_kind(np.flatnonzero(assigned == side), counts) for side in (one, other))
        change = counts[taken][None] - counts[given][:, None]  # what `one` gains and `other` loses
        gain = (missing[one] ** 2 - (missing[one] - change) ** 2) / scale[one]
        gain = (gain + (missing[other] ** 2 - (missing[other] + change) ** 2) / scale[other]).sum(-1)
        if gain.size and gain.max() > best:
            best, (i, j) = gain.max(), np.unravel_index(gain.argmax(), gain.shape)
            found = given[i], taken[j], change[i, j]
    if found is None:
        return False
    group, partner, change = found
    missing[assigned[group]] -= change
    missing[assigned[partner]] += change
    assigned[group], assigned[partner] = assigned[partner], assigned[group]
    return True


def _one_of_each_kind(groups: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return one of all groups with the same counts, since they are equally good for an exchange; at most 200."""
    return groups[np.unique(counts[groups], axis=0, return_index=True)[1]][:MOST_COMPARED]


def _take_of_each_class(
    train: np.ndarray, labels: np.ndarray, vocab: Sequence[str], n_per_class: int | None
) -> list[int]:
    check_n_per_class(n_per_class)
    if n_per_class is None:
        return np.sort(train).tolist()
    taken = []
    for index, name in enumerate(vocab):
        items = train[labels[train] == index]
        if len(items) < n_per_class:
            raise CourseError(
                f"{n_per_class:,} {name!r} training examples were asked for and there are {len(items):,}: "
                f"ask for at most {len(items):,}.",
                code="data.too-few-items",
            )
        taken.append(items[:n_per_class])
    return np.sort(np.concatenate(taken)).tolist()
