"""Running statistics of BatchNorm: what is evaluated belongs to the trained weights, whoever trained them."""

import pytest
import torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.torch_core import set_seed
from fastai.vision.all import RandomErasing, accuracy
from support.datasets import coloured_images, store_loaders
from support.errors import refused
from support.learners import digits_learner, noise_learner, silent
from support.training import furthest_from_settled, running_statistics
from torch import nn

from course_utils import surgery
from course_utils.surgery.blocks import evaluating
from course_utils.training import Full, HeadOnly, HeadThenAll, ReestimateBatchNorm, cached_body
from course_utils.training import running_statistics as module
from course_utils.training.running_statistics import reestimate_batchnorm


def small(**options) -> Learner:
    """A small network with BatchNorm and dropout, on 48 noisy images in three colours."""
    set_seed(0)
    dls = store_loaders(coloured_images(84), (48, 12, 24), bs=8, **options)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.BatchNorm2d(8))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    learn = Learner(dls, nn.Sequential(body, head), loss_func=CrossEntropyLossFlat(), metrics=accuracy)
    return silent(learn)


def logits(learn: Learner, *, by_batch: bool = False) -> torch.Tensor:
    """What the network says of its training images; normalised by running statistics, or by this batch's own."""
    order = list(range(learn.dls.train.n))
    images = learn.dls.train.new(shuffle=False, bs=len(order), get_idxs=lambda: order).one_batch()[0]
    with evaluating(learn.model), torch.no_grad():
        for layer in running_statistics(learn.model):
            layer.training, layer.momentum = by_batch, 0  # 0: this look changes nothing
        found = learn.model(images)
        for layer in running_statistics(learn.model):
            layer.momentum = 0.1
    return found


def test_after_twenty_steps_evaluation_agrees_with_the_batches_only_when_re_estimated():
    learn = small()
    learn.fit_one_cycle(4, 3e-2)
    assert len(learn.recorder.lrs) == 24
    by_batch = logits(learn, by_batch=True)
    lag = (logits(learn) - by_batch).abs().max()
    assert reestimate_batchnorm(learn) == 3
    settled = (logits(learn) - by_batch).abs().max()
    assert lag > 0.2 and settled < lag / 10
    assert reestimate_batchnorm(learn) == 3 and (logits(learn) - by_batch).abs().max() == settled


def test_nothing_but_the_statistics_changes():
    learn = small()
    learn.fit_one_cycle(1, 1e-2)
    learn.model[0].eval()
    weights = {name: weight.clone() for name, weight in learn.model.named_parameters()}
    modes = [layer.training for layer in learn.model.modules()]
    layers = running_statistics(learn.model)
    before = [(layer.momentum, int(layer.num_batches_tracked)) for layer in layers]
    order = learn.dls.train.rng.getstate()
    set_seed(1)
    expected = torch.rand(3)
    set_seed(1)
    reestimate_batchnorm(learn)
    assert torch.equal(torch.rand(3), expected) and learn.dls.train.rng.getstate() == order
    assert [layer.training for layer in learn.model.modules()] == modes
    assert [(layer.momentum, int(layer.num_batches_tracked)) for layer in layers] == before
    assert all(torch.equal(weight, weights[name]) for name, weight in learn.model.named_parameters())


def test_held_layers_keep_their_statistics():
    learn = small()
    held, free, last = running_statistics(learn.model)
    surgery.hold_in_eval(held)
    before = [layer.running_mean.clone() for layer in (held, free)]
    assert reestimate_batchnorm(learn) == 2
    assert torch.equal(held.running_mean, before[0]) and not torch.equal(free.running_mean, before[1])
    before = free.running_mean.clone()
    with torch.no_grad():
        learn.model[0][0].weight.mul_(2)
    assert reestimate_batchnorm(learn, [last]) == 1
    assert torch.equal(free.running_mean, before)


def test_statistics_are_of_images_without_augmentation_whatever_their_order():
    plain, augmented = small(), small(augment=[RandomErasing(p=1.0, sl=0.3, sh=0.9)])
    for learn in (plain, augmented):
        reestimate_batchnorm(learn)
    for one, other in zip(*(running_statistics(learn.model) for learn in (plain, augmented)), strict=True):
        assert torch.equal(one.running_mean, other.running_mean) and torch.equal(one.running_var, other.running_var)


def test_images_that_lie_class_by_class_are_mixed():
    images = coloured_images(256)
    by_class = torch.argsort(images.labels, stable=True)
    images.images, images.labels = images.images[by_class], images.labels[by_class]
    learn = small()
    learn.dls = store_loaders(images, (192, 32, 32), bs=8)
    reestimate_batchnorm(learn)
    first = learn.model[0][0](learn.dls.train.new(shuffle=False, bs=192).one_batch()[0])
    whole = first.var((0, 2, 3))
    assert torch.allclose(learn.model[0][1].running_var, whole, rtol=0.05)


