"""What `course tune` searches for: the settings of a fine-tuning on a lesson's task, and their score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import torch
from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.vision.augment import aug_transforms
from fastai.vision.learner import create_vision_model
from optuna import TrialPruned
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import Trial

from course_utils import data
from course_utils.errors import CourseError
from course_utils.experiments.search import Diverged, Space
from course_utils.surgery import blocks, split_by_block
from course_utils.tasks.catalogue import TASKS
from course_utils.tasks.images import ImageTask
from course_utils.tasks.running import train, train_and_score
from course_utils.training import ReestimateBatchNorm, Strategy
from course_utils.training.phases import Phase
from course_utils.training.what_trains import FromGroup

__all__ = [
    "Diverged",
    "Objective",
    "Prune",
    "SearchedTask",
    "Settings",
    "find_task",
    "fine_tune",
    "score",
    "test_score",
]


@dataclass(frozen=True)
class SearchedTask:
    """A lesson's task with the settings that a search may change; `task` is its entry in the catalogue."""

    task: ImageTask

    @property
    def lesson(self) -> str:
        """The lesson's slug, which is the task's name."""
        return self.task.name

    @property
    def metric(self) -> str:
        """What a search improves, on the validation set."""
        return self.task.metric

    @property
    def epochs(self) -> int:
        """Those of the default settings, the first of them on the head alone."""
        return self.task.epochs

    @property
    def blocks(self) -> int:
        """How many blocks there are to freeze, the head included."""
        return _count_blocks(self.task.network)

    @property
    def space(self) -> Space:
        """The range of each setting.

        lr: the highest learning rate, which is the head's. lr_mult: by how much the first block's is lower. frozen:
        blocks that never train. wd: weight decay. augment: strength, where 1 is a turn of up to 10 degrees, a zoom of
        1.1 and a change of light by a fifth. The epochs are not among them: they are the price of a trial, the same
        for all, so that equally many trials are equally many training steps.
        """
        return {
            "lr": FloatDistribution(1e-3, 1e-1, log=True),
            "lr_mult": FloatDistribution(1, 100, log=True),
            "frozen": IntDistribution(0, self.blocks - 1),
            "wd": FloatDistribution(1e-3, 1e-1, log=True),
            "augment": FloatDistribution(0, 2),
        }

    @property
    def defaults(self) -> dict[str, float]:
        """What `learn.fine_tune(epochs - 1)` does; the first of the epochs trains the head alone."""
        return {"lr": 2e-3, "lr_mult": 100, "frozen": 0, "wd": 0.01, "augment": 1, "epochs": self.epochs}

    def described(self, seed: int) -> dict[str, Any]:
        """Return what a study of this task must agree in to be continued."""
        return {"lesson": self.lesson, "labels": self.task.labels, **self.task.describe(), "seed": seed}


@cache
def _count_blocks(network: Any) -> int:
    with torch.random.fork_rng():  # what comes after draws the numbers that it would have drawn anyway
        return len(blocks(create_vision_model(network, 2, pretrained=False)))


def find_task(lesson: str) -> SearchedTask:
    """Return the task of a lesson, given by number or slug: "09" or "09_tuning".

    Raises
    ------
    CourseError
        For a lesson without one (`experiments.nothing-to-tune`).
    """
    known = {
        name: task for name, task in TASKS.items() if name.split("_")[0].isdigit() and task.dataset in data.DATA_SETS
    }
    for name, task in known.items():
        if lesson in (name, name.split("_")[0]):
            return SearchedTask(task)
    raise CourseError(
        f"There is nothing to tune in a lesson {lesson!r}: choose one of "
        f"{', '.join(name.split('_')[0] for name in known)}.",
        code="experiments.nothing-to-tune",
    )


