"""What is looked at before training: images with several labels train, unless the learner is made for one."""

import numpy as np
import pytest
import torch
from fastai.losses import CrossEntropyLossFlat, FocalLossFlat
from fastai.metrics import accuracy, accuracy_multi, error_rate
from fastai.vision.all import vision_learner
from support.datasets import noise_images, split_in_order
from support.errors import refused
from support.learners import silent, tiny, tiny_is_known

from course_utils import training
from course_utils.data.images.options import ImageOptions
from course_utils.data.images.store import Store, make_loaders
from course_utils.diagnostics import inspect_training
from course_utils.training.checks import check_data

VOCAB = ("round", "red", "large")


def learner(empty: bool = False, **options):
    """A tiny learner of images with several labels each, or none; with `empty` no training image is large."""
    labels = torch.from_numpy(np.random.default_rng(0).random((24, 3)) < 0.5)
    labels[:16, 2] &= not empty
    store = Store(noise_images(24, 16), labels, VOCAB)
    dls = make_loaders(store, split_in_order(16, 4, 4), ImageOptions(size=16, bs=8, augment=False), what="noise")
    with tiny_is_known():
        return silent(vision_learner(dls, tiny, **{"pretrained": False, "metrics": dls.metric, **options}))


@pytest.mark.parametrize("strategy", [training.HeadOnly(1), training.LinearProbe(1), training.Full(1)])
def test_strategies_train_on_several_labels(strategy):
    learn = learner(metrics=[accuracy_multi])
    strategy.train(learn)
    predicted, truth = learn.get_preds()
    assert predicted.shape == truth.shape == (4, 3) and (predicted.sum(1) != 1).all(), "probabilities of each label"


@pytest.mark.parametrize("loss", [CrossEntropyLossFlat(), FocalLossFlat()])
def test_a_loss_for_one_label_is_refused(loss):
    with refused("training.several-labels", "BCEWithLogitsLossFlat"):
        training.HeadOnly(1).train(learner(loss_func=loss))


@pytest.mark.parametrize("metric", [accuracy, error_rate])
def test_a_metric_for_one_label_is_refused(metric):
    with refused("training.several-labels", metric.__name__, "dls.metric"):
        check_data(learner(metrics=[metric]))


def test_the_checklist_says_what_it_cannot_see_of_several_labels():
    told = str(inspect_training(learner()))
    assert "class ratio: the images don't have one class each" in told and "duplicates" in told


def test_a_label_that_no_training_image_has():
    with refused("training.empty-class", "1 of 3 classes", "'large'"):
        check_data(learner(empty=True))
