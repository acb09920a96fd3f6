"""Loaders of sounds: batches of spectrograms, their order, and changes in training alone."""

import pytest
import torch
from support.errors import refused

from course_utils import data
from course_utils.training.cacheable import random_transforms


@pytest.fixture(scope="module")
def words():
    return data.trade_words(4, seed=0, split=(2, 6))


def test_a_batch_is_spectrograms_and_labels(words):
    dls = data.sound_loaders(words, bs=10, seed=0)
    spectrograms, labels = dls.train.one_batch()
    assert spectrograms.shape == (10, 1, 40, 120) and labels.shape == (10,) and dls.c == 12
    assert [len(dl.dataset) for dl in dls.loaders] == [48, 24, 72] and dls.test is dls.loaders[2]
    every = torch.cat([batch for batch, _ in dls.test])
    assert torch.allclose(every, words.spectrograms("test"), atol=1e-5)
    assert torch.cat([labels for _, labels in dls.test]).tolist() == words.targets("test").tolist()
    assert sum(len(labels) for _, labels in dls.train) == 48, "an incomplete last batch is kept"


def test_the_seed_decides_the_order(words):
    orders = [data.sound_loaders(words, seed=seed).train.get_idxs() for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2] and sorted(orders[2]) == list(range(48))
    assert data.sound_loaders(words).test.get_idxs() == list(range(72))


@pytest.mark.parametrize("change", [data.AddNoise(), data.Shift(), data.Mask()], ids=lambda each: type(each).__name__)
def test_changes_are_made_in_training_alone_and_keep_the_labels(words, change):
    torch.manual_seed(0)
    dls = data.sound_loaders(words, bs=48, seed=0, augment=[change])
    plain = data.sound_loaders(words, bs=48, seed=0)
    assert torch.equal(dls.valid.one_batch()[0], plain.valid.one_batch()[0])
    changed, labels = dls.train.one_batch()
    original, same = plain.train.one_batch()
    assert torch.equal(labels, same) and changed.shape == original.shape
    assert not torch.allclose(changed, original, atol=0.1)
    assert random_transforms(dls.train) == [type(change).__name__], "so that caching refuses it"


def test_noise_is_as_loud_as_was_asked():
    waves = data.sound.loaders.TensorSound(torch.ones(50, 8000))
    torch.manual_seed(0)
    added = (data.AddNoise(20, 20)(waves, split_idx=0) - waves).square().mean(1)
    assert added.mean() == pytest.approx(0.01, rel=0.05)


def test_a_shift_moves_and_pads_with_silence():
    wave = torch.zeros(30, 8000)
    wave[:, 4000] = 1
    torch.manual_seed(0)
    moved = data.Shift(0.1)(data.sound.loaders.TensorSound(wave), split_idx=0)
    places = moved.argmax(1)
    assert (moved.sum(1) == 1).all() and places.min() >= 3200 and places.max() <= 4800 and len(set(places.tolist())) > 9


def test_wrong_numbers_are_refused(words):
    with refused("data.bad-number", "bs"):
        data.sound_loaders(words, bs=0)
    with refused("data.bad-number", "seed"):
        data.sound_loaders(words, seed=-1)
