"""Strategies on stored features: the weights of the uncached run, with the frozen blocks passed once; or no caching."""

from collections import Counter
from dataclasses import dataclass, replace

import pytest
import torch
from fastai.torch_core import set_seed
from fastai.vision.all import RandomErasing
from support.errors import refused
from support.learners import digits_learner, silent
from support.training import close

from course_utils.surgery import blocks, freeze, snapshot
from course_utils.tasks.running import NoValidation
from course_utils.training import (
    Everything,
    FromBlock,
    Full,
    GradualUnfreezing,
    Head,
    HeadOnly,
    HeadThenAll,
    LinearProbe,
    Partial,
    Phase,
    Strategy,
    Surgical,
    run_phases,
)
from course_utils.training.caching import Earlier, stored_features
from course_utils.training.feature_loader import FeatureDL


@dataclass
class Run:
    """How a training ended, and what it took."""

    end: dict[str, torch.Tensor]
    steps_through: Counter  # training steps that passed each block
    stored: list[tuple[str, str]]  # what was computed: up to the block before which one, from what


def run(strategy: Strategy, monkeypatch, **options) -> Run:
    learn = silent(digits_learner(**options))
    learn.add_cb(NoValidation())
    passed, stored, blocked = Counter(), [], blocks(learn)
    starts = {next(iter(block.layers.values())): block.name for block in blocked}

    def step(layer, _):
        # Where features are stored, a frozen block's layers are replaced while the network runs.
        if layer.training and torch.is_grad_enabled() and "forward" not in vars(layer):
            passed[starts[layer]] += 1

    for layer in starts:
        layer.register_forward_pre_hook(step)

    def compute(self, out):
        depth = sum(layer in self.cut.layers for layer in starts)
        stored.append((blocked[depth].name, "images" if self.earlier is None else "features"))
        return real(self, out)

    real = FeatureDL._compute
    with monkeypatch.context() as patch:
        patch.setattr(FeatureDL, "_compute", compute)
        set_seed(5)
        strategy.train(learn)
    return Run(snapshot(learn), passed, stored)


@pytest.mark.parametrize(
    ("strategy", "stored"),
    [
        (LinearProbe(2), [("head", "images")]),
        (HeadOnly(2, batchnorm="fixed"), [("head", "images")]),
        (Partial(2, depth="stage 3", batchnorm="fixed"), [("stage 3", "images")]),
        (HeadThenAll(3, head_epochs=2), [("head", "images")]),
        (Surgical(2, block="stage 2"), [("stage 2", "images")]),
        (
            GradualUnfreezing(4, stages=4, batchnorm="fixed"),
            [("head", "features"), ("stage 3", "images"), ("stage 4", "features")],
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_strategy_on_stored_features_ends_as_the_uncached_one(strategy, stored, monkeypatch):
    cached = run(strategy, monkeypatch)
    plain = run(replace(strategy, cache="never"), monkeypatch)
    assert close(cached.end, plain.end)
    assert cached.stored == stored and plain.stored == []
    assert cached.steps_through["stem"] < plain.steps_through["stem"]


def test_what_would_change_the_result_is_trained_uncached(monkeypatch):
    for strategy, options in (
        (HeadOnly(1), {}),
        (HeadOnly(1, batchnorm="fixed"), {"augment": [RandomErasing(p=1.0)]}),
        (Full(1), {}),
    ):
        cached = run(strategy, monkeypatch, **options)
        plain = run(replace(strategy, cache="never"), monkeypatch, **options)
        assert cached.stored == []
        assert all(torch.equal(cached.end[name], plain.end[name]) for name in plain.end), strategy


def test_augmented_versions_are_stored_when_asked_for_and_only_where_something_is_frozen(monkeypatch):
    augmented = {"augment": [RandomErasing(p=1.0)]}
    found = run(HeadThenAll(3, cache=2), monkeypatch, **augmented)
    assert found.stored == [("head", "images")] * 2
    with refused("training.frozen-batchnorm-moves", "'stem'"):
        run(HeadOnly(2, cache=2), monkeypatch, **augmented)


@pytest.mark.parametrize("cache", ["always", 0, None])
def test_other_words_are_refused(cache):
    with refused("training.bad-setting", repr(cache), "'when exact'"):
        Full(1, cache=cache).train(digits_learner())


def test_a_strategy_stores_no_more_than_memory_holds():
    learn = digits_learner()
    freeze(learn, batchnorm="fixed")
    with refused("training.features-too-large", "30 images"), stored_features(learn, earlier=Earlier(), budget=1000):
        pass


def test_features_are_computed_anew_when_earlier_blocks_have_moved(monkeypatch):
    learn = silent(digits_learner())
    computed = []
    real = FeatureDL._compute
    monkeypatch.setattr(FeatureDL, "_compute", lambda self, out: computed.append(self.earlier) or real(self, out))
    fixed = {"epochs": 1, "lr": 1e-2, "batchnorm": "fixed"}
    learn.add_cb(NoValidation())
    run_phases(learn, [Phase(Head(), **fixed), Phase(Everything(), **fixed), Phase(FromBlock("stage 4"), **fixed)])
    assert computed == [None, None]
