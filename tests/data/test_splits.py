"""Splits: disjoint, nested, paired by seed, and without near-duplicates on both sides."""

import numpy as np
import pytest
import torch
from support.errors import refused

from course_utils.data.splits import Split, keep_published_split, renumber, split_by_class

VOCAB = ["car", "truck"]
LABELS = np.array([0] * 40 + [1] * 60 + [-1] * 10)


def parts(split: Split) -> list[set[int]]:
    return [set(split.train), set(split.valid), set(split.test)]


def count(indices, label: int) -> int:
    return sum(LABELS[index] == label for index in indices)


@pytest.mark.parametrize("n_per_class", [1, 10, None])
def test_parts_are_stratified_and_never_overlap(n_per_class):
    split = split_by_class(LABELS, VOCAB, n_per_class, 0, (0.2, 10))
    train, valid, test = parts(split)
    assert not (train & valid or train & test or valid & test)
    assert (count(valid, 0), count(valid, 1)) == (8, 12), "a share of each class"
    assert (count(test, 0), count(test, 1)) == (10, 10), "a number of each class"
    assert (count(train, 0), count(train, 1)) == ((n_per_class,) * 2 if n_per_class else (22, 38))
    assert all(LABELS[index] >= 0 for part in (train, valid, test) for index in part)
    assert len(train) == len(split.train) and len(test) == len(split.test), "no image twice"


def test_fewer_labels_are_among_more_and_valid_and_test_stay():
    few, more, every = (split_by_class(LABELS, VOCAB, n, 3, (5, 10)) for n in (4, 12, None))
    assert set(few.train) < set(more.train) < set(every.train)
    assert few.valid == more.valid == every.valid and few.test == more.test == every.test


def test_the_seed_decides():
    first, again, other = (split_by_class(LABELS, VOCAB, 5, seed, (5, 10)) for seed in (1, 1, 2))
    assert first == again
    assert set(first.test) != set(other.test) and set(first.train) != set(other.train)


def test_a_class_is_divided_alike_in_every_task_that_has_it():
    """So an image that tests one task has trained no network for another."""
    cars = split_by_class([0] * 40 + [-1] * 60, ["car"], None, 0, (5, 10))
    both = split_by_class([1] * 40 + [0] * 60, ["truck", "car"], None, 0, (5, 10))
    assert set(cars.test) == {index for index in both.test if index < 40}
    assert set(cars.train) == {index for index in both.train if index < 40}


def test_images_reserved_for_testing_are_used_for_nothing_else():
    reserved = np.arange(len(LABELS)) % 4 == 0
    split = split_by_class(LABELS, VOCAB, None, 0, (5, 8), reserved_for_test=reserved)
    train, valid, test = parts(split)
    assert all(reserved[index] for index in test) and len(test) == 16
    assert not any(reserved[index] for index in train | valid)
    assert len(train) == (~reserved[:100]).sum() - 10, "those that test didn't take are left out too"


@pytest.mark.parametrize("seed", range(5))
def test_near_duplicates_never_stand_on_two_sides(seed):
    random = np.random.default_rng(seed)
    pairs = torch.from_numpy(np.sort(random.choice(100, (30, 2)), axis=1))
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    plain = split_by_class(LABELS, VOCAB, None, seed, (10, 10))
    split = split_by_class(LABELS, VOCAB, None, seed, (10, 10), pairs.numpy())
    part_of = {index: name for name in ("train", "valid", "test") for index in getattr(split, name)}
    for one, other in pairs.tolist():
        assert part_of.get(one, 0) == part_of.get(other, 0) or None in (part_of.get(one), part_of.get(other))
    assert split.test == plain.test, "train and valid give way"
    assert len(split.valid) == len(plain.valid)
    assert split.near_duplicates == len(plain.train) - len(split.train) > 0


def test_a_store_of_the_chosen_items_alone_has_indices_of_its_own():
    """Training comes last, so that more training items leave the others' indices alone."""
    assert renumber(Split([9, 4, 7], [2], [5, 8])) == Split([3, 4, 5], [2], [0, 1])


