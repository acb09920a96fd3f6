"""digits: the real ones, divided as promised."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from support.errors import refused

from course_utils.data import digits, load


def parts(dls) -> list[set[int]]:
    return [set(dl.items) for dl in dls]


def test_all_real_digits_are_there_once():
    dls = digits(augment=False, normalize=False, size=8)
    train, valid, test = parts(dls)
    assert len(train) + len(valid) + len(test) == 1797 == len(train | valid | test)
    assert list(dls.vocab) == list("0123456789")
    original = load_digits()
    images, labels = (torch.cat(each) for each in zip(*dls.test, strict=True))
    assert torch.allclose(images[:, 0], torch.tensor(original.images[list(dls.test.items)]).float() / 16, atol=0.002)
    assert torch.equal(images[:, 0], images[:, 2])
    assert (labels.numpy() == original.target[list(dls.test.items)]).all()


def test_a_batch_is_ready_for_a_pretrained_network():
    x, y = digits(20, seed=0).one_batch()
    assert x.shape == (64, 3, 64, 64) and y.shape == (64,)
    assert x.min() > -2.2 and x.max() < 2.7, "in ImageNet's units"


def test_label_sweeps_are_paired_and_nested():
    few, more = digits(10, seed=1), digits(20, seed=1)
    assert np.bincount([y for _, y in more.train_ds]).tolist() == [20] * 10
    assert parts(few)[0] < parts(more)[0]
    assert parts(few)[1:] == parts(more)[1:]
    assert parts(digits(10, seed=2))[2] != parts(few)[2]


def test_the_seed_of_the_course_is_the_default(monkeypatch):
    monkeypatch.setenv("COURSE_SEED", "7")
    assert parts(digits(5)) == parts(digits(5, seed=7)) != parts(digits(5, seed=8))


def test_split_is_an_argument():
    dls = digits(5, split=(3, 0.5))
    assert len(dls.valid_ds) == 30 and abs(len(dls.test.items) - 1797 / 2) < 10


def test_more_labels_than_exist():
    with refused("data.too-few-items", "500 '0'", "at most 89"):
        digits(500)


def test_load_knows_the_names():
    assert parts(load("digits", n_per_class=3, seed=0)) == parts(digits(3, seed=0))
    with refused("data.unknown-data-set", "'digit'", "did you mean 'digits'?"):
        load("digit")
    with refused("data.unknown-data-set", "'imagenet'", "digits, vehicles, recycling"):
        load("imagenet")
