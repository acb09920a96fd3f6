"""Splits by group: nobody on two sides, every class in its share, and valid and test that n_per_class leaves alone."""

import numpy as np
import pytest
from support.errors import refused

from course_utils.data.groups import check_classes, shares, split_by_group
from course_utils.data.splits import Split

VOCAB = ["healthy", "lesion"]
SHARES = (0.2, 0.4)


def patients(count: int = 60, each: int = 5, ill: int = 5) -> tuple[np.ndarray, list[str]]:
    """Labels and names of patients with `each` slices; every ill-th one has one to four slices with a lesion."""
    labels = np.zeros((count, each), int)
    for number in range(0, count, ill):
        labels[number, : 1 + number // ill % 4] = 1
    return labels.ravel(), [f"P{number}" for number in range(count) for _ in range(each)]


def divided(n_per_class: int | None = None, seed: int = 0, split=SHARES) -> Split:
    labels, groups = patients()
    return split_by_group(labels, groups, VOCAB, n_per_class, seed, split)


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_in_two_parts_and_every_image_is_in_one(seed):
    labels, groups = patients()
    split = divided(seed=seed)
    owners = [{groups[index] for index in part} for part in (split.train, split.valid, split.test)]
    assert sum(map(len, owners)) == len(set.union(*owners)) == 60
    assert sorted([*split.train, *split.valid, *split.test]) == list(range(len(labels)))


@pytest.mark.parametrize("seed", range(5))
def test_every_class_has_its_share_in_every_part(seed):
    """30 lesions in 300 slices, at shares of 2/5, 1/5 and 2/5."""
    labels, _ = patients()
    split = divided(seed=seed)
    assert [len(part) for part in (split.train, split.valid, split.test)] == [120, 60, 120]
    assert [labels[part].sum() for part in (split.train, split.valid, split.test)] == [12, 6, 12]


def test_large_and_small_burdens_are_in_every_part():
    """A rule that fills the largest part first would leave only patients with few lesions for valid."""
    labels, groups = patients(count=200)
    burden = np.bincount(np.unique(groups, return_inverse=True)[1], labels).astype(int)
    owner = np.unique(groups, return_inverse=True)[1]
    for seed in range(5):
        split = split_by_group(labels, groups, VOCAB, None, seed, SHARES)
        ill = {
            index: burden[np.unique(owner[part])] for index, part in enumerate((split.train, split.valid, split.test))
        }
        assert all(2 <= each[each > 0].mean() <= 3 for each in ill.values()), "2.5 over all of them"


def test_groups_of_any_size_keep_near_the_shares():
    random = np.random.default_rng(0)
    sizes = random.integers(1, 12, 80)
    groups = np.repeat(np.arange(80), sizes)
    labels = random.integers(0, 3, len(groups))
    split = split_by_group(labels, groups, ["a", "b", "c"], None, 0, (0.25, 0.25))
    for part, share in zip((split.train, split.valid, split.test), (0.5, 0.25, 0.25), strict=True):
        counts = np.bincount(labels[part], minlength=3)
        assert np.abs(counts - share * np.bincount(labels)).max() <= 3


def test_fewer_labels_are_among_more_and_valid_and_test_stay():
    few, more, every = divided(2), divided(8), divided()
    assert set(few.train) < set(more.train) < set(every.train)
    assert few.valid == more.valid == every.valid and few.test == more.test == every.test
    labels, _ = patients()
    assert np.bincount(labels[more.train]).tolist() == [8, 8]


def test_the_seed_decides():
    assert divided(seed=1) == divided(seed=1)
    assert set(divided(seed=1).test) != set(divided(seed=2).test)


def test_more_images_than_train_has():
    with refused("data.too-few-items", "13 'lesion'", "at most 12"):
        divided(13)


@pytest.mark.parametrize("n_per_class", [0, -1, 2.5, "many", True])
def test_a_wrong_number_of_images(n_per_class):
    with refused("data.bad-number", repr(n_per_class)):
        divided(n_per_class)


@pytest.mark.parametrize("split", [(0.2,), 0.2, (0, 0.4), (0.6, 0.4), (-0.1, 0.4), (20, 40), ("a", "b")])
def test_wrong_shares(split):
    with refused("data.bad-split", repr(split)):
        shares(split)


def test_a_class_that_is_missing_in_a_part_is_named():
    whole = Split([0, 1], [2, 3], [4, 5])
    check_classes(whole, [0, 1] * 3, VOCAB, "")
    with refused("data.missing-class", "'lesion'", "in valid", "add some"):
        check_classes(whole, [0, 1, 0, 0, 0, 1], VOCAB, "add some")


def test_one_group_with_a_class_leaves_other_parts_without_it():
    labels, groups = [1, 1, 1, 0, 0, 0, 0, 0, 0], list("aaabbccdd")
    split = split_by_group(labels, groups, VOCAB, None, 0, (0.3, 0.3))
    with refused("data.missing-class", "'lesion'"):
        check_classes(split, labels, VOCAB, "add some")


def test_a_group_written_in_two_ways_is_one():
    labels = [0, 1] * 20
    plain = [number // 4 for number in range(40)]
    mixed = [str(group) if number % 2 else float(group) for number, group in enumerate(plain)]
    split = split_by_group(labels, mixed, VOCAB, None, 0, (0.3, 0.3))
    owners = [{plain[index] for index in part} for part in (split.train, split.valid, split.test)]
    assert sum(map(len, owners)) == len(set.union(*owners)) == 10


def test_groups_may_be_tuples():
    groups = [("p", number // 4) for number in range(40)]
    split = split_by_group([0, 1] * 20, groups, VOCAB, None, 0, (0.3, 0.3))
    assert len({groups[index] for index in split.test} & {groups[index] for index in split.train}) == 0


@pytest.mark.parametrize("nothing", [None, np.nan, ""])
def test_missing_groups(nothing):
    with refused("data.missing-groups", "2 of 6 items"):
        split_by_group([0, 1] * 3, ["a", "b", nothing, "c", nothing, "d"], VOCAB, None, 0, (0.3, 0.3))
