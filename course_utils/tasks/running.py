"""Train a fresh learner of a task with a strategy, and score it: the one place where runs are made."""

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass

from fastai.callback.core import Callback, CancelValidException
from fastai.learner import Learner

from course_utils.tasks.protocol import Task
from course_utils.training import Strategy, suit_device

UNCOLLECTED = (
    20_000_000  # weights of learners that may wait for the collector: 320 MB with gradients and Adam's averages
)


@dataclass(frozen=True)
class Trained:
    """A trained learner and what its training took.

    Attributes
    ----------
    learn : Learner
        With the loaders of all three sets in `learn.dls`.
    seconds : float
        Of the training alone.
    steps : int
        Weight updates.
    """

    learn: Learner
    seconds: float
    steps: int

    @property
    def trainable(self) -> int:
        """How many weights train at the end."""
        return sum(weight.numel() for weight in self.learn.model.parameters() if weight.requires_grad)


def train(
    task: Task,
    strategy: Strategy,
    labels: int,
    seed: int,
    *,
    start: int | None = None,
    cbs: Sequence[Callback] = (),
) -> Trained:
    """Make a fresh learner, and train it.

    Parameters
    ----------
    task, strategy, labels, seed, start
        As `Task.learner` takes them.
    cbs : sequence of Callback
        For the time of the training alone.
    """
    past.make_room()
    learn = task.learner(seed, labels, strategy, start=start)
    past.weights += sum(weight.numel() for weight in learn.model.parameters())
    for_training = [counter := StepCounter(), *cbs]
    learn.add_cbs(for_training)
    with learn.no_bar(), learn.no_logging():
        began = time.perf_counter()
        strategy.train(suit_device(learn))
        seconds = time.perf_counter() - began
    learn.remove_cbs(for_training)
    learn.model.zero_grad(set_to_none=True)  # else the last gradients stay, as large as the weights
    return Trained(learn, seconds, counter.steps)


def train_and_score(
    task: Task,
    strategy: Strategy,
    labels: int,
    seed: int,
    *,
    split: str = "test",
    start: int | None = None,
    cbs: Sequence[Callback] = (),
) -> tuple[float, Trained]:
    """Train as `train` does, and return the task's metric on the "valid" or "test" set, and what was trained."""
    trained = train(task, strategy, labels, seed, start=start, cbs=cbs)
    return task.score(trained.learn, split), trained


class PastLearners:
    """Gives up what learners hold after their last use.

    A learner and its callbacks know each other, so only Python's collector of cycles frees them. It comes rarely, since
    it can't see how large a tensor is: ten fine-tuned encoders would wait for it with four gigabytes.
    """

    weights = 0

    def make_room(self) -> None:
        """Collect, if enough has been trained since the last time to be worth a third of a second."""
        if self.weights >= UNCOLLECTED:
            gc.collect()
            self.weights = 0


past = PastLearners()


class StepCounter(Callback):
    """Counts weight updates."""

    steps = 0

    def after_step(self) -> None:
        """Count one more."""
        self.steps += 1


class NoValidation(Callback):
    """Leaves out the validation after each epoch, for runs in which nothing waits for it."""

    def before_validate(self) -> None:
        """Skip it."""
        raise CancelValidException
