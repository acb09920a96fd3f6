"""The frozen-feature cache: the same weights as without it, and a refusal wherever they would differ."""

import os
import tempfile

import pytest
import torch
from fastai.vision.all import CrossEntropyLossFlat, Learner, TensorImage, Transform, accuracy, set_seed, vision_learner
from torch import nn

from course_utils import data, surgery
from course_utils.backbones import resnet18_half
from course_utils.errors import CourseError
from course_utils.training import cached_body


def learner(bs: int = 8, augment: bool = False, **arguments) -> Learner:
    set_seed(3)
    dls = data.digits(n_per_class=3, size=32, bs=bs, seed=1, split=(0.02, 0.05), augment=augment)
    return vision_learner(dls, resnet18_half, metrics=accuracy, **arguments)


def train(learn: Learner, epochs: int = 2) -> dict[str, torch.Tensor]:
    set_seed(5)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, 1e-2)
    return surgery.snapshot(learn)


def close(a: dict, b: dict) -> bool:
    return all(torch.allclose(a[name].float(), b[name].float(), rtol=1e-3, atol=1e-4) for name in a)


@pytest.mark.parametrize("depth", ["head", "stage 4", "stage 2"])
@pytest.mark.parametrize("bs", [8, 7])  # 30 images: 7 leaves an incomplete batch, which training drops
def test_the_final_weights_are_those_of_the_uncached_run(depth, bs):
    ends = []
    for cached in (False, True):
        learn = learner(bs)
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
        learn = learner()
        surgery.freeze(learn, batchnorm="fixed")
        if cached:
            with cached_body(learn):
                train(learn)
            ends.append(train(learn))
        else:
            train(learn)
            ends.append(train(learn))
    assert close(*ends)


def test_features_beyond_the_budget_lie_in_a_file_without_a_name():
    ends = []
    for budget in (2**29, 1):
        learn = learner()
        surgery.freeze(learn, batchnorm="fixed")
        there = set(os.listdir(tempfile.gettempdir()))
        with cached_body(learn, budget=budget) as features:
            assert features.on_disk == (budget == 1)
            assert set(os.listdir(tempfile.gettempdir())) <= there
            ends.append(train(learn))
    assert close(*ends)


def test_images_still_work_inside_and_everything_is_put_back():
    learn = learner()
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
    learn = learner()
    surgery.freeze(learn, batchnorm="fixed")
    loaders, callbacks = learn.dls, list(learn.cbs)
    with pytest.raises(problem), cached_body(learn):
        raise problem("stop")
    assert learn.dls is loaders and list(learn.cbs) == callbacks and "forward" not in vars(learn.model)
    train(learn)


def test_augmentation_is_refused_or_stored_in_copies():
    learn = learner(augment=True)
    surgery.freeze(learn, batchnorm="fixed")
    with pytest.raises(CourseError, match=r"augmented at random.*copies"), cached_body(learn):
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

    learn = learner(augment=[Noise()])
    surgery.freeze(learn, batchnorm="fixed")
    with pytest.raises(CourseError, match="differ each time"), cached_body(learn):
        pass


def test_what_would_change_the_result_is_refused():
    learn = learner()
    with pytest.raises(CourseError, match=r"'stem'.*BatchNorm.*batchnorm='fixed'"), cached_body(learn):
        pass
    surgery.unfreeze(learn)
    with pytest.raises(CourseError, match="Nothing before 'stem'"), cached_body(learn):
        pass
    surgery.freeze(learn, batchnorm="fixed")
    with cached_body(learn), pytest.raises(CourseError, match="cached already"), cached_body(learn):
        pass
    for weight in learn.model.parameters():
        weight.requires_grad_(False)
    for layer in learn.model.modules():
        surgery.hold_in_eval(layer)
    with pytest.raises(CourseError, match="nothing to train"), cached_body(learn):
        pass
    with pytest.raises(CourseError, match="copies is 0"), cached_body(learn, copies=0):
        pass


def test_dropout_in_a_frozen_block_is_refused_until_it_is_held():
    learn = learner()
    dropout = nn.Dropout(0.2)
    learn.model[0][4].add_module("dropout", dropout)
    surgery.freeze(learn, batchnorm="fixed")
    with pytest.raises(CourseError, match=r"'stage 1'.*dropout.*hold_in_eval"), cached_body(learn):
        pass
    surgery.hold_in_eval(dropout)
    with cached_body(learn):
        train(learn)


def test_a_change_after_caching_is_noticed():
    learn = learner()
    surgery.freeze(learn, batchnorm="fixed")
    with cached_body(learn):
        with torch.no_grad():
            learn.model[0][0].weight.data.mul_(1.1)
        with pytest.raises(CourseError, match="weights of the frozen blocks changed"):
            train(learn)
    with cached_body(learn):
        surgery.unfreeze(learn)
        with pytest.raises(CourseError, match="unfrozen"):
            train(learn)
    surgery.freeze(learn, batchnorm="fixed")
    with cached_body(learn):
        store = learn.dls.train.source.dataset.tls[0].tfms.fs[0].store
        store.images.copy_(255 - store.images)
        with pytest.raises(CourseError, match="training data changed"):
            train(learn)
        store.images.copy_(255 - store.images)
        train(learn)
        learn.dls = data.digits(n_per_class=3, size=32)
        with pytest.raises(CourseError, match="other data"):
            train(learn)


def test_networks_of_torchvision_and_of_ones_own_are_cut_or_refused():
    dls = data.digits(n_per_class=3, size=32, bs=8, seed=1, split=(0.02, 0.05), augment=False)
    learn = Learner(dls, resnet18_half(num_classes=10), loss_func=CrossEntropyLossFlat())
    surgery.freeze(learn, batchnorm="fixed")
    before = surgery.fingerprints(learn)
    with cached_body(learn):
        train(learn)
    assert (before.weights != surgery.fingerprints(learn).weights).tolist() == [False] * 5 + [True]

    class Doubled(type(learn.model)):
        def forward(self, x):
            return 2 * super().forward(x)

    learn = Learner(dls, Doubled(10), loss_func=CrossEntropyLossFlat())
    surgery.freeze(learn, batchnorm="fixed")
    with pytest.raises(CourseError, match="more than call its blocks"), cached_body(learn):
        pass
