"""Callbacks that every training of the course uses."""

from collections.abc import Sequence

import pandas as pd
import torch
from fastai.callback.core import Callback, CancelFitException


class StopWhenLost(Callback):
    """Stop a fit whose loss is NaN or infinite, since no later step can mend it, and remember where it happened.

    Attributes
    ----------
    lost : str
        What happened, with step, epoch and learning rate; "" as long as every loss was a number.
    """

    lost = ""

    def after_loss(self) -> None:
        """Look at the loss of a training step."""
        if self.training and not torch.isfinite(self.loss).all():
            lr = self.opt.hypers[-1]["lr"]
            step = f"step {self.iter + 1} of epoch {self.epoch + 1}"
            self.lost = f"The loss became {self.loss.item()} at {step} (learning rate {lr:.2g})"
            raise CancelFitException


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