@dataclass(frozen=True)
class Settings(Strategy):
    """fastai's `fine_tune`, with a learning rate for each block, and with blocks that stay frozen to the end.

    Parameters
    ----------
    epochs, lr, lr_mult, frozen, wd
        As in `SearchedTask.space`.
    """

    epochs: int = 2
    lr: float = 2e-3
    lr_mult: float = 100
    frozen: int = 0
    wd: float = 0.01

    name: ClassVar[str] = "fine_tune with settings"

    @property
    def least_epochs(self) -> int:
        """One for the head, and one for the rest."""
        return 2

    def phases(self) -> list[Phase]:
        """The head, then the blocks that aren't frozen."""
        half = self.lr / 2
        on_head = {"pct_start": 0.99, "wd": self.wd}
        on_rest = {"pct_start": 0.3, "div": 5.0, "wd": self.wd}
        return [
            Phase(FromGroup(-1), 1, slice(self.lr), groups=split_by_block, one_cycle=on_head),
            Phase(FromGroup(self.frozen), self.epochs - 1, slice(half / self.lr_mult, half), one_cycle=on_rest),
        ]

    def train(self, learn: Learner) -> Learner:
        """Train a fresh learner and return it.

        Raises
        ------
        Diverged
            When the loss is NaN or infinite; it names the step and the learning rate.
        """
        try:
            return super().train(learn)
        except CourseError as problem:
            if problem.code != "training.loss-lost":
                raise
            raise Diverged(str(problem), code=problem.code) from problem


def _prepared(task: SearchedTask, settings: Mapping[str, float]) -> tuple[ImageTask, Settings]:
    """The task with the augmentation that the settings ask for, and the strategy that the others make."""
    settings = task.defaults | dict(settings)
    strategy = Settings(
        epochs=int(settings["epochs"]),
        lr=settings["lr"],
        lr_mult=settings["lr_mult"],
        frozen=int(settings["frozen"]),
        wd=settings["wd"],
    )
    return task.task.changed(augment=augmentation(settings["augment"], task.task.flip)), strategy


def fine_tune(
    task: SearchedTask,
    settings: Mapping[str, float],
    seed: int,
    *,
    start: int | None = None,
    cbs: Sequence[Callback] = (),
) -> Learner:
    """Return a learner that was fine-tuned with these settings; `learn.dls` has the sets valid and test.

    Parameters
    ----------
    settings : mapping
        Values by the names in `task.defaults`, which hold for those that are left out.
    seed : int
        Of the split.
    start : int, optional
        Of the head's random weights and the order of the images; the same number if left out.

    Raises
    ------
    Diverged
        When the loss is NaN or infinite; it names the step and the learning rate.
    """
    images, strategy = _prepared(task, settings)
    start = seed if start is None else start
    return train(images, strategy, images.labels, seed, start=start, cbs=cbs).learn


def augmentation(strength: float, flip: bool = False) -> list | bool:
    """Return random turns, zooms and light, of a strength where 1 is the digits' own; nothing at 0."""
    if not strength:
        return False
    return aug_transforms(
        do_flip=flip, max_rotate=10 * strength, max_zoom=1 + 0.1 * strength, max_lighting=0.2 * strength, max_warp=0
    )


def score(learn: Learner, split: str) -> float:
    """Return the metric on the "valid" or the "test" set."""
    with learn.no_bar(), learn.no_logging():
        return float(learn.validate(dl=getattr(learn.dls, split))[1])


def test_score(task: SearchedTask, settings: Mapping[str, float], seed: int, start: int) -> float:
    """Return the metric on the test set, which no search has looked at, after one fine-tuning."""
    images, strategy = _prepared(task, settings)
    return train_and_score(images, strategy, images.labels, seed, start=start)[0]


class Prune(Callback):
    """After each epoch, tell Optuna the metric, and end the trial if it lags behind; after the last it is complete.

    Parameters
    ----------
    trial : Trial
        What is reported to.
    epochs : int
        How many epochs the trial has, over all of its fits.
    """

    order = 65  # after the recorder has noted the metric

    def __init__(self, trial: Trial, epochs: int):
        super().__init__()
        self.trial, self.epochs, self.seen = trial, epochs, 0

    def after_epoch(self) -> None:
        """Report, and stop where Optuna says so."""
        self.seen += 1
        self.trial.report(self.recorder.values[-1][-1], self.seen)
        if self.seen < self.epochs and self.trial.should_prune():
            raise TrialPruned(f"pruned after epoch {self.seen}")


@dataclass(frozen=True)
class Objective:
    """What a search improves: fine-tune with a trial's settings, and read the metric of the validation set."""

    task: SearchedTask
    seed: int = 0

    def __call__(self, trial: Trial) -> float:
        """Return the score of one trial; settings that it hasn't drawn are the default ones."""
        images, strategy = _prepared(self.task, trial.params)
        cbs = [
            ReestimateBatchNorm(),
            Prune(trial, strategy.epochs),
        ]  # epochs are compared, too, where a trial is pruned
        return train_and_score(images, strategy, images.labels, self.seed, split="valid", start=self.seed, cbs=cbs)[0]