def test_an_interrupt_brings_the_old_statistics_back():
    learn = small()
    before = [layer.running_mean.clone() for layer in running_statistics(learn.model)]
    calls = []

    def stop(*_):
        calls.append(1)
        raise KeyboardInterrupt

    learn.model[1][-1].register_forward_hook(stop)
    with pytest.raises(KeyboardInterrupt):
        reestimate_batchnorm(learn)
    found = running_statistics(learn.model)
    assert calls and all(torch.equal(layer.running_mean, old) for layer, old in zip(found, before, strict=True))
    assert all(layer.momentum == 0.1 and layer.training for layer in found)


def test_without_moving_statistics_no_image_is_read():
    class Unread:
        @property
        def train(self):
            raise AssertionError("the images were read")

    learn = small()
    for layer in running_statistics(learn.model):
        surgery.hold_in_eval(layer)
    learn.dls = Unread()
    assert reestimate_batchnorm(learn) == 0
    learn.model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.BatchNorm1d(4, track_running_stats=False))
    assert reestimate_batchnorm(learn) == 0


def test_batches_of_every_form():
    learn = noise_learner()  # its loader is a list of batches
    assert reestimate_batchnorm(learn) and learn.model[0][1].running_mean.abs().max() > 0

    class OfDictionaries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(2)

        def forward(self, batch: dict) -> torch.Tensor:
            return self.norm(batch["x"])

    items = [({"x": torch.tensor([float(n), 1.0])}, torch.tensor(0)) for n in range(65)]
    for bs in (64, 1):  # 65 would leave a batch of one, over which BatchNorm can't average
        learn = Learner(DataLoaders(*[DataLoader(items, bs=bs)] * 2), OfDictionaries(), loss_func=nn.MSELoss())
        assert reestimate_batchnorm(learn) == 1
        assert learn.model.norm.running_mean.tolist() == pytest.approx([32.0, 1.0], abs=0.5)
    learn.dls = DataLoaders(*[DataLoader(items[:1], bs=1)] * 2)
    with refused("training.too-few-images", "one training image"):
        reestimate_batchnorm(learn)
    assert learn.model.norm.running_mean[0] == pytest.approx(32, abs=0.5)


def test_stored_features_give_the_statistics_that_the_images_give(monkeypatch):
    learn = digits_learner()
    surgery.freeze(learn, batchnorm="fixed")
    layers = [layer for layer in running_statistics(learn.model) if not getattr(layer, "held_in_eval", False)]
    reestimate_batchnorm(learn)
    expected = [layer.running_var.clone() for layer in layers]
    with cached_body(learn):
        for layer in layers:
            layer.reset_running_stats()
        monkeypatch.setattr(module, "_plain", lambda _: pytest.fail("the images were read"))
        assert reestimate_batchnorm(learn) == len(layers) == 2
    assert all(torch.allclose(layer.running_var, old, rtol=1e-3) for layer, old in zip(layers, expected, strict=True))


def test_each_epoch_can_be_validated_with_settled_statistics_and_trains_the_same():
    ends = []
    for callbacks in ([], [ReestimateBatchNorm()]):
        learn = small()
        set_seed(2)
        learn.fit_one_cycle(3, 1e-2, cbs=callbacks)
        ends.append([weight.detach().clone() for weight in learn.model.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*ends, strict=True))
    assert furthest_from_settled(learn) == 0
    last = learn.recorder.values[-1][1]
    assert learn.validate()[0] == pytest.approx(last)


@pytest.mark.parametrize("strategy", [HeadOnly(2, batchnorm="fixed"), HeadThenAll(3)])
def test_a_strategy_ends_settled_unless_told_otherwise(strategy):
    learn = silent(digits_learner())
    body = learn.model[0]
    before = {layer: layer.running_mean.clone() for layer in running_statistics(body)}
    strategy.train(learn)
    assert furthest_from_settled(learn) == 0
    if getattr(strategy, "batchnorm", "train") == "fixed":
        assert all(torch.equal(layer.running_mean, old) for layer, old in before.items())


def test_as_trained_statistics_lag_and_other_words_are_refused():
    learn = silent(digits_learner())
    Full(2, batchnorm_statistics="as trained").train(learn)
    assert furthest_from_settled(learn) > 0.1
    with refused("training.bad-setting", "'fresh'", "'as trained'"):
        Full(2, batchnorm_statistics="fresh").train(learn)
