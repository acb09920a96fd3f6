"""Splits: disjoint, nested, paired by seed, and without near-duplicates on both sides."""

import numpy as np
import pytest
import torch

from course_utils.data.splits import Split, near_duplicates, split_by_class
from course_utils.errors import CourseError

VOCAB = ["car", "truck"]
LABELS = np.array([0] * 40 + [1] * 60 + [-1] * 10)


def parts(split: Split) -> list[set[int]]:
    return [set(split.train), set(split.valid), set(split.test)]


def count(places, label: int) -> int:
    return sum(LABELS[place] == label for place in places)


@pytest.mark.parametrize("n_per_class", [1, 10, None])
def test_parts_are_stratified_and_never_overlap(n_per_class):
    split = split_by_class(LABELS, VOCAB, n_per_class, 0, (0.2, 10))
    train, valid, test = parts(split)
    assert not (train & valid or train & test or valid & test)
    assert (count(valid, 0), count(valid, 1)) == (8, 12), "a share of each class"
    assert (count(test, 0), count(test, 1)) == (10, 10), "a number of each class"
    assert (count(train, 0), count(train, 1)) == ((n_per_class,) * 2 if n_per_class else (22, 38))
    assert all(LABELS[place] >= 0 for part in (train, valid, test) for place in part)
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
    assert set(cars.test) == {place for place in both.test if place < 40}
    assert set(cars.train) == {place for place in both.train if place < 40}


def test_images_reserved_for_testing_are_used_for_nothing_else():
    reserved = np.arange(len(LABELS)) % 4 == 0
    split = split_by_class(LABELS, VOCAB, None, 0, (5, 8), for_test=reserved)
    train, valid, test = parts(split)
    assert all(reserved[place] for place in test) and len(test) == 16
    assert not any(reserved[place] for place in train | valid)
    assert len(train) == (~reserved[:100]).sum() - 10, "those that test didn't take are left out too"


@pytest.mark.parametrize("seed", range(5))
def test_near_duplicates_never_stand_on_two_sides(seed):
    random = np.random.default_rng(seed)
    alike = torch.from_numpy(np.sort(random.choice(100, (30, 2)), axis=1))
    alike = alike[alike[:, 0] < alike[:, 1]]
    plain = split_by_class(LABELS, VOCAB, None, seed, (10, 10))
    split = split_by_class(LABELS, VOCAB, None, seed, (10, 10), alike)
    part_of = {place: name for name in ("train", "valid", "test") for place in getattr(split, name)}
    for one, other in alike.tolist():
        assert part_of.get(one, 0) == part_of.get(other, 0) or None in (part_of.get(one), part_of.get(other))
    assert split.test == plain.test, "train and valid give way"
    assert len(split.valid) == len(plain.valid)
    assert split.near_duplicates == len(plain.train) - len(split.train) > 0


def test_more_images_than_exist():
    with pytest.raises(CourseError, match=r"^31 'car' labels were asked for and 25 exist: ask for at most 25\.$"):
        split_by_class(LABELS, VOCAB, 31, 0, (5, 10))
    with pytest.raises(CourseError, match=r"^1,000 'car' images for test were asked for and 40 exist"):
        split_by_class(LABELS, VOCAB, 1, 0, (5, 1000))
    with pytest.raises(CourseError, match=r"'car' images for valid were asked for and 20 exist"):
        split_by_class(LABELS, VOCAB, 1, 0, (0.6, 0.5))


@pytest.mark.parametrize("n_per_class", [0, -1, 2.5, "many", True])
def test_a_wrong_number_of_labels(n_per_class):
    with pytest.raises(CourseError, match="give a whole number from 1 upwards, or None for all"):
        split_by_class(LABELS, VOCAB, n_per_class, 0, (5, 10))


@pytest.mark.parametrize("split", [(0.2,), (0.1, 0.2, 0.3), (-1, 5), (1.5, 5), 0.2, ("a", "b")])
def test_a_wrong_split(split):
    with pytest.raises(CourseError, match="give two numbers for valid and test"):
        split_by_class(LABELS, VOCAB, 5, 0, split)


@pytest.fixture(scope="module")
def scenes() -> torch.Tensor:
    """Twenty unrelated images: soft random patches, as photographs are."""
    patches = torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return (torch.nn.functional.interpolate(patches, (32, 32), mode="bicubic").clamp(0, 1) * 255).to(torch.uint8)


def test_unrelated_images_are_no_near_duplicates(scenes):
    assert len(near_duplicates(scenes)) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        lambda x: x * 0.6 + 40,
        lambda x: x + 12 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1)),
        lambda x: x.mean(0, keepdim=True).expand_as(x),
        lambda x: x.flip(-1),
        lambda x: x.roll(1, dims=-1),
    ],
    ids=["copy", "paler", "noisy", "grey", "mirrored", "shifted by a pixel"],
)
def test_a_changed_copy_is_found(scenes, change):
    copy = change(scenes[7].float()).clamp(0, 255).to(torch.uint8)
    assert near_duplicates(torch.cat([scenes, copy[None]])).tolist() == [[7, 20]]


def test_pairs_are_found_across_blocks_and_come_in_order(scenes):
    many = torch.cat([scenes[:1], torch.zeros(1500, 3, 32, 32, dtype=torch.uint8), scenes[:1]])
    assert near_duplicates(many).tolist() == [[0, 1501]]


def test_a_soft_shading_alone_makes_nothing_alike(scenes):
    """Two photographs under one sky are two photographs."""
    sky = torch.linspace(160, 0, 32)[None, :, None]
    under_one_sky = (scenes[:6].float() * 0.3 + sky).clamp(0, 255).to(torch.uint8)
    assert len(near_duplicates(under_one_sky)) == 0
