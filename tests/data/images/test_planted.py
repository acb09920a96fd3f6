"""Copies that are planted: the training set keeps its size, and each copy shows its original, changed."""

import numpy as np
import pytest
import torch
from support.datasets import coloured_images, noise_images, store_loaders
from support.errors import refused

from course_utils.data.images.planted import CHANGES, alter, plant_copies
from course_utils.data.images.store import Store


@pytest.fixture
def loaders():
    labels = torch.arange(60) % 2
    return store_loaders(Store(noise_images(60), labels, ["a", "b"]), (24, 12, 24))


def test_copies_take_the_place_of_training_images_of_the_same_class(loaders):
    before, sizes = loaders.store.images.clone(), [len(dl.dataset) for dl in loaders]
    pairs = plant_copies(loaders, 0.5, seed=1)
    copies, originals = pairs.T
    assert pairs.shape == (12, 2) and len(set(copies)) == len(set(originals)) == 12
    assert set(copies) <= set(loaders.train.items) and set(originals) <= set(loaders.test.items)
    labels = loaders.store.labels.numpy()
    assert (labels[copies] == labels[originals]).all()
    assert [len(dl.dataset) for dl in loaders] == sizes
    now = loaders.store.images
    changed = {number for number in range(60) if (now[number] != before[number]).any()}
    assert changed == set(copies.tolist())
    for place, (copy, original) in enumerate(pairs):
        assert (now[copy] == alter(now[original], list(CHANGES.values())[place % 5])).all()


def test_other_loaders_over_the_same_images_see_no_copies():
    shared = coloured_images(60)
    one, other = (store_loaders(shared, (24, 12, 24)) for _ in range(2))
    before = other.store.images.clone()
    plant_copies(one, 0.5)
    assert (other.store.images == before).all() and (shared.images == before).all()


def test_nothing_is_planted_for_a_share_of_zero(loaders):
    before = loaders.store.images.clone()
    assert plant_copies(loaders, 0).shape == (0, 2) and (loaders.store.images == before).all()


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_image_has_the_size_of_the_old_one_and_other_pixels(name):
    image = coloured_images(1, 40).images[0]
    changed = alter(image, CHANGES[name])
    assert changed.shape == image.shape and changed.dtype == torch.uint8
    assert (changed != image).any() and np.corrcoef(changed.flatten(), image.flatten())[0, 1] > 0.3


def test_what_cannot_be_planted_is_refused(loaders):
    with refused("data.bad-option", "share is 1.5"):
        plant_copies(loaders, 1.5)
    few = store_loaders(Store(noise_images(40), torch.arange(40) % 2, ["a", "b"]), (8, 8, 24))
    with refused("data.too-few-items", "12 copies", "4 training images"):
        plant_copies(few, 1.0)
