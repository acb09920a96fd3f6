"""Callbacks of training: what they note is what fastai did, and kept weights are those of the best epoch."""

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from fastai.losses import LabelSmoothingCrossEntropyFlat
from support.errors import refused
from support.learners import digits_learner, silent
from torch.nn.functional import cross_entropy

from course_utils.plots import plot_schedules
from course_utils.surgery import snapshot
from course_utils.training import KeepBest, RecordSchedule, reestimate_batchnorm


def test_each_step_has_a_row_for_each_group_as_the_optimiser_was_told(drawn):
    learn, record = silent(digits_learner()), RecordSchedule(["early", "late", "head"])
    learn.fine_tune(1, 1e-2, cbs=record)
    table = record.table
    steps = len(learn.dls.train)
    assert list(table.group[:3]) == ["early", "late", "head"] and len(table) == 2 * 3 * steps
    assert list(table.groupby("group", sort=False).frozen.sum()) == [steps, steps, 0]
    second = table[table.step >= steps]
    for name, column in (("lr", "lr"), ("mom", "mom")):  # the learner's own recorder keeps the last group's
        assert np.allclose(second[second.group == "head"][column], learn.recorder.hps[name])
    assert np.allclose(second.groupby("group").lr.max()["early"] * 100, second.groupby("group").lr.max()["head"])
    plot_schedules(table)
    assert len(drawn) == 1


def test_groups_without_names_are_numbered():
    learn, record = silent(digits_learner()), RecordSchedule()
    learn.fit_one_cycle(1, 1e-3, cbs=record)
    assert list(record.table.group[:3]) == ["group 1", "group 2", "group 3"]


class EachEpoch(Callback):
    """Measures on the validation set and copies the weights at the end of each epoch, in another way."""

    order = 99

    def before_fit(self):
        self.losses, self.states = [], []

    def after_epoch(self):
        with torch.no_grad():
            found = [(self.model(x), y) for x, y in self.dls.valid]
        scores, truth = (torch.cat(part).as_subclass(torch.Tensor) for part in zip(*found, strict=True))
        self.losses.append(cross_entropy(scores, truth).item())
        self.states.append(snapshot(self.learn))


@pytest.mark.parametrize("loss", [None, LabelSmoothingCrossEntropyFlat()])
def test_the_weights_of_the_lowest_validation_loss_are_kept_and_restored(loss):
    learn, best, each = silent(digits_learner(arguments={"loss_func": loss})), KeepBest(), EachEpoch()
    learn.fit(4, 3e-3, cbs=[best, each])
    assert best.table.epoch.tolist() == [1, 2, 3, 4] and (best.table.lr == 3e-3).all()
    assert best.table.validation.tolist() == pytest.approx(each.losses, abs=1e-4)
    assert best.kept_epoch == 1 + int(np.argmin(each.losses))
    best.restore(learn)
    kept = each.states[best.kept_epoch - 1]
    assert all(torch.equal(tensor, kept[name]) for name, tensor in snapshot(learn).items())


def test_the_training_loss_is_the_mean_over_the_epochs_images():
    learn, best = silent(digits_learner(arguments={"ps": 0.0}, augment=False)), KeepBest()
    learn.fit(1, 0.0, wd=0.0, cbs=best)  # nothing is learned, so each batch meets the same weights
    reestimate_batchnorm(learn)
    assert best.table.training[0] == pytest.approx(torch.stack(learn.recorder.losses).mean().item(), rel=0.2)


def test_nothing_can_be_restored_before_a_fit():
    with refused("training.nothing-kept"):
        KeepBest().restore(silent(digits_learner()))
