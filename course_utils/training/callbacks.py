"""Callbacks that every training of the course uses."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Literal

import pandas as pd
import torch
import torch.nn.functional as F
from fastai.callback.core import Callback, CancelFitException
from fastai.learner import Learner

from course_utils.errors import CourseError
from course_utils.training.cut_forward import tensors_in

Cause = Literal["rate", "precision", "inputs", "targets", "weights", "formula"]


class StopWhenLost(Callback):
    """Stop a fit whose loss is NaN or infinite, since no later step can mend it, and remember where it happened.

    Attributes
    ----------
    lost : str
        What happened, with step, epoch and learning rate; "" as long as every loss was a number.
    cause : str
        "inputs", "targets" or "weights" where these held NaN or infinite values before; "precision" where the same step
        has a finite loss in full precision; "formula" where all was finite and no update had been made, so that no
        learning rate is to blame; otherwise "rate".
    """

    lost = ""
    cause: Cause = "rate"
    updated = False

    def after_step(self) -> None:
        """Note that the weights have been updated."""
        self.updated = True

    def after_loss(self) -> None:
        """Look at the loss of a training step."""
        if self.training and not torch.isfinite(self.loss).all():
            lr = self.opt.hypers[-1]["lr"]
            step = f"step {self.iter + 1} of epoch {self.epoch + 1}"
            self.lost = f"The loss became {self.loss.item()} at {step} (learning rate {lr:.2g})"
            self.cause = self._cause()
            raise CancelFitException

    def _cause(self) -> Cause:
        if not self.updated and not all_finite(self.model.state_dict().values()):
            return "weights"
        if not all_finite(tensors_in(self.learn.xb)):
            return "inputs"
        if not all_finite(tensors_in(self.learn.yb)):
            return "targets"
        if self._is_finite_in_full_precision():
            return "precision"
        return "rate" if self.updated else "formula"

    @torch.no_grad()
    def _is_finite_in_full_precision(self) -> bool:
        """Whether half precision is on, and the same batch has a finite loss without it."""
        device = self.loss.device.type
        if not torch.is_autocast_enabled(device):
            return False
        with torch.autocast(device, enabled=False):
            loss = self.learn.loss_func(self.model(*self.learn.xb), *self.learn.yb)
        return bool(torch.isfinite(loss).all())


def all_finite(tensors: Iterable[torch.Tensor]) -> bool:
    """Whether no tensor holds a NaN or an infinite value."""
    return all(torch.isfinite(tensor).all() for tensor in tensors if tensor.is_floating_point())


class RecordSchedule(Callback):
    """Note what the optimiser is told at each training step, for `plots.plot_schedules`.

        record = RecordSchedule(["early body", "late body", "head"])
        learn.fine_tune(3, 1e-2, cbs=record)
        plot_schedules(record.table)

    Parameters
    ----------
    groups : sequence of str, optional
        Names of the parameter groups, from the first layers to the last; "group 1" and so on if left out.
    """

    run_valid = False

    def __init__(self, groups: Sequence[str] | None = None) -> None:
        super().__init__()
        self.groups, self.steps, self.rows = groups, 0, []  # type: ignore[var-annotated]

    def after_batch(self) -> None:
        """Add a row for each parameter group."""
        names = self.groups or [f"group {number}" for number in range(1, len(self.opt.hypers) + 1)]
        for number, (name, told) in enumerate(zip(names, self.opt.hypers, strict=True)):
            self.rows.append({"step": self.steps, "group": name, "frozen": number < self.opt.frozen_idx, **told})
        self.steps += 1

    @property
    def table(self) -> pd.DataFrame:
        """One row a step and group: step, group, frozen, and each setting of the optimiser (lr, mom, wd and so on)."""
        return pd.DataFrame(self.rows)


class KeepBest(Callback):
    """Note both losses of each epoch, and keep the weights of the epoch with the lowest validation loss.

        best = KeepBest()
        learn.fit(20, 1e-3, cbs=[ReestimateBatchNorm(), best])
        best.restore(learn)

    The training goes on to its end, so that its last weights can be compared with the kept ones.

    Attributes
    ----------
    table : pandas.DataFrame
        A row an epoch: epoch, lr at its end, and the cross-entropy on the training and the validation set. Whatever
        the learner's loss is, such as one with label smoothing, the cross-entropy compares them.
    kept_epoch : int
        The epoch, counted from 1, whose weights are kept.

    Notes
    -----
    The training loss is averaged over the epoch's batches as they were trained on: augmented, with dropout, and with
    weights that change meanwhile. fastai's `SaveModelCallback` keeps the weights in a file instead of in memory.
    """

    def before_fit(self) -> None:
        """Begin anew."""
        self.rows: list[dict[str, float]] = []
        self.kept_epoch = 0

    def before_epoch(self) -> None:
        """Begin the sums of an epoch."""
        self.sums = {"training": [0.0, 0], "validation": [0.0, 0]}

    def after_batch(self) -> None:
        """Add a batch to its sum."""
        total = self.sums["training" if self.training else "validation"]
        total[0] += F.cross_entropy(self.pred.detach().float(), self.y, reduction="sum").item()
        total[1] += len(self.y)

    def after_epoch(self) -> None:
        """Note the epoch, and keep its weights if none before had a lower validation loss."""
        losses = {name: total / count if count else float("nan") for name, (total, count) in self.sums.items()}
        self.rows.append({"epoch": len(self.rows) + 1, "lr": self.opt.hypers[-1]["lr"], **losses})
        if losses["validation"] == min(row["validation"] for row in self.rows):
            self.kept_epoch, self.kept = len(self.rows), deepcopy(self.learn.model.state_dict())

    def restore(self, learn: Learner) -> None:
        """Give the learner that was trained the kept weights and BatchNorm statistics.

        Raises
        ------
        CourseError
            Where no epoch has been validated ("training.nothing-kept").
        """
        if not getattr(self, "kept_epoch", 0):
            raise CourseError(
                "No weights were kept: train with this callback first, on data with validation images.",
                code="training.nothing-kept",
            )
        learn.model.load_state_dict(self.kept)

    @property
    def table(self) -> pd.DataFrame:
        """The losses, a row an epoch."""
        return pd.DataFrame(self.rows)
