"""Phases: each strategy is, to the bit, the calls of fastai and surgery that a lesson would write by hand.

And a way to fine-tune that the course doesn't have needs no more than its own 'what trains'.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from fastai.learner import Learner
from fastai.torch_core import set_seed
from support.learners import digits_learner, silent

from course_utils.surgery import (
    drift,
    freeze,
    freeze_to,
    replace_head,
    snapshot,
    split_by_block,
    unfreeze,
    unfreeze_block,
)
from course_utils.training import (
    Discriminative,
    Everything,
    FineTune,
    FromScratch,
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


def trained(train: Callable[[Learner], object], **arguments) -> dict[str, torch.Tensor]:
    """All tensors after training, with the next random numbers and the last learning rates."""
    learn = silent(digits_learner(**arguments))
    set_seed(5)
    train(learn)
    rates = torch.tensor([group["lr"] for group in learn.opt.hypers])
    return snapshot(learn) | {"next random numbers": torch.rand(3), "learning rates": rates}


def by_hand_full(learn: Learner) -> None:
    unfreeze(learn)
    learn.fit_one_cycle(2, 1e-2)


def by_hand_linear_probe(learn: Learner) -> None:
    replace_head(learn, "linear")
    freeze(learn, batchnorm="fixed")
    learn.fit_one_cycle(2, 1e-2)


def by_hand_head_only(learn: Learner) -> None:
    learn.freeze()  # fastai's own
    learn.fit_one_cycle(2, 1e-2)


def by_hand_head_only_fixed(learn: Learner) -> None:
    freeze(learn, batchnorm="fixed")
    learn.fit_one_cycle(2, 1e-2)


def by_hand_partial(learn: Learner) -> None:
    freeze_to(learn, "stage 3", batchnorm="train")
    learn.fit_one_cycle(2, 1e-2)


def by_hand_discriminative(learn: Learner) -> None:
    learn.splitter = split_by_block
    learn.create_opt()
    unfreeze(learn)
    learn.fit_one_cycle(2, slice(1e-2 / 32, 1e-2))


def by_hand_gradual(learn: Learner) -> None:
    freeze_to(learn, -1, batchnorm="train")
    learn.fit_one_cycle(1, 1e-2)
    freeze_to(learn, -2, batchnorm="train")
    learn.fit_one_cycle(2, 1e-2)
    unfreeze(learn)
    learn.fit_one_cycle(2, 1e-2)


def by_hand_head_then_all(learn: Learner) -> None:
    freeze(learn, batchnorm="fixed")
    learn.fit_one_cycle(2, 1e-2)
    unfreeze(learn)
    learn.fit_one_cycle(1, 1e-2 / 10)


def by_hand_surgical(learn: Learner) -> None:
    freeze(learn, batchnorm="fixed")
    unfreeze_block(learn, "stage 1")
    learn.fit_one_cycle(2, 1e-2)


def by_hand_fine_tune(learn: Learner) -> None:
    learn.fine_tune(2, 1e-2, lr_mult=10)


def by_hand_other_fine_tune(learn: Learner) -> None:
    learn.fine_tune(1, 1e-2, freeze_epochs=2, pct_start=0.7, div=25)


@pytest.mark.parametrize(
    ("strategy", "by_hand"),
    [
        (FromScratch(2), by_hand_full),
        (LinearProbe(2), by_hand_linear_probe),
        (HeadOnly(2), by_hand_head_only),
        (HeadOnly(2, batchnorm="fixed"), by_hand_head_only_fixed),
        (Partial(2, depth="stage 3"), by_hand_partial),
        (Full(2), by_hand_full),
        (Discriminative(2, lr_mult=32), by_hand_discriminative),
        (GradualUnfreezing(5), by_hand_gradual),
        (HeadThenAll(3), by_hand_head_then_all),
        (Surgical(2, block="stage 1"), by_hand_surgical),
        (FineTune(3, lr_mult=10), by_hand_fine_tune),
        (FineTune(3, freeze_epochs=2, pct_start=0.7, div=25), by_hand_other_fine_tune),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_strategy_is_to_the_bit_what_one_would_write_by_hand(strategy, by_hand):
    plain = replace(strategy, batchnorm_statistics="as trained", cache="never")
    ours, theirs = (trained(train, pretrained=strategy.pretrained) for train in (plain.train, by_hand))
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@dataclass(frozen=True)
class Biases:
    """The head, and the biases of convolutions, linear and normalising layers (BitFit)."""

    def select(self, learn: Learner, batchnorm: str) -> None:
        freeze(learn, batchnorm=batchnorm)
        for name, weight in learn.model.named_parameters():
            if name.endswith("bias"):
                weight.requires_grad_(True)


@dataclass(frozen=True)
class BiasOnly(Strategy):
    """Only biases and the head (Ben Zaken et al. 2022)."""

    name = "bias only"

    def phases(self) -> list[Phase]:
        return [Phase(Biases(), self.epochs, self.lr, batchnorm="fixed")]


def test_another_way_to_fine_tune_only_says_what_trains():
    learn = silent(digits_learner())
    before = snapshot(learn)
    BiasOnly(1).with_lr(1e-2).train(learn)
    after = snapshot(learn)
    moved = {name for name, start in before.items() if not torch.equal(start, after[name])}
    assert {name for name in moved if name.startswith("0.")} == {
        name for name, _ in learn.model.named_parameters() if name.startswith("0.") and name.endswith("bias")
    }
    assert any(name.startswith("1.") and name.endswith("weight") for name in moved)


def test_phases_run_without_a_strategy():
    learn = silent(digits_learner())
    before = snapshot(learn)
    assert run_phases(learn, [Phase(Head(), 1, 1e-2), Phase(Everything(), 1, slice(1e-4, 1e-3))]) is learn
    assert drift(before, learn).change.max() > 0
    assert learn.opt.hypers[-1]["lr"] > learn.opt.hypers[0]["lr"]
