"""Callbacks of training: what they note is what fastai did, and kept weights are those of the best epoch."""

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.losses import LabelSmoothingCrossEntropyFlat
from fastai.torch_core import set_seed
from support.errors import refused
from support.learners import digits_learner, silent
from torch import nn
from torch.nn.functional import cross_entropy

from course_utils.plots import plot_schedules
from course_utils.surgery import snapshot
from course_utils.training import Full, KeepBest, RecordSchedule, reestimate_batchnorm


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


class Poisoned(nn.Module):
    """A linear network whose formula, or whose precision, can give what isn't finite."""

    def __init__(self, formula: str = "") -> None:
        super().__init__()
        self.formula, self.body, self.head = formula, nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.head(self.body(x))
        if self.formula == "log":
            return scores + (0 * scores).log()
        if self.formula == "square":  # 65,504 is the most that half precision holds
            return (300 * torch.mm(x, x.T))[:, :2] * 300 / 1e6 + scores
        return scores


class Autocast(Callback):
    """Half precision on a CPU, as fastai's MixedPrecision has it on a GPU."""

    def before_batch(self):
        self.context = torch.autocast("cpu", torch.float16)
        self.context.__enter__()

    def after_pred(self):
        self.context.__exit__(None, None, None)
        self.context = torch.autocast("cpu", torch.float16)
        self.context.__enter__()

    def after_cancel_fit(self):
        self.context.__exit__(None, None, None)


def poisoned(formula: str = "", *, inputs: float = 0, targets: float = 0) -> Learner:
    """Eight examples, of which the sixth may hold a value that isn't finite."""
    set_seed(0)
    items = [(torch.randn(4) + 5, torch.randn(2)) for _ in range(8)]
    items[5][0][1] += inputs
    items[5][1][1] += targets
    loaders = [DataLoader(items, bs=4, shuffle=True), DataLoader(items, bs=4)]
    return silent(Learner(DataLoaders(*loaders), Poisoned(formula), loss_func=nn.MSELoss()))


@pytest.mark.parametrize(
    ("learn", "code", "facts"),
    [
        (lambda: poisoned(inputs=float("nan")), "training.bad-data", ("inputs", "training example 5")),
        (lambda: poisoned(inputs=float("inf")), "training.bad-data", ("inputs", "training example 5")),
        (lambda: poisoned(targets=float("nan")), "training.bad-data", ("targets", "training example 5")),
        (lambda: poisoned("log"), "training.lost-at-the-start", ("before any update",)),
    ],
    ids=["NaN in inputs", "infinite inputs", "NaN in targets", "a logarithm of 0"],
)
def test_a_lost_loss_is_told_by_its_cause(learn, code, facts):
    with refused(code, *facts):
        Full(2, 1e-3).train(learn())


def test_lost_weights_and_half_precision_are_told_apart_from_the_rate():
    learn = poisoned()
    with torch.no_grad():
        learn.model.body.bias[0] = float("nan")
    with refused("training.weights-lost", "fresh learner"):
        Full(2, 1e-3).train(learn)
    learn = poisoned("square")
    Full(2, 1e-3).train(learn)
    learn = poisoned("square")
    learn.add_cb(Autocast())
    with refused("training.loss-lost", "half precision", "to_fp32"):
        Full(2, 1e-3).train(learn)
    with refused("training.loss-lost", "give a lower learning rate"):
        Full(2, 1e30).train(poisoned())