def test_more_images_than_exist():
    with refused("data.too-few-items", "31 'car' training examples", "at most 25"):
        split_by_class(LABELS, VOCAB, 31, 0, (5, 10))
    with refused("data.too-few-items", "1,000 'car' test examples", "40 exist"):
        split_by_class(LABELS, VOCAB, 1, 0, (5, 1000))
    with refused("data.too-few-items", "'car' validation examples", "20 exist"):
        split_by_class(LABELS, VOCAB, 1, 0, (0.6, 0.5))


@pytest.mark.parametrize("n_per_class", [0, -1, 2.5, "many", True])
def test_a_wrong_number_of_labels(n_per_class):
    with refused("data.bad-number", repr(n_per_class)):
        split_by_class(LABELS, VOCAB, n_per_class, 0, (5, 10))


@pytest.mark.parametrize("split", [(0.2,), (0.1, 0.2, 0.3), (-1, 5), (1.5, 5), 0.2, ("a", "b")])
def test_a_wrong_split(split):
    with refused("data.bad-split", repr(split)):
        split_by_class(LABELS, VOCAB, 5, 0, split)


PUBLISHED = np.array(["train"] * 20 + ["valid"] * 8 + ["test"] * 12 + ["train"] * 30 + ["valid"] * 10 + ["test"] * 20)


def keep(n_per_class=None, seed=0, split=None, pairs=None) -> Split:
    return keep_published_split(LABELS[:100], VOCAB, PUBLISHED, n_per_class, seed, split, pairs)


def test_a_published_split_is_kept_whole():
    split = keep()
    for name in ("train", "valid", "test"):
        assert sorted(getattr(split, name)) == np.flatnonzero(name == PUBLISHED).tolist()


def test_what_is_taken_of_a_published_split_comes_from_its_own_set():
    few, more, other = keep(3, split=(0.5, 4)), keep(9, split=(0.5, 4)), keep(9, seed=1, split=(0.5, 4))
    assert [count(few.valid, label) for label in (0, 1)] == [4, 5], "a share of each class of the published set"
    assert [count(few.test, label) for label in (0, 1)] == [4, 4], "a number of each class"
    assert set(few.train) < set(more.train) and few.valid == more.valid and few.test == more.test
    assert set(other.train) != set(more.train)
    for split in (few, more, other):
        assert all((PUBLISHED[getattr(split, name)] == name).all() for name in ("train", "valid", "test"))


def test_near_duplicates_leave_the_training_set_first_and_the_test_set_never():
    pairs = np.array([[0, 30], [1, 22], [23, 31], [2, 3]])  # train-test, train-valid, valid-test, train-train
    split = keep(pairs=pairs)
    assert not {0, 1, 23} & {*split.train, *split.valid} and {22} <= set(split.valid)
    assert sorted(split.test) == np.flatnonzero(PUBLISHED == "test").tolist()
    assert split.near_duplicates == 3 and {2, 3} <= set(split.train)


def test_more_than_the_published_set_holds():
    with refused("data.too-few-items", "21 'car' training", "at most 20"):
        keep(21)
    with refused("data.too-few-items", "9 'car' validation", "at most 8"):
        keep(split=(9, 9))
    with refused("data.bad-split"):
        keep(split=(9,))


def test_no_set_lacks_a_class_in_silence():
    """A share of few items is none of them, and near-duplicates may leave none."""
    with refused("data.missing-class", "'car'", "in valid", "change split"):
        split_by_class([0] * 4 + [1] * 40, VOCAB, None, 0, (0.1, 0.4))
    with refused("data.missing-class", "'car', 'truck' in test"):
        split_by_class([0, 1] * 20, VOCAB, None, 0, (0.4, 0.01))
    with refused("data.missing-class", "in train", "learned"):
        split_by_class([0, 1] * 4, VOCAB, None, 0, (2, 2))
    with refused("data.missing-class", "in valid"):
        keep(split=(0.01, 4))
    assert split_by_class([0, 1] * 4, VOCAB, None, 0, (0, 2)).valid == [], "a caller may have that set already"
