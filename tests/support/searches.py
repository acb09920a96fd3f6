"""Tiny objectives and a search space for tests of the search; they import neither torch nor fastai."""

import time

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from course_utils.experiments.search import Diverged
from course_utils.experiments.search.progress import has_finished

SPACE = {
    "lr": FloatDistribution(1e-4, 1e-1, log=True),
    "epochs": IntDistribution(1, 5),
    "depth": CategoricalDistribution(["head", "all"]),
}


def height(trial: optuna.Trial) -> float:
    """Cost nothing."""
    return trial.params["epochs"] - abs(trial.params["lr"] - 0.01)


def slow(trial: optuna.Trial) -> float:
    """Leave time for a kill."""
    time.sleep(0.1)
    return height(trial)


def pruned_if_deep(trial: optuna.Trial) -> float:
    """End about every second trial early."""
    trial.report(trial.params["lr"], 1)
    if trial.params["depth"] == "all":
        raise optuna.TrialPruned("too deep")
    return height(trial)


def diverges(trial: optuna.Trial) -> float:
    """Break down in every trial."""
    raise Diverged(f"The loss became nan at step 3 of epoch 1 (rate {trial.params['lr']:.2g})")


def broken(trial: optuna.Trial) -> float:
    """Have a bug."""
    raise KeyError("no such image")


def finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that count."""
    return [trial for trial in study.trials if has_finished(trial)]


def essence(study: optuna.Study) -> list:
    """What two equal searches agree in."""
    return [(trial.params, trial.value) for trial in finished(study)]
