"""Divides your own images: ready-made sets stay, no group is split, and each class gets its share of every set."""

from collections.abc import Sequence

import numpy as np

from course_utils.data.groups import assign_groups
from course_utils.data.images.own.examples import Examples, number
from course_utils.data.options import check_n_per_class
from course_utils.data.splits import SPLITS, Split, split_by_class
from course_utils.data.tables import first_few
from course_utils.errors import CourseError

Share = tuple[float, float]


def divide(examples: Examples, seed: int, split: Share) -> Split:
    """Divide images into training, validation and test set; all images, whatever number is asked for later.

    Parameters
    ----------
    examples : Examples
        The images. Of their ready-made sets, one that is missing is taken out of the training set.
    seed : int
        Decides who goes where.
    split : (float, float)
        The size of the validation and of the test set, where they aren't ready-made: shares, or numbers of images of
        each class where every image has one label and there are no groups.

    Raises
    ------
    CourseError
        `data.too-few-images` for a class that can't be in every set, `data.measured-labels` where most labels are
        numbers with decimals, `data.group-in-two-sets` for ready-made sets that share a group, `data.missing-class` for
        a class that is missing in a set, and `data.bad-split`.
    """
    vocab, hot = examples.vocab, examples.targets()
    fixed = np.array(examples.sets or [""] * len(hot))
    there = {name for name in SPLITS if (fixed == name).any()}
    if there and "train" not in there:
        raise CourseError("None of the ready-made sets is for training: name one train.", code="data.no-training-set")
    _check_numbers(hot, vocab, examples.groups is None and not there)
    sizes = _sizes(split, whole_numbers=examples.groups is None and not examples.several)
    valid, test = (0 if name in there else size for name, size in zip(SPLITS[1:], sizes, strict=True))
    if examples.groups is not None and there:
        _check_groups_apart(examples.groups, fixed)
    free = np.flatnonzero((fixed == "") | (fixed == "train"))
    _refuse_missing("train", hot[free], examples)
    assigned = fixed.astype(object)
    assigned[free] = "train"
    if valid or test:
        for name, rows in _draw(examples, hot, free, seed, (valid, test)).items():
            assigned[rows] = name
    train, *others = (np.flatnonzero(assigned == name).tolist() for name in SPLITS)
    result = Split(train, others[0], others[1])
    check_sets(result, examples)
    return result


def take_of_each_class(
    split: Split, hot: np.ndarray, vocab: Sequence[str], n_per_class: int | None, seed: int
) -> Split:
    """Return the split with at most so many training images of each class, and the same others.

    In an order that depends on the seed alone, an image is taken when it is among the first n of one of its labels. So
    fewer are always among those of a larger number, and an image that has several labels may add to more than one.

    Raises
    ------
    CourseError
        `data.too-few-items` when more are asked for than there are.
    """
    check_n_per_class(n_per_class)
    if n_per_class is None:
        return split
    train = np.random.default_rng([seed, 1]).permutation(len(hot))
    train = train[np.isin(train, split.train)]
    counts = hot[train].sum(0)
    few = int(counts.argmin())
    if counts[few] < n_per_class:
        raise CourseError(
            f"{n_per_class:,} {vocab[few]!r} training examples were asked for and there are {counts[few]:,}: ask "
            f"for at most {counts[few]:,}.",
            code="data.too-few-items",
        )
    early = (hot[train] & (np.cumsum(hot[train], 0) <= n_per_class)).any(1)
    none = ~hot[train].any(1)  # without any label they count as a class of their own
    early |= none & (np.cumsum(none) <= n_per_class)
    return Split(np.sort(train[early]).tolist(), split.valid, split.test, split.near_duplicates)


def _sizes(split: object, whole_numbers: bool) -> Share:
    """Return the sizes of the validation and of the test set.

    Raises
    ------
    CourseError
        `data.bad-split` for what is neither two shares nor, where these will do, two whole numbers.
    """
    try:
        sizes = np.array(split, dtype=float)
        shares = sizes < 1
        whole = whole_numbers & (sizes == sizes.round())
        if sizes.shape == (2,) and (sizes >= 0).all() and (shares | whole).all() and sizes[shares].sum() < 1:
            return sizes[0].item(), sizes[1].item()
    except (TypeError, ValueError):
        pass
    numbers = ", or whole numbers of images of each class" if whole_numbers else ""
    raise CourseError(
        f"split is {split!r}: give the shares of valid and test, together below 1{numbers}.", code="data.bad-split"
    )


