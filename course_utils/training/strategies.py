"""The ways to fine-tune, by their names in the field: each turns a fresh learner into a trained one.

    HeadOnly(epochs=5, lr=1e-2).train(learn)

A learner is fresh when `vision_learner` has just made it. Every strategy sees each training image `epochs` times in
all, so that strategies of equal `epochs` are compared on an equal number of steps.
"""

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import fastai.callback.all  # noqa: F401  (gives every Learner its fit_one_cycle, fine_tune and to_channelslast)
import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.learner import Learner

from course_utils.errors import CourseError
from course_utils.surgery import blocks, freeze, freeze_to, replace_head, split_by_block, unfreeze, unfreeze_block
from course_utils.surgery.blocks import BATCHNORM
from course_utils.surgery.freezing import BatchNorm
from course_utils.training.caching import cached_body


@dataclass(frozen=True)
class Strategy:
    """What all strategies share: how long, and how fast."""

    epochs: int = 5
    lr: float = 1e-2  # the highest learning rate of the fastest part, reached within a one-cycle schedule

    name: ClassVar[str]
    pretrained: ClassVar[bool] = True  # whether the learner should start from pre-trained weights

    def train(self, learn: Learner) -> Learner:
        """Train a fresh learner and return it.

        Raises CourseError for a wrong setting, for training data that can't be trained on, for a loss that is not a
        number, and when memory runs out.
        """
        if self.epochs < self.least_epochs or not self.lr > 0:
            raise CourseError(
                f"{self.name} with epochs={self.epochs} and lr={self.lr} can't train: give at least "
                f"{self.least_epochs} epochs and a rate above 0."
            )
        check_data(learn)
        learn.add_cb(guard := StopWhenLost())
        try:
            self._fit(learn)
        except torch.OutOfMemoryError as problem:
            raise CourseError(
                f"Memory ran out in {self.name} with {learn.dls.bs} images a batch: load the data with "
                f"bs={max(learn.dls.bs // 2, 1)}, or with smaller images."
            ) from problem
        finally:
            learn.remove_cb(guard)
        if guard.lost:
            raise CourseError(f"{guard.lost} in {self.name}: give a lower rate, such as lr={self.lr / 10:g}.")
        return learn

    @property
    def least_epochs(self) -> int:
        return 1

    def _fit(self, learn: Learner) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class FromScratch(Strategy):
    """All weights from random ones: the baseline. The learner is made with `pretrained=False`."""

    name = "from scratch"
    pretrained = False

    def _fit(self, learn: Learner) -> None:
        unfreeze(learn)
        learn.fit_one_cycle(self.epochs, self.lr)


@dataclass(frozen=True)
class LinearProbe(Strategy):
    """One linear layer on a frozen body, whose outputs are computed once (Alain and Bengio 2016)."""

    name = "linear probe"

    def _fit(self, learn: Learner) -> None:
        replace_head(learn, "linear")
        freeze(learn, batchnorm="fixed")
        with cached_body(learn):
            learn.fit_one_cycle(self.epochs, self.lr)


@dataclass(frozen=True)
class HeadOnly(Strategy):
    """The learner's own head on a frozen body. With `batchnorm="fixed"` nothing in the body moves."""

    batchnorm: BatchNorm = "train"

    name = "head only"

    def _fit(self, learn: Learner) -> None:
        freeze(learn, batchnorm=self.batchnorm)
        learn.fit_one_cycle(self.epochs, self.lr)


@dataclass(frozen=True)
class Partial(Strategy):
    """Everything from a depth on: the blocks before it stay frozen."""

    depth: int | str = "stage 4"
    batchnorm: BatchNorm = "train"

    name = "partial"

    def _fit(self, learn: Learner) -> None:
        freeze_to(learn, self.depth, batchnorm=self.batchnorm)
        learn.fit_one_cycle(self.epochs, self.lr)


@dataclass(frozen=True)
class Full(Strategy):
    """All weights from the first step on, at one rate."""

    name = "full"

    def _fit(self, learn: Learner) -> None:
        unfreeze(learn)
        learn.fit_one_cycle(self.epochs, self.lr)


@dataclass(frozen=True)
class Discriminative(Strategy):
    """All weights, each block at a rate of its own: `lr / lr_mult` for the first, `lr` for the head.

    The rates between are evenly spaced on a logarithmic scale (Howard and Ruder 2018).
    """

    lr_mult: float = 100

    name = "discriminative"

    def _fit(self, learn: Learner) -> None:
        learn.splitter = split_by_block
        learn.create_opt()
        unfreeze(learn)
        learn.fit_one_cycle(self.epochs, slice(self.lr / self.lr_mult, self.lr))


