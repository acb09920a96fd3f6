"""Dividing one's own images: groups stay whole, ready-made sets stay as they are, every class is in every set."""

from pathlib import Path

import numpy as np
import pytest
from support.errors import refused

from course_utils.data.images.own.dividing import divide, take_of_each_class
from course_utils.data.images.own.examples import Examples
from course_utils.data.splits import SPLITS, Split
from course_utils.errors import CourseError

SHARES = (0.25, 0.25)


def examples(labels, groups=None, sets=None, several=False) -> Examples:
    files = tuple(f"{number}.png" for number in range(len(labels)))
    given = tuple(tuple(each) if several else (each,) for each in labels)
    return Examples(Path(), files, given, several, groups, sets)


def sets_of(split) -> dict[int, str]:
    return {index: name for name in SPLITS for index in getattr(split, name)}


def covers(split, count: int) -> bool:
    return sorted(split.train + split.valid + split.test) == list(range(count))


@pytest.mark.parametrize("several", [False, True])
def test_no_group_is_ever_split_and_no_image_lost(several):
    """Any groups of any labels: they are divided whole, or refused."""
    divided = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        count = int(rng.integers(3, 60))
        labels, groups = rng.choice(list("ab"), count).tolist(), rng.integers(0, rng.integers(1, 14), count).tolist()
        try:
            split = divide(examples(labels, tuple(groups), several=several), seed, SHARES)
        except CourseError as problem:
            assert problem.code == "data.missing-class"
            continue
        divided += 1
        assert covers(split, count)
        where = sets_of(split)
        assert len({(group, where[index]) for index, group in enumerate(groups)}) == len(set(groups))
        assert all({labels[index] for index in getattr(split, name)} == set(labels) for name in SPLITS)
    assert 10 < divided < 40


def test_fewer_of_each_class_are_among_more():
    """With one label, several or none, each class gets at least what was asked for."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        some = examples([[name for name in "abc" if rng.random() < 0.4] for _ in range(30)], several=True)
        hot, before = some.targets(), set()
        for asked in range(1, int(hot.sum(0).min()) + 1):
            taken = take_of_each_class(Split(list(range(30)), [], []), hot, some.vocab, asked, seed)
            assert before <= set(taken.train) and (hot[taken.train].sum(0) >= asked).all()
            before = set(taken.train)
        assert before


def test_one_label_gives_exactly_what_was_asked_for():
    some = examples("aaaaaaaabbbbbbbbbbbb")
    whole = divide(some, 0, SHARES)
    taken = take_of_each_class(whole, some.targets(), some.vocab, 3, 0)
    assert some.targets()[taken.train].sum(0).tolist() == [3, 3]
    assert (taken.valid, taken.test) == (whole.valid, whole.test)
    with refused("data.too-few-items", "5 'a' training examples", "there are 4"):
        take_of_each_class(whole, some.targets(), some.vocab, 5, 0)


def test_shares_and_numbers():
    some = examples("a" * 20 + "b" * 40)
    split = divide(some, 0, SHARES)
    assert covers(split, 60)
    assert [np.bincount(some.targets()[getattr(split, name)].argmax(1)).tolist() for name in SPLITS] == [
        [10, 20],
        [5, 10],
        [5, 10],
    ]
    assert (len(divide(some, 0, (2, 3)).valid), len(divide(some, 0, (2, 3)).test)) == (4, 6)
    assert divide(some, 0, SHARES) == split != divide(some, 1, SHARES)


def test_several_labels_are_shared_out():
    rng = np.random.default_rng(0)
    some = examples([[name for name in "abcd" if rng.random() < 0.3] for _ in range(200)], several=True)
    split = divide(some, 0, SHARES)
    shares = some.targets()[split.test].sum(0) / some.targets().sum(0)
    assert covers(split, 200) and np.abs(shares - 0.25).max() < 0.03
    unlabelled = {index for index, each in enumerate(some.labels) if not each}
    assert abs(len(unlabelled & set(split.test)) / len(unlabelled) - 0.25) < 0.05


@pytest.mark.parametrize("sets", [("train", "valid"), ("train", "test"), ("train",), ("train", "valid", "test")])
def test_ready_made_sets_stay_and_missing_ones_come_out_of_train(sets):
    some = examples("ab" * 24, sets=tuple(sets[(index // 2) % len(sets)] for index in range(48)))
    split = divide(some, 0, SHARES)
    assert covers(split, 48) and split.train and split.valid and split.test
    for index, which in sets_of(split).items():
        assert which == some.sets[index] or (some.sets[index] == "train" and which not in sets)


def test_a_ready_made_set_may_lack_a_class_but_training_must_not():
    sets = ("train", "valid", "test") * 4
    divide(examples("aaaaabaaaaab", sets=tuple("train" if n % 6 == 5 else sets[n] for n in range(12))), 0, SHARES)
    with refused("data.missing-class", "'b'", "train"):
        divide(examples("aabaabaabaab", sets=sets), 0, SHARES)
    with refused("data.no-training-set"):
        divide(examples("abab", sets=("valid", "test") * 2), 0, SHARES)


def test_a_group_in_two_ready_made_sets():
    some = examples("ababab", ("p", "p", "q", "q", "r", "r"), ("train", "test", "train", "train", "valid", "valid"))
    with refused("data.group-in-two-sets", "1 group of 3", "p in test and train"):
        divide(some, 0, SHARES)


def test_ready_made_sets_with_groups_and_one_missing():
    some = examples("ab" * 24, tuple(index // 4 for index in range(48)), ("train",) * 40 + ("test",) * 8)
    split = divide(some, 0, (0.2, 0.2))
    assert split.test == list(range(40, 48)) and len(split.valid) == 8
    assert len({some.groups[index] for index in split.valid}) == 2


def test_too_few_images_of_a_class():
    with refused("data.too-few-images", "2 of 3 classes", "'a' has 1, 'c' has 2"):
        divide(examples("abbbbcc"), 0, SHARES)
    with refused("data.missing-class", "'a'", "change split"):
        divide(examples("aaabbbbbbb"), 0, (0.1, 0.1))
    with refused("data.missing-class", "at least three groups"):
        divide(examples("aaaabbbb", tuple("ppppqrst")), 0, SHARES)


@pytest.mark.parametrize("split", [(0.2,), (0.5, 0.5), (-0.1, 0.2), 0.2, None, ("a", "b"), (1.5, 2)])
def test_wrong_sizes(split):
    with refused("data.bad-split"):
        divide(examples("aaaabbbb"), 0, split)


def test_numbers_of_images_need_one_label_and_no_groups():
    with refused("data.bad-split", "shares"):
        divide(examples("aaaabbbb", tuple("ppqqrrss")), 0, (2, 2))
    with refused("data.bad-split", "shares"):
        divide(examples("aaaabbbb", several=True), 0, (2, 2))


def test_measurements_are_no_classes():
    with refused("data.measured-labels", "0.5, 1.5", "pandas.cut"):
        divide(examples(["0.5", "1.5", "2.25", "3"]), 0, SHARES)


def test_a_class_that_only_a_ready_made_set_has():
    for sets in (("train", "train", "valid", "valid"), ("train", "train", "valid", "test")):
        with refused("data.missing-class", "'b'", "in train"):
            divide(examples("aaab" * 3, sets=sets * 3), 0, SHARES)
