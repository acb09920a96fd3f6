"""What `course tune` searches for: a small task after each lesson, the settings of its fine-tuning, and their score."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.metrics import BalancedAccuracy, accuracy
from fastai.torch_core import set_seed
from fastai.vision.augment import aug_transforms
from fastai.vision.learner import vision_learner
from optuna import TrialPruned
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import Trial
from torch import nn

from course_utils import data, environment
from course_utils.backbones import default, resnet18_half
from course_utils.errors import CourseError
from course_utils.experiments.studies import Space
from course_utils.experiments.tuning import Diverged
from course_utils.surgery import split_by_block
from course_utils.training import StopWhenLost, check_data, suit_device

METRICS = {"accuracy": lambda: accuracy, "balanced accuracy": BalancedAccuracy}


def shorter(pretrained: bool) -> nn.Module:
    """The bundled body up to stage 2, as in lessons 05 to 07; fastai cuts at the pooling layer."""
    return _cut(6, pretrained)


def one_stage(pretrained: bool) -> nn.Module:
    """The bundled body up to stage 1, as in lesson 09."""
    return _cut(5, pretrained)


def _cut(layers: int, pretrained: bool) -> nn.Module:
    network = resnet18_half("DEFAULT" if pretrained else None)
    return nn.Sequential(*list(network.children())[:layers], nn.AdaptiveAvgPool2d(1))


@dataclass(frozen=True)
class Task:
    """Data and a network to fine-tune; `space` and `defaults` are its settings.

    epochs: those of the default settings, the first of them on the head alone
    metric: what a search raises, of the validation part
    arch: the network, the course's own if left out
    blocks: how many there are to freeze, the head included
    """

    lesson: str
    dataset: str
    options: Mapping[str, Any]
    epochs: int
    metric: str = "accuracy"
    arch: Callable[..., nn.Module] | None = None
    blocks: int = 6
    flip: bool = False

    @property
    def space(self) -> Space:
        """lr: highest rate, of the head. lr_mult: by how much the first block's is lower. frozen: blocks that never
        train. wd: weight decay. augment: strength, where 1 is a turn of up to 10 degrees, a zoom of 1.1 and a change of
        light by a fifth. epochs: the first trains the head alone.
        """
        return {
            "lr": FloatDistribution(1e-3, 1e-1, log=True),
            "lr_mult": FloatDistribution(1, 100, log=True),
            "frozen": IntDistribution(0, self.blocks - 1),
            "wd": FloatDistribution(1e-3, 1e-1, log=True),
            "augment": FloatDistribution(0, 2),
            "epochs": IntDistribution(2, self.epochs + 1),
        }

    @property
    def defaults(self) -> dict[str, float]:
        """What `learn.fine_tune(epochs - 1)` does."""
        return {"lr": 2e-3, "lr_mult": 100, "frozen": 0, "wd": 0.01, "augment": 1, "epochs": self.epochs}

    def described(self, seed: int) -> dict:
        """What a study of this task must agree in to be continued."""
        return {
            "lesson": self.lesson,
            "dataset": self.dataset,
            "options": dict(self.options),
            "network": (self.arch or default()).__name__,
            "metric": self.metric,
            "profile": environment.profile(),
            "seed": seed,
        }


TASKS = {
    task.lesson: task
    for task in (
        Task("01_first_finetune", "digits", {"n_per_class": 20, "size": 48, "bs": 16, "split": (0.1, 0.3)}, 7),
        Task(
            "05_full_or_partial",
            "digits",
            {"n_per_class": 10, "size": 32, "bs": 10, "split": (0.1, 0.2)},
            4,
            arch=shorter,
            blocks=4,
        ),
        Task(
            "07_against_scratch",
            "vehicles",
            {"n_per_class": 100, "size": 48, "bs": 20, "split": (100, 250)},
            4,
            flip=True,
        ),
        Task("08_when_it_goes_wrong", "scans", {"n_per_class": 60, "bs": 20}, 5, "balanced accuracy", flip=True),
        Task(
            "09_tuning",
            "digits",
            {"n_per_class": 20, "size": 16, "bs": 20, "split": (0.06, 0.3)},
            3,
            arch=one_stage,
            blocks=3,
        ),
    )
}


def find_task(lesson: str) -> Task:
    """The task of a lesson, given by number or slug: "09" or "09_tuning". Raises CourseError where there is none."""
    for name, task in TASKS.items():
        if lesson in (name, name.split("_")[0]) and task.dataset in data.DATA_SETS:
            return task
    numbers = ", ".join(name.split("_")[0] for name, task in TASKS.items() if task.dataset in data.DATA_SETS)
    raise CourseError(f"There is nothing to tune in a lesson {lesson!r}: choose one of {numbers}.")


def fine_tune(
    task: Task, settings: Mapping[str, float], seed: int, *, start: int | None = None, cbs: Sequence[Callback] = ()
) -> Learner:
    """A learner that was fine-tuned with these settings; `learn.dls` has the parts valid and test.

    It is fastai's `fine_tune`, with a rate for each block, and with blocks that stay frozen to the end.
    seed: of the split. start: of the head's random weights and the order of the images; the same number if left out
    Raises Diverged, which says step and rate, when the loss is no number any more.
    """
    start = seed if start is None else start
    dls = data.load(task.dataset, **task.options, augment=augmentation(settings["augment"], task.flip), seed=seed)
    dls.train.rng = random.Random(start)
    set_seed(start)
    learn = vision_learner(
        dls, task.arch or default(), splitter=split_by_block, wd=settings["wd"], metrics=METRICS[task.metric]()
    )
    check_data(suit_device(learn))
    learn.add_cbs([guard := StopWhenLost(), *cbs])
    lr, rest = settings["lr"], int(settings["epochs"]) - 1
    with learn.no_bar(), learn.no_logging():
        learn.freeze()
        learn.fit_one_cycle(1, slice(lr), pct_start=0.99)
        if not guard.lost:
            learn.freeze_to(int(settings["frozen"]))
            learn.fit_one_cycle(rest, slice(lr / 2 / settings["lr_mult"], lr / 2), pct_start=0.3, div=5)
    if guard.lost:
        raise Diverged(guard.lost)
    return learn


def augmentation(strength: float, flip: bool = False) -> list | bool:
    """Random turns, zooms and light, of a strength where 1 is the digits' own; nothing at 0."""
    if not strength:
        return False
    return aug_transforms(
        do_flip=flip, max_rotate=10 * strength, max_zoom=1 + 0.1 * strength, max_lighting=0.2 * strength, max_warp=0
    )


