"""Callbacks that every training of the course uses."""

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
