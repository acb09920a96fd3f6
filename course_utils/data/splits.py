"""Splits by class: who trains, who validates and who tests, with no near-duplicate on two sides."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from course_utils.data.options import check_n_per_class
from course_utils.errors import CourseError

SPLITS = ("train", "valid", "test")
STORED = ("test", "valid", "train")  # training last: its length leaves the indices of the others alone


@dataclass(frozen=True)
class Split:
    """Which items are in each split.

    Parameters
    ----------
    train, valid, test : list of int
        Indices of the items.
    near_duplicates : int
        How many items were left out of all splits, because nearly the same item is in the test or validation set.
    """

    train: list[int]
    valid: list[int]
    test: list[int]
    near_duplicates: int = 0


def split_by_class(
    labels: Sequence[int] | np.ndarray,
    vocab: Sequence[str],
    n_per_class: int | None,
    seed: int,
    split: tuple[float, float],
    duplicate_pairs: np.ndarray | None = None,
    reserved_for_test: np.ndarray | None = None,
) -> Split:
    """Divide items into a training, a validation and a test set, each class by itself.

    The validation and the test set depend on the seed and on `split`, and not on `n_per_class`. A class is divided in
    the same way in every task that has it, so that no task's test items trained a network for another task.

    Parameters
    ----------
    labels : (n,) int
        An index into `vocab` for each item, or -1 for an item that isn't used.
    vocab : sequence of str
        The names of the classes.
    n_per_class : int, optional
        Training items of each class; None takes all that are left. Fewer are always among those of a larger number.
    seed : int
        Decides who goes where.
    split : (float, float)
        The size of the validation and of the test set; each a share of a class's items below 1, or a number of items
        of each class from 1 upwards.
    duplicate_pairs : (m, 2) int, optional
        Indices of near-duplicates. Those of a test item go to neither the validation nor the training set; those of a
        validation item don't go to the training set.
    reserved_for_test : (n,) bool, optional
        The items that the publisher reserved for testing. The test set is then taken from them alone, and the other
        sets from the rest.

    Raises
    ------
    CourseError
        `data.too-few-items` when more items are asked for than there are; `data.missing-class` when none of a class is
        left for a set, unless 0 of it were asked for; `data.bad-split`; `data.bad-number`.
    """
    labels = np.asarray(labels)
    pairs = np.empty((0, 2), int) if duplicate_pairs is None else np.asarray(duplicate_pairs)
    per_class, test, rest = [], [], []
    for index, name in enumerate(vocab):
        order = np.random.default_rng([seed, crc32(name.encode())]).permutation(np.flatnonzero(labels == index))
        reserved = np.ones(len(order), bool) if reserved_for_test is None else np.asarray(reserved_for_test)[order]
        taken = _take(order[reserved], _count(split, "test", len(order)), f"{name!r} test examples")
        per_class.append(len(order))
        test.append(taken)
        rest.append(order[len(taken) :] if reserved_for_test is None else order[~reserved])
    left = _without_duplicates(rest, test, pairs)
    valid = [
        _take(items, _count(split, "valid", total), f"{name!r} validation examples")
        for name, items, total in zip(vocab, left, per_class, strict=True)
    ]
    left = [items[len(taken) :] for items, taken in zip(left, valid, strict=True)]
    left = _without_duplicates(left, valid, pairs)
    check_n_per_class(n_per_class)
    train = [
        _take(items, len(items) if n_per_class is None else n_per_class, f"{name!r} training examples")
        for name, items in zip(vocab, left, strict=True)
    ]
    asked = {"valid": split[0], "test": split[1], "train": 1}
    _check_none_missing({"train": train, "valid": valid, "test": test}, vocab, {name for name in SPLITS if asked[name]})
    dropped = sum(map(len, rest)) - sum(map(len, valid)) - sum(map(len, left))
    return Split(_joined(train), _joined(valid), _joined(test), near_duplicates=dropped)


def keep_published_split(
    labels: Sequence[int] | np.ndarray,
    vocab: Sequence[str],
    published: Sequence[str] | np.ndarray,
    n_per_class: int | None,
    seed: int,
    split: tuple[float, float] | None = None,
    duplicate_pairs: np.ndarray | None = None,
) -> Split:
    """Keep the training, validation and test set that a publisher made, and take from each what is asked for.

    Parameters
    ----------
    labels : (n,) int
        An index into `vocab` for each item.
    vocab : sequence of str
        The names of the classes.
    published : (n,) str
        The publisher's set of each item: "train", "valid" or "test".
    n_per_class : int, optional
        Training items of each class; None takes all. Fewer are always among those of a larger number.
    seed : int
        Decides which items are taken, where not all are.
    split : (float, float), optional
        How much of the publisher's validation and test set is taken, as in `split_by_class`; None takes all.
    duplicate_pairs : (m, 2) int, optional
        Indices of near-duplicates, treated as in `split_by_class`: the test set keeps what it has.

    Raises
    ------
    CourseError
        `data.too-few-items`; `data.missing-class`; `data.bad-split`; `data.bad-number`.
    """
    labels, published = np.asarray(labels), np.asarray(published)
    pairs = np.empty((0, 2), int) if duplicate_pairs is None else np.asarray(duplicate_pairs)
    shuffled = [
        np.random.default_rng([seed, crc32(name.encode())]).permutation(np.flatnonzero(labels == index))
        for index, name in enumerate(vocab)
    ]
    left = {name: [items[published[items] == name] for items in shuffled] for name in SPLITS}
    test = _take_published(left["test"], vocab, split, "test")
    whole = sum(map(len, left["train"] + left["valid"]))
    left["valid"] = _without_duplicates(left["valid"], test, pairs)
    valid = _take_published(left["valid"], vocab, split, "valid")
    left["train"] = _without_duplicates(_without_duplicates(left["train"], test, pairs), valid, pairs)
    check_n_per_class(n_per_class)
    train = [
        _take(items, len(items) if n_per_class is None else n_per_class, f"{name!r} training examples")
        for name, items in zip(vocab, left["train"], strict=True)
    ]
    _check_none_missing({"train": train, "valid": valid, "test": test}, vocab, set(SPLITS))
    dropped = whole - sum(map(len, left["train"] + left["valid"]))
    return Split(_joined(train), _joined(valid), _joined(test), near_duplicates=dropped)


def _take_published(
    items: list[np.ndarray], vocab: Sequence[str], split: tuple[float, float] | None, name: str
) -> list[np.ndarray]:
    what = {"valid": "validation", "test": "test"}[name]
    counts = [len(each) if split is None else _count(split, name, len(each)) for each in items]
    return [
        _take(each, count, f"{label!r} {what} examples")
        for each, count, label in zip(items, counts, vocab, strict=True)
    ]


def renumber(split: Split) -> Split:
    """Return the split of a store that holds only the items of this one, in the order of STORED."""
    indices, start = {}, 0
    for name in STORED:
        stop = start + len(getattr(split, name))
        indices[name] = list(range(start, stop))
        start = stop
    return Split(**indices, near_duplicates=split.near_duplicates)


def _check_none_missing(sets: dict[str, list[np.ndarray]], vocab: Sequence[str], needed: set[str]) -> None:
    """Refuse a set in which a class is missing: a share may round to nothing, or near-duplicates may leave nothing."""
    for name in (each for each in SPLITS if each in needed):
        missing = [repr(label) for label, items in zip(vocab, sets[name], strict=True) if not len(items)]
        if missing:
            more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
            raise CourseError(
                f"There is no example of {', '.join(missing[:3])}{more} in {name}, where nothing could be "
                f"{'learned' if name == 'train' else 'measured'}: take classes with more examples, or change split.",
                code="data.missing-class",
            )


def _joined(items: list[np.ndarray]) -> list[int]:
    return np.concatenate(items).tolist()


def _count(split: tuple[float, float], name: str, size: int) -> int:
    """Return how many of `size` items go to the validation or to the test set."""
    try:
        share = dict(zip(("valid", "test"), split, strict=True))[name]
        if share >= 0 and (share < 1 or share == int(share)):
            return round(share * size) if share < 1 else int(share)
    except (TypeError, ValueError):
        pass
    raise CourseError(
        f"split is {split!r}: give two numbers for valid and test, each a share of a class's examples below 1 "
        "or a whole number of examples of each class.",
        code="data.bad-split",
    )


def _take(items: np.ndarray, count: int, what: str) -> np.ndarray:
    if count > len(items):
        raise CourseError(
            f"{count:,} {what} were asked for and {len(items):,} exist: ask for at most {len(items):,}.",
            code="data.too-few-items",
        )
    return items[:count]


def _without_duplicates(rest: list[np.ndarray], taken: list[np.ndarray], pairs: np.ndarray) -> list[np.ndarray]:
    """Return the items of `rest` that are no near-duplicates of those taken."""
    used = np.concatenate(taken)
    duplicates = np.concatenate([pairs[np.isin(pairs[:, 0], used), 1], pairs[np.isin(pairs[:, 1], used), 0]])
    return [items[~np.isin(items, duplicates)] for items in rest]
