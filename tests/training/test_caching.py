"""The frozen-feature cache: the same weights as without it, and a refusal wherever they would differ."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from fastai.vision.all import TensorImage, Transform, accuracy
from support.datasets import few_digits
from support.errors import refused
from support.learners import digits_learner, silent
from support.training import close, train
from torch import nn

from course_utils import surgery
from course_utils.errors import CourseError
from course_utils.training import cached_body


@pytest.mark.parametrize("depth", ["head", "stage 4", "stage 2"])
@pytest.mark.parametrize("bs", [8, 7])  # 30 images: 7 leaves an incomplete batch, which training drops
def test_the_final_weights_are_those_of_the_uncached_run(depth, bs):
    ends = []
    for cached in (False, True):
        learn = digits_learner(bs=bs)
        surgery.freeze_to(learn, depth, batchnorm="fixed")
        if not cached:
            ends.append(train(learn))
            continue
        before = surgery.snapshot(learn)
        with cached_body(learn) as features:
            ends.append(train(learn))
    assert close(*ends) and not close(before, ends[1])
    assert features.blocks[-1] != depth and not features.on_disk and features.bytes > 0


def test_two_fits_in_a_row_go_on_as_uncached_ones_would():
    ends = []
    for cached in (False, True):
        learn = digits_learner()
        surgery.freeze(learn, batchnorm="fixed")
        if cached:
            with cached_body(learn):
                train(learn)
            ends.append(train(learn))
        else:
            train(learn)
            ends.append(train(learn))
    assert close(*ends)


def test_features_beyond_the_budget_lie_in_a_file_without_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ends = []
    for budget in (2**29, 1):
        learn = digits_learner()
        surgery.freeze(learn, batchnorm="fixed")
        with cached_body(learn, budget=budget) as features:
            assert features.on_disk == (budget == 1)
            assert os.listdir(tmp_path) == []
            ends.append(train(learn))
    assert close(*ends)


def test_images_still_work_inside_and_everything_is_put_back():
    learn = digits_learner()
    surgery.freeze(learn, batchnorm="fixed")
    loaders, whole = learn.dls, learn.validate(dl=learn.dls.test)
    with cached_body(learn), learn.no_bar():
        assert learn.validate(dl=learn.dls.test) == whole
        assert learn.validate()[1] == pytest.approx(accuracy(*learn.get_preds()).item())
        assert learn.dls.vocab == loaders.vocab
    assert learn.dls is loaders and "forward" not in vars(learn.model)
    assert learn.validate(dl=learn.dls.test) == whole


@pytest.mark.parametrize("problem", [KeyboardInterrupt, ValueError])
def test_an_interrupted_cell_leaves_a_learner_that_works(problem):
    learn = digits_learner()
    surgery.freeze(learn, batchnorm="fixed")
    loaders, callbacks = learn.dls, list(learn.cbs)
    with pytest.raises(problem), cached_body(learn):
        raise problem("stop")
    assert learn.dls is loaders and list(learn.cbs) == callbacks and "forward" not in vars(learn.model)
    train(learn)


def test_augmentation_is_refused_or_stored_in_copies():
    learn = digits_learner(augment=True)
    surgery.freeze(learn, batchnorm="fixed")
    with refused("training.random-augmentation", "copies=4"), cached_body(learn):
        pass
    with cached_body(learn, copies=3) as features:
        stored = learn.dls.train.copies
        assert stored.shape[0] == 3 and not torch.equal(stored[0], stored[1])
        assert features.bytes > 3 * stored[0].nbytes
        before = surgery.snapshot(learn)
        assert not close(before, train(learn, 4))
        assert learn.dls.train.turn == 3


def test_randomness_that_no_name_gives_away_is_refused():
    class Noise(Transform):
        def encodes(self, images: TensorImage):
            return images + 0.01 * torch.randn_like(images)

    learn = digits_learner(augment=[Noise()])
    surgery.freeze(learn, batchnorm="fixed")
    with refused("training.random-inputs", "copies=4"), cached_body(learn):
        pass


def test_what_would_change_the_result_is_refused():
    learn = digits_learner()
    with refused("training.frozen-batchnorm-moves", "'stem'", "batchnorm='fixed'"), cached_body(learn):
        pass
    surgery.unfreeze(learn)
    with refused("training.nothing-frozen", "'stem'"), cached_body(learn):
        pass
    surgery.freeze(learn, batchnorm="fixed")
    with cached_body(learn), refused("training.cached-already", "cached already"), cached_body(learn):
        pass
    for weight in learn.model.parameters():
        weight.requires_grad_(False)
    for layer in learn.model.modules():
        surgery.hold_in_eval(layer)
    with refused("training.nothing-to-train", "nothing to train"), cached_body(learn):
        pass
    with refused("training.bad-number-of-copies", "copies is 0"), cached_body(learn, copies=0):
        pass


def test_dropout_in_a_frozen_block_is_refused_until_it_is_held():
    learn = digits_learner()
    dropout = nn.Dropout(0.2)
    learn.model[0][4].add_module("dropout", dropout)
    surgery.freeze(learn, batchnorm="fixed")
    with refused("training.frozen-block-random", "'stage 1'", "hold_in_eval"), cached_body(learn):
        pass
    surgery.hold_in_eval(dropout)
    with cached_body(learn):
        train(learn)


@contextmanager
def out_of_date(fact: str) -> Iterator[None]:
    """Expect the refusal of a fit; fastai adds to its sentence which callback raised it."""
    with pytest.raises(CourseError, match=fact) as caught:
        yield
    assert caught.value.code == "training.features-out-of-date"


def test_a_change_after_caching_is_noticed():
    learn = digits_learner()
    surgery.freeze(learn, batchnorm="fixed")
    with cached_body(learn):
        with torch.no_grad():
            learn.model[0][0].weight.data.mul_(1.1)
        with out_of_date("weights of the frozen blocks changed"):
            train(learn)
    with cached_body(learn):
        surgery.unfreeze(learn)
        with out_of_date("unfrozen"):
            train(learn)
    surgery.freeze(learn, batchnorm="fixed")
    with cached_body(learn):
        store = learn.dls.train.source.dataset.tls[0].tfms.fs[0].store
        store.images.copy_(255 - store.images)
        with out_of_date("training data changed"):
            train(learn)
        store.images.copy_(255 - store.images)
        train(learn)
        learn.dls = few_digits()
        with out_of_date("other data"):
            train(learn)


def test_an_empty_validation_set_is_left_as_it_is():
    learn = digits_learner()
    learn.dls.loaders[1] = learn.dls.valid.new(learn.dls.valid.dataset.new_empty())
    silent(learn)
    surgery.freeze(learn, batchnorm="fixed")
    with cached_body(learn):
        train(learn)
        assert not len(learn.dls.valid)
