"""The three pieces of ULMFiT's training (Howard and Ruder 2018), which can be switched on one by one."""

import numpy as np
from fastai.callback.core import Callback
from fastai.callback.schedule import ParamScheduler
from fastai.learner import Learner

from course_utils.errors import CourseError
from course_utils.training.callbacks import StopWhenLost
from course_utils.training.checks import loss_lost

SPREAD = 2.6  # from a layer to the one below, as in the paper's section 3.2


def slanted_triangular(done: float, cut: float = 0.1, ratio: float = 32) -> float:
    """Give the share of the highest learning rate: a short linear rise, then a long linear fall.

    Parameters
    ----------
    done : float
        The share of the steps that is over, from 0 to 1.
    cut : float
        The share of the steps in which it rises.
    ratio : float
        How much smaller than the highest learning rate the lowest one is.
    """
    height = done / cut if done < cut else 1 - (done - cut) / (1 - cut)
    return (1 + height * (ratio - 1)) / ratio


def fit_ulmfit(
    learn: Learner,
    epochs: int,
    lr: float,
    *,
    slanted: bool = True,
    discriminative: bool = True,
    gradual: bool = True,
    last_only: bool = False,
) -> Learner:
    """Train with ULMFiT's pieces, each of which can be left out; with none of them, all layers train at one rate.

    Parameters
    ----------
    epochs : int
        Passes over the training set, the same whatever is left out.
    lr : float
        The highest learning rate of the last layer group.
    slanted : bool
        Whether the learning rate follows `slanted_triangular`; otherwise it stays the same.
    discriminative : bool
        Whether each layer group gets the learning rate of the one above it, divided by 2.6.
    gradual : bool
        Whether the last group trains alone in the first epoch, and each further epoch unfreezes one more.
    last_only : bool
        Whether the last group stays alone.

    Raises
    ------
    CourseError
        For fewer than one epoch or a learning rate that isn't above 0 (`training.bad-setting`), and when the loss is
        lost (`training.loss-lost` and others of `loss_lost`).
    """
    if epochs < 1 or not lr > 0:
        raise CourseError(
            f"epochs is {epochs} and lr {lr}: give at least 1 epoch and a learning rate above 0.",
            code="training.bad-setting",
        )
    learn.create_opt()
    groups = len(learn.opt.param_lists)
    highest = lr / (SPREAD if discriminative else 1.0) ** np.arange(groups - 1, -1, -1)
    schedule = ParamScheduler({"lr": lambda done: highest * (slanted_triangular(done) if slanted else 1.0)})
    guard = StopWhenLost()
    with learn.no_bar(), learn.no_logging():
        learn.fit(epochs, highest, cbs=[schedule, Unfreeze(gradual, last_only), guard])
    if guard.lost:
        raise loss_lost(learn, guard, "ULMFiT's training", f"{lr / 10:g}")
    return learn


class Unfreeze(Callback):
    """Says before each epoch which of the layer groups train."""

    def __init__(self, gradual: bool, last_only: bool):
        self.gradual, self.last_only = gradual, last_only

    def before_epoch(self) -> None:
        """Leave the first groups frozen, one fewer in each epoch where it is gradual."""
        below = len(self.opt.param_lists) - 1
        first = below if self.last_only else below - self.epoch if self.gradual else 0
        self.learn.freeze_to(max(first, 0))
