"""The strategies: what each one trains and what it leaves alone, and what is refused."""

import pickle

import pytest
import torch
from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.torch_core import set_seed
from support.errors import refused
from support.learners import digits_learner as learner

from course_utils import surgery, training

BLOCKS = ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"]


def quietly(strategy: training.Strategy, learn: Learner) -> Learner:
    set_seed(5)
    with learn.no_bar(), learn.no_logging():
        return strategy.train(learn)


def moved(strategy: training.Strategy, kind: str = "weight") -> list[str]:
    """Names of the blocks in which some tensor of a kind moved."""
    learn = learner(pretrained=strategy.pretrained)
    before = surgery.snapshot(learn)
    names = {layer: block.name for block in surgery.blocks(learn) for layer in block.layers}
    replaced = training.LinearProbe | training.MultiDepthProbe | training.ProbeThenAll
    if isinstance(strategy, replaced):  # its head is another one
        before = {name: tensor for name, tensor in before.items() if name.startswith("0.")}
    table = surgery.drift(before, quietly(strategy, learn))
    table = table[(table.kind == kind) & (table.change > 0)]
    found = {next(name for layer, name in names.items() if f"{row}.".startswith(f"{layer}.")) for row in table.layer}
    return [name for name in BLOCKS if name in found]


@pytest.mark.parametrize(
    ("strategy", "weights"),
    [
        (training.FromScratch(2), BLOCKS),
        (training.LinearProbe(2), []),
        (training.MultiDepthProbe(), []),
        (training.HeadOnly(2), BLOCKS[-1:]),
        (training.Partial(2, depth="stage 3"), BLOCKS[3:]),
        (training.Full(2), BLOCKS),
        (training.Discriminative(2), BLOCKS),
        (training.GradualUnfreezing(3), BLOCKS),
        (training.HeadThenAll(3), BLOCKS),
        (training.ProbeThenAll(2), BLOCKS[:-1]),
        (training.Surgical(2, block="stage 1"), ["stage 1", "head"]),
        (training.FineTune(2), BLOCKS),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_strategy_trains_its_blocks_and_no_others(strategy, weights):
    assert moved(strategy) == weights


@pytest.mark.parametrize(
    "strategy", [training.LinearProbe(2), training.MultiDepthProbe(), training.HeadOnly(2, batchnorm="fixed")]
)
def test_a_fixed_body_keeps_its_statistics(strategy):
    assert moved(strategy, "statistics") in ([], ["head"])


def test_batchnorm_of_a_frozen_body_trains_when_asked_to():
    assert moved(training.HeadOnly(2, batchnorm="train"), "statistics") == BLOCKS


@pytest.mark.parametrize("strategy", [training.GradualUnfreezing(5), training.HeadThenAll(5), training.FineTune(5)])
def test_every_strategy_takes_its_epochs_and_no_more(strategy):
    learn, epochs = learner(), []
    learn.add_cb(Callback(after_epoch=lambda _: epochs.append(1)))
    quietly(strategy, learn)
    assert len(epochs) == 5


def test_gradual_unfreezing_goes_from_the_head_back():
    learn, seen = learner(), []

    def look(_) -> None:
        trainable = [any(w.requires_grad for w in block.parameters()) for block in surgery.blocks(learn)]
        seen.append(sum(trainable))

    learn.add_cb(Callback(before_fit=look))
    quietly(training.GradualUnfreezing(4, stages=4, batchnorm="fixed"), learn)
    assert seen == [1, 2, 3, 6]


def test_lp_ft_starts_from_the_solution_of_a_linear_probe():
    probe = quietly(training.MultiDepthProbe(stages=("stage 4",), pools=("average",)), learner())
    learn, heads, frozen = learner(), [], []

    def look(_) -> None:
        heads.append(surgery.blocks(learn)[-1].weights)
        frozen.extend(name for name, weight in learn.model.named_parameters() if not weight.requires_grad)

    learn.add_cb(Callback(before_fit=look))
    quietly(training.ProbeThenAll(1, lr=1e-12), learn)
    solved = surgery.blocks(probe)[-1].weights
    assert len(heads) == 1 and not frozen
    assert all(torch.allclose(heads[0][name], weight, atol=1e-5) for name, weight in solved.items())


def test_discriminative_rates_rise_evenly_from_block_to_block():
    learn = quietly(training.Discriminative(1, 1e-2, lr_mult=32), learner())
    rates = torch.tensor([group["lr"] for group in learn.opt.hypers])
    assert len(rates) == 6 and (rates[1:] / rates[:-1]).tolist() == pytest.approx([2.0] * 5)


def test_a_strategy_is_a_value():
    one = training.HeadOnly(epochs=3, lr=1e-2, batchnorm="fixed")
    assert one == training.HeadOnly(3, 1e-2, "fixed") and len({one, pickle.loads(pickle.dumps(one))}) == 1
    settings = "batchnorm_statistics='re-estimated', cache='when exact', batchnorm='fixed'"
    assert repr(one) == f"HeadOnly(epochs=3, lr=0.01, {settings})"
    assert one.with_lr(1.0) == training.HeadOnly(3, 1.0, "fixed")
    assert (one.name, one.epochs, one.lr, one.pretrained) == ("head only", 3, 1e-2, True)
    assert one.phases() == [training.Phase(training.Head(), 3, 1e-2, "fixed")]


@pytest.mark.parametrize(
    ("strategy", "code", "fact"),
    [
        (training.Full(0), "training.bad-setting", "at least 1 epochs"),
        (training.Full(2, lr=0), "training.bad-setting", "rate above 0"),
        (training.FineTune(1), "training.bad-setting", "at least 2 epochs"),
        (training.GradualUnfreezing(9, stages=9), "training.bad-stages", "2 to 6"),
        (training.Full(2, lr=1e30), "training.loss-lost", "lr=1e"),
    ],
)
def test_bad_settings_are_answered_in_a_sentence(strategy, code, fact):
    learn = learner()
    callbacks = len(learn.cbs)
    with refused(code, fact):
        quietly(strategy, learn)
    assert len(learn.cbs) == callbacks


def test_an_unknown_depth_is_refused():
    learn = learner()
    callbacks = len(learn.cbs)
    with refused("surgery.unknown-depth", "'stage 7'"):
        quietly(training.Partial(2, depth="stage 7"), learn)
    assert len(learn.cbs) == callbacks


def test_a_lost_loss_says_where_and_ends_all_phases():
    learn, fits = learner(), []
    learn.add_cb(Callback(before_fit=lambda _: fits.append(1)))
    with refused("training.loss-lost", "The loss became", "step", "epoch", "in head, then all", "such as lr=1e+29"):
        quietly(training.HeadThenAll(4, lr=1e30), learn)
    assert len(fits) == 1


def test_data_that_cannot_be_trained_on_is_refused():
    learn = learner()
    learn.dls.train.bs, learn.dls.train.drop_last = 29, False
    with refused("training.batch-of-one", "batches of 29"):
        quietly(training.Full(1), learn)
    learn.dls.train.bs, learn.dls.train.drop_last = 64, True
    with refused("training.no-whole-batch", "don't fill a batch of 64"):
        quietly(training.Full(1), learn)
    learn = learner()
    store = learn.dls.train.dataset.tls[0].tfms.fs[0].store
    store.labels[store.labels == 4] = 5
    with refused("training.empty-class", "1 of 10 classes", "'4'"):
        quietly(training.Full(1), learn)


def test_running_out_of_memory_names_a_smaller_batch(monkeypatch):
    learn = learner()

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(learn.model, "forward", full)
    with refused("training.out-of-memory", "8 examples a batch", "bs=4"):
        quietly(training.Full(1), learn)


def test_the_table_of_strategies_is_whole():
    def leaves(kind: type) -> set[type]:
        return {kind} if not kind.__subclasses__() else set().union(*map(leaves, kind.__subclasses__()))

    ours = {kind for kind in leaves(training.Strategy) if kind.__module__.startswith("course_utils.training.")}
    assert set(training.STRATEGIES.values()) == ours
    assert all(kind.__doc__ for kind in training.STRATEGIES.values())
