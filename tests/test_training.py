"""The strategies: what each one trains and what it leaves alone, fine_tune's parity, and bad input."""

import pytest
import torch
from fastai.vision.all import Learner, accuracy, set_seed, vision_learner

from course_utils import data, surgery, training
from course_utils.backbones import resnet18_half
from course_utils.errors import CourseError

BLOCKS = ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"]


def learner(pretrained: bool = True, **options) -> Learner:
    set_seed(3)
    options = {"n_per_class": 3, "size": 32, "bs": 8, "seed": 1, "split": (0.02, 0.05), "augment": False} | options
    return vision_learner(data.digits(**options), resnet18_half, pretrained=pretrained, metrics=accuracy)


def quietly(strategy: training.Strategy, learn: Learner) -> Learner:
    set_seed(5)
    with learn.no_bar(), learn.no_logging():
        return strategy.train(learn)


def moved(strategy: training.Strategy, kind: str = "weight") -> list[str]:
    """Names of the blocks in which some tensor of a kind moved."""
    learn = learner(strategy.pretrained)
    before = surgery.snapshot(learn)
    names = {layer: block.name for block in surgery.blocks(learn) for layer in block.layers}
    if isinstance(strategy, training.LinearProbe):  # its head is another one
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
        (training.HeadOnly(2), BLOCKS[-1:]),
        (training.Partial(2, depth="stage 3"), BLOCKS[3:]),
        (training.Full(2), BLOCKS),
        (training.Discriminative(2), BLOCKS),
        (training.GradualUnfreezing(3), BLOCKS),
        (training.HeadThenAll(3), BLOCKS),
        (training.Surgical(2, block="stage 1"), ["stage 1", "head"]),
        (training.FineTune(2), BLOCKS),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_strategy_trains_its_blocks_and_no_others(strategy, weights):
    assert moved(strategy) == weights


@pytest.mark.parametrize("strategy", [training.LinearProbe(2), training.HeadOnly(2, batchnorm="fixed")])
def test_a_fixed_body_keeps_its_statistics(strategy):
    assert moved(strategy, "statistics") in ([], ["head"])


def test_batchnorm_of_a_frozen_body_trains_when_asked_to():
    assert moved(training.HeadOnly(2, batchnorm="train"), "statistics") == BLOCKS


def test_fine_tune_is_fastais():
    ours, theirs = quietly(training.FineTune(3, 1e-2, lr_mult=10), learner()), learner()
    set_seed(5)
    with theirs.no_bar(), theirs.no_logging():
        theirs.fine_tune(2, 1e-2, lr_mult=10)
    assert (surgery.fingerprints(ours) == surgery.fingerprints(theirs)).all().all()


def test_head_only_is_what_fastai_does_after_freeze():
    ours, theirs = quietly(training.HeadOnly(2), learner()), learner()
    set_seed(5)
    theirs.freeze()
    with theirs.no_bar(), theirs.no_logging():
        theirs.fit_one_cycle(2, 1e-2)
    assert (surgery.fingerprints(ours) == surgery.fingerprints(theirs)).all().all()


@pytest.mark.parametrize("strategy", [training.GradualUnfreezing(5), training.HeadThenAll(5), training.FineTune(5)])
def test_every_strategy_takes_its_epochs_and_no_more(strategy):
    learn, epochs = learner(), []
    learn.add_cb(training.Callback(after_epoch=lambda _: epochs.append(1)))
    quietly(strategy, learn)
    assert len(epochs) == 5


def test_gradual_unfreezing_thaws_from_the_head_on():
    learn, seen = learner(), []

    def look(_) -> None:
        trainable = [any(w.requires_grad for w in block.parameters()) for block in surgery.blocks(learn)]
        seen.append(sum(trainable))

    learn.add_cb(training.Callback(before_fit=look))
    quietly(training.GradualUnfreezing(4, stages=4, batchnorm="fixed"), learn)
    assert seen == [1, 2, 3, 6]


def test_discriminative_rates_rise_evenly_from_block_to_block():
    learn = quietly(training.Discriminative(1, 1e-2, lr_mult=32), learner())
    rates = torch.tensor([group["lr"] for group in learn.opt.hypers])
    assert len(rates) == 6 and (rates[1:] / rates[:-1]).tolist() == pytest.approx([2.0] * 5)


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (training.Full(0), "at least 1 epochs"),
        (training.Full(2, lr=0), "rate above 0"),
        (training.FineTune(1), "at least 2 epochs"),
        (training.Partial(2, depth="stage 7"), "no depth 'stage 7'"),
        (training.GradualUnfreezing(9, stages=9), "2 to 6"),
        (training.Full(2, lr=1e30), "loss became.*step.*epoch.*lr=1e"),
    ],
)
def test_bad_settings_are_answered_in_a_sentence(strategy, said):
    learn = learner()
    callbacks = len(learn.cbs)
    with pytest.raises(CourseError, match=said):
        quietly(strategy, learn)
    assert len(learn.cbs) == callbacks


def test_data_that_cannot_be_trained_on_is_refused():
    learn = learner()
    learn.dls.train.bs, learn.dls.train.drop_last = 29, False
    with pytest.raises(CourseError, match="a batch of one"):
        quietly(training.Full(1), learn)
    learn.dls.train.bs, learn.dls.train.drop_last = 64, True
    with pytest.raises(CourseError, match="don't fill a batch of 64"):
        quietly(training.Full(1), learn)
    learn = learner()
    store = learn.dls.train.dataset.tls[0].tfms.fs[0].store
    store.labels[store.labels == 4] = 5
    with pytest.raises(CourseError, match="1 of 10 classes have no training image, such as '4'"):
        quietly(training.Full(1), learn)


def test_running_out_of_memory_names_a_smaller_batch(monkeypatch):
    learn = learner()

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(learn.model, "forward", full)
    with pytest.raises(CourseError, match=r"8 images a batch.*bs=4"):
        quietly(training.Full(1), learn)


def test_the_table_of_strategies_is_whole():
    def leaves(kind: type) -> set[type]:
        return {kind} if not kind.__subclasses__() else set().union(*map(leaves, kind.__subclasses__()))

    assert set(training.STRATEGIES.values()) == leaves(training.Strategy)
    assert all(kind.__doc__ for kind in training.STRATEGIES.values())
