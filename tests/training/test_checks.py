"""What is looked at before training: images with several labels train, unless the learner is made for one."""

import numpy as np
import pytest
import torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat, FocalLossFlat
from fastai.metrics import accuracy, accuracy_multi, error_rate
from fastai.vision.all import (
    ImageDataLoaders,
    Resize,
    TensorImage,
    ToTensor,
    Transform,
    create_head,
    vision_learner,
)
from support.datasets import class_folders, coloured_images, noise_images, split_in_order, store_loaders
from support.errors import refused
from support.learners import digits_learner, silent, tiny, tiny_is_known
from torch import nn

from course_utils import surgery, training
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


class Scaled(Transform):
    """Divides images by 255, which fastai does itself."""

    order = 20

    def encodes(self, image: TensorImage):
        return image.float() / 255


@pytest.mark.parametrize("twice", [False, True])
def test_images_divided_by_255_twice_are_noticed(twice, tmp_path, capsys):
    steps = [Resize(16, "squish"), ToTensor(), *([Scaled()] if twice else [])]
    dls = ImageDataLoaders.from_folder(
        class_folders(tmp_path), valid_pct=0.3, seed=1, item_tfms=steps, bs=4, num_workers=0
    )
    with tiny_is_known():
        learn = silent(vision_learner(dls, tiny, pretrained=False, metrics=accuracy))
    training.HeadOnly(1).train(learn)
    assert ("divided by 255 twice" in capsys.readouterr().out) == twice


def test_from_scratch_begins_with_random_weights():
    with refused("training.not-from-scratch", "pretrained=False"):
        training.FromScratch(1).train(digits_learner())
    learn = silent(digits_learner(pretrained=False))
    training.FromScratch(1).train(learn)
    with refused("training.not-from-scratch", "fresh"):
        training.FromScratch(1).train(learn)


class TwoWays(nn.Module):
    """A network that isn't one row of blocks: it gives an image, as a U-Net does."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(7, 3, 1)])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.layers[1](self.layers[0](images))
        return self.layers[2](torch.cat([maps, images], 1)).mean((2, 3))


def test_a_network_without_body_and_head_trains_as_a_whole():
    dls = store_loaders(coloured_images(84), (48, 12, 24))
    learn = silent(Learner(dls, TwoWays(), loss_func=CrossEntropyLossFlat()))
    before = surgery.snapshot(learn)
    for strategy in (training.FromScratch(1), training.Full(1), training.FineTune(2)):
        strategy.train(learn)
    assert (surgery.drift(before, learn).change > 0).all()
    with refused("surgery.no-head-found", "TwoWays", "FineTune"):
        training.HeadOnly(1).train(learn)


class Patches(nn.Module):
    """A body that takes images of one size, and gives tokens."""

    def __init__(self, image_size: int) -> None:
        super().__init__()
        self.image_size, self.layer = image_size, nn.Conv2d(3, 6, 4, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert images.shape[-1] == self.image_size, f"the model is for {self.image_size}"
        return self.layer(images).flatten(2).transpose(1, 2)


class TwoOutputs(nn.Module):
    """Gives a second output in training, as torchvision's Inception does."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fc = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), nn.Linear(4, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor | tuple:
        scores = self.fc(self.body(images))
        return (scores, scores) if self.training else scores


@pytest.mark.parametrize(
    ("make", "code", "fact"),
    [
        (lambda: nn.Sequential(Patches(12), create_head(6, 3)), "training.head-does-not-fit", "replace_head"),
        (lambda: nn.Sequential(Patches(20), nn.Linear(6, 3)), "training.network-fails", "the model is for 20"),
        (TwoOutputs, "training.several-outputs", "aux_logits=False"),
        (
            lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)),
            "training.target-out-of-range",
            "2 outputs",
        ),
    ],
    ids=["a head for maps", "another size", "two outputs", "a class too many"],
)
def test_a_network_that_can_not_train_on_the_data_is_told_why(make, code, fact):
    learn = silent(Learner(store_loaders(coloured_images(84), (48, 12, 24)), make(), loss_func=CrossEntropyLossFlat()))
    with refused(code, fact):
        training.Full(1).train(learn)
    if code == "training.head-does-not-fit":
        training.LinearProbe(1).train(learn)


def test_a_mask_of_black_and_white_is_told_its_numbers():
    images = [(torch.rand(3, 8, 8), torch.randint(2, (8, 8)) * 255) for _ in range(8)]
    dls = DataLoaders(*(DataLoader(images, bs=4) for _ in range(2)))
    learn = silent(Learner(dls, nn.Sequential(nn.Conv2d(3, 2, 1)), loss_func=CrossEntropyLossFlat(axis=1)))
    for strategy in (training.Full(1), training.FineTune(2)):
        with refused("training.target-out-of-range", "class number 255", "divide by 255"):
            strategy.train(learn)
