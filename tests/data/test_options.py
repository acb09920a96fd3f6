"""The options that every data set takes: numbers of any library, and none that make no sense."""

import numpy as np
import pytest
from fastai.vision.augment import Flip, aug_transforms
from support.errors import refused

from course_utils.data.images.options import ImageOptions


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_numbers_of_numpy_are_pythons(kind):
    options = ImageOptions(seed=kind(3), bs=kind(8), size=kind(32), n_per_class=kind(2))
    assert options == ImageOptions(seed=3, bs=8, size=32, n_per_class=2)
    assert {type(value) for value in (options.seed, options.bs, options.size)} == {int}


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True, np.True_, np.int64(-1)])
def test_a_wrong_seed(seed):
    with refused("data.bad-number", "seed is", "at least 0"):
        ImageOptions(seed=seed)


@pytest.mark.parametrize("split, empty", [((0, 2), "valid"), ((0.2, 0), "test"), ((0, 0.0), "valid and test")])
def test_no_set_is_empty(split, empty):
    with refused("data.bad-split", f"leaves {empty} empty"):
        ImageOptions(split=split)


@pytest.mark.parametrize("augment", ["yes", 1, aug_transforms, Flip(), ["flip"]])
def test_a_wrong_augmentation(augment):
    with refused("data.bad-option", "augment is"):
        ImageOptions(augment=augment)
    assert ImageOptions(augment=np.False_).augment is False and ImageOptions(augment=[Flip()])