def _draw(examples: Examples, hot: np.ndarray, free: np.ndarray, seed: int, wanted: Share) -> dict[str, np.ndarray]:
    """Return the rows of the sets that have to be drawn from the free ones."""
    if examples.groups is None and not examples.several:
        labels = np.full(len(hot), -1)
        labels[free] = hot[free].argmax(1)
        drawn = split_by_class(labels, examples.vocab, None, seed, wanted)
        return {"valid": np.array(drawn.valid, int), "test": np.array(drawn.test, int)}
    names = [name for name, share in zip(SPLITS[1:], wanted, strict=True) if share]
    parts = np.array([1 - sum(wanted), *(share for share in wanted if share)])
    groups = range(len(hot)) if examples.groups is None else examples.groups
    numbers = {group: place for place, group in enumerate(dict.fromkeys(groups[row] for row in free))}
    of_group = np.array([numbers[groups[row]] for row in free])
    counted = np.column_stack([hot, ~hot.any(1)])[free] if examples.several else hot[free]
    counts = np.zeros((len(numbers), counted.shape[1]))
    np.add.at(counts, of_group, counted)
    assigned = assign_groups(counts, parts, np.random.default_rng(seed))[of_group]
    return {name: free[assigned == place] for place, name in enumerate(names, 1)}


def _check_numbers(hot: np.ndarray, vocab: Sequence[str], drawn: bool) -> None:
    """Refuse classes with fewer images than there are sets."""
    counts = hot.sum(0)
    few = np.flatnonzero(counts < len(SPLITS)).tolist()
    if drawn and few:
        if sum(map(_is_measure, vocab)) > len(vocab) / 2:
            raise CourseError(
                f"The labels {first_few(vocab)} look like measurements, and data.images loads classes: cut them into "
                "classes, with pandas.cut for example.",
                code="data.measured-labels",
            )
        raise CourseError(
            f"{len(few)} of {len(vocab)} classes {'has' if len(few) == 1 else 'have'} fewer than 3 images "
            f"({first_few(f'{vocab[index]!r} has {counts[index]}' for index in few)}): each class needs one to train, "
            "one to validate and one to test, so add images, or leave such classes out.",
            code="data.too-few-images",
        )


def _is_measure(name: str) -> bool:
    """Whether a label is a number with decimals."""
    try:
        return not float(name).is_integer()
    except (ValueError, OverflowError):
        return False


def _check_groups_apart(groups: Sequence, fixed: np.ndarray) -> None:
    """Refuse ready-made sets that share a group."""
    sets: dict = {}
    for group, which in zip(groups, fixed, strict=True):
        sets.setdefault(group, set()).add(str(which))
    shared = [f"{group} in {' and '.join(sorted(names))}" for group, names in sets.items() if len(names) > 1]
    if shared:
        raise CourseError(
            f"{number(len(shared), 'group')} of {len(sets):,} {'is' if len(shared) == 1 else 'are'} in two ready-made "
            f"sets ({first_few(shared)}): move each "
            "group into one set, or let the sets be drawn.",
            code="data.group-in-two-sets",
        )


def check_sets(split: Split, examples: Examples) -> None:
    """Raise CourseError `data.missing-class` for a class that is missing in a set that was drawn, or in training."""
    hot, ready_made = examples.targets(), set(examples.sets or ())
    for name in SPLITS:
        if name == "train" or name not in ready_made:
            _refuse_missing(name, hot[getattr(split, name)], examples)


def _refuse_missing(name: str, hot: np.ndarray, examples: Examples) -> None:
    """Refuse a set of images with these targets that has none of some class."""
    missing = np.flatnonzero(~hot.any(0)).tolist()
    if missing:
        groups = "" if examples.groups is None else " from at least three groups"
        advice = f"add images of it{groups}" + (" to train" if name in (examples.sets or ()) else ", or change split")
        raise CourseError(
            f"There is no example of {first_few(repr(examples.vocab[index]) for index in missing)} in {name}, where "
            f"nothing could be {'learned' if name == 'train' else 'measured'}: {advice}.",
            code="data.missing-class",
        )


def check_vocab(examples: Examples) -> None:
    """Raise CourseError `data.one-class` for fewer labels than can be told apart."""
    vocab = examples.vocab
    if len(vocab) < (1 if examples.several else 2):
        found = f"only one label, {vocab[0]!r}" if vocab else "no label"
        raise CourseError(
            f"The {number(len(examples.files), 'image')} have {found}: give images of two classes or more.",
            code="data.one-class",
        )