def score(learn: Learner, part: str) -> float:
    """The metric, of "valid" or of "test"."""
    with learn.no_bar(), learn.no_logging():
        return float(learn.validate(dl=getattr(learn.dls, part))[1])


def test_score(task: Task, settings: Mapping[str, float], seed: int, start: int) -> float:
    """The metric of the test part, which no search has looked at, after one fine-tuning."""
    return score(fine_tune(task, settings, seed, start=start), "test")


class Prune(Callback):
    """After each epoch but the last, tell Optuna the metric, and end the trial if it lags behind."""

    order = 65  # after the recorder has noted the metric

    def __init__(self, trial: Trial):
        self.trial, self.seen = trial, 0

    def after_epoch(self) -> None:
        self.seen += 1
        self.trial.report(self.recorder.values[-1][-1], self.seen)
        if self.seen < self.trial.params["epochs"] and self.trial.should_prune():
            raise TrialPruned(f"pruned after epoch {self.seen}")


@dataclass(frozen=True)
class Objective:
    """What a search raises: fine-tune with a trial's settings, and read the metric of the validation part."""

    task: Task
    seed: int = field(default=0)

    def __call__(self, trial: Trial) -> float:
        return score(fine_tune(self.task, trial.params, self.seed, cbs=[Prune(trial)]), "valid")