@dataclass(frozen=True)
class GradualUnfreezing(Strategy):
    """The head first, then one block more in each stage, last blocks first (Howard and Ruder 2018).

    The epochs are shared out over `stages` stages, the later ones get what is left over.
    """

    stages: int = 3
    batchnorm: BatchNorm = "train"

    name = "gradual unfreezing"

    @property
    def least_epochs(self) -> int:
        return self.stages

    def _fit(self, learn: Learner) -> None:
        parts = blocks(learn)
        if not 2 <= self.stages <= len(parts):
            raise CourseError(f"stages is {self.stages}: this network has blocks for 2 to {len(parts)}.")
        shortest, longer = divmod(self.epochs, self.stages)
        for stage in range(self.stages):
            # The last stage unfreezes all blocks; those before it the head, the head and a block, and so on.
            if stage == self.stages - 1:
                unfreeze(learn)
            else:
                freeze_to(learn, -1 - stage, batchnorm=self.batchnorm)
            learn.fit_one_cycle(shortest + (stage >= self.stages - longer), self.lr)


@dataclass(frozen=True)
class HeadThenAll(Strategy):
    """LP-FT: a head on the frozen body first, then everything at a lower rate (Kumar et al. 2022).

    head_epochs: how many of the epochs go to the head; all_lr: the rate of the rest, a tenth of `lr` unless given
    """

    head_epochs: int = 2
    all_lr: float | None = None

    name = "head, then all"

    @property
    def least_epochs(self) -> int:
        return self.head_epochs + 1

    def _fit(self, learn: Learner) -> None:
        freeze(learn, batchnorm="fixed")
        learn.fit_one_cycle(self.head_epochs, self.lr)
        unfreeze(learn)
        learn.fit_one_cycle(self.epochs - self.head_epochs, self.all_lr or self.lr / 10)


@dataclass(frozen=True)
class Surgical(Strategy):
    """One block and the head; all other blocks stay frozen (Lee et al. 2022, "Surgical fine-tuning")."""

    block: int | str = "stem"
    batchnorm: BatchNorm = "fixed"

    name = "surgical"

    def _fit(self, learn: Learner) -> None:
        freeze(learn, batchnorm=self.batchnorm)
        unfreeze_block(learn, self.block)
        learn.fit_one_cycle(self.epochs, self.lr)


@dataclass(frozen=True)
class FineTune(Strategy):
    """fastai's `learn.fine_tune`: the head for `freeze_epochs`, then all at discriminative rates up to half of `lr`."""

    lr_mult: float = 100
    freeze_epochs: int = 1

    name = "fine_tune"

    @property
    def least_epochs(self) -> int:
        return self.freeze_epochs + 1

    def _fit(self, learn: Learner) -> None:
        learn.fine_tune(
            self.epochs - self.freeze_epochs, self.lr, freeze_epochs=self.freeze_epochs, lr_mult=self.lr_mult
        )


STRATEGIES: dict[str, type[Strategy]] = {
    kind.name: kind
    for kind in (
        FromScratch,
        LinearProbe,
        HeadOnly,
        Partial,
        GradualUnfreezing,
        Full,
        Discriminative,
        HeadThenAll,
        Surgical,
        FineTune,
    )
}


class StopWhenLost(Callback):
    """Stop a fit whose loss is no number any more, and remember where; all later steps would be for nothing."""

    lost = ""

    def after_loss(self) -> None:
        if self.training and not torch.isfinite(self.loss).all():
            rate = self.opt.hypers[-1]["lr"]
            place = f"step {self.iter + 1} of epoch {self.epoch + 1}"
            self.lost = f"The loss became {self.loss.item()} at {place} (rate {rate:.2g})"
            raise CancelFitException


def check_data(learn: Learner) -> None:
    """Refuse data that would fail late or teach nothing: no whole batch, a batch of one, a class without images."""
    train = learn.dls.train
    images, bs = train.n, train.bs
    if not len(train):
        raise CourseError(f"{images} training images don't fill a batch of {bs}: load the data with a smaller bs.")
    has_batchnorm = any(isinstance(layer, BATCHNORM) for layer in learn.model.modules())
    if has_batchnorm and (bs == 1 or (not train.drop_last and images % bs == 1)):
        raise CourseError(
            f"{images} images in batches of {bs} make a batch of one, which BatchNorm can't average over: "
            "choose another bs, or load with drop_last=True."
        )
    lists = getattr(train.dataset, "tls", ())
    if len(lists) > 1 and (vocab := getattr(learn.dls, "vocab", None)):
        counts = Counter(int(label) for label in lists[1])
        if empty := [str(name) for number, name in enumerate(vocab) if not counts[number]]:
            raise CourseError(
                f"{len(empty)} of {len(vocab)} classes have no training image, such as {empty[0]!r}: "
                "add some, or build the data without these classes."
            )


def suit_device(learn: Learner) -> Learner:
    """Half precision and channels-last on a CUDA device, where both save time; elsewhere the learner stays as it is."""
    if learn.dls.device is not None and learn.dls.device.type == "cuda":
        learn.to_fp16()
        learn.to_channelslast(use_amp=False)
    return learn
