"""Who finds the best settings on the same number of training steps: Optuna, Hyperopt, random search, or nobody?

    pip install hyperopt
    python benchmarks/tuners.py

The task is lesson 09's. An arm may start a trial as long as it has used fewer steps than the budget; its best trial by
validation accuracy is its choice, and the test accuracy of that very network its result. "default" is one training with
the default settings, "default, longer" one that uses the whole budget. Each repeat has a split, a start and random
numbers of its own, the same ones for all arms. Optuna and Hyperopt both begin with five random trials and run with
their other defaults. "half and half" searches with Optuna on half the budget, and spends the rest on one training with
what it found. Finished runs are kept in results/tuners.csv, so the script can be stopped and started again.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import optuna
import pandas as pd

from course_utils.environment import silence_known_warnings
from course_utils.experiments import run_parallel
from course_utils.experiments.objective import Diverged, Prune, find_task, fine_tune, score
from course_utils.experiments.search import STARTUP, quiet
from course_utils.statistics import mean_interval, paired_difference
from course_utils.tasks.running import StepCounter

TASK = find_task("09")
PLAIN_STEPS = 10 * TASK.epochs  # of a training with the default settings
FILE = Path(__file__).parent / "results" / "tuners.csv"
COLUMNS = ["arm", "seed", "budget", "steps", "trials", "valid", "test"]


class Account:
    """The trials of one arm in one repeat: what they cost, and the best of them."""

    def __init__(self, seed: int, budget: int):
        self.seed, self.budget, self.steps, self.trials, self.valid, self.test = seed, budget, 0, 0, -1.0, -1.0
        self.best: dict = {}

    @property
    def spent(self) -> bool:
        return self.steps >= self.budget

    def run(self, settings: dict, *cbs) -> float:
        """The validation accuracy of a trial; 0 where it diverged."""
        counter = StepCounter()
        try:
            learn = fine_tune(TASK, settings, self.seed, cbs=[counter, *cbs])
        except Diverged:
            return 0.0
        finally:
            self.steps, self.trials = self.steps + counter.steps, self.trials + 1
        valid = score(learn, "valid")
        if valid > self.valid:
            self.valid, self.test, self.best = valid, score(learn, "test"), dict(settings)
        return valid


def default(account: Account) -> None:
    account.run(TASK.defaults)


def longer(account: Account) -> None:
    account.run(TASK.defaults | {"epochs": TASK.epochs * account.budget // PLAIN_STEPS})


def with_optuna(account: Account, sampler, prune: bool) -> None:
    pruner = optuna.pruners.MedianPruner(STARTUP, n_warmup_steps=1) if prune else optuna.pruners.NopPruner()
    with quiet():
        study = optuna.create_study(direction="maximize", sampler=sampler(seed=account.seed), pruner=pruner)
        while not account.spent:
            trial = study.ask(TASK.space)
            try:
                study.tell(trial, account.run(trial.params, *([Prune(trial)] if prune else [])))
            except optuna.TrialPruned:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)


def half_and_half(account: Account) -> None:
    whole, account.budget = account.budget, account.budget // 2
    with_optuna(account, TPE, prune=False)
    account.budget = whole
    account.run(account.best | {"epochs": TASK.epochs * (whole - account.steps) // PLAIN_STEPS})


def with_hyperopt(account: Account) -> None:
    from hyperopt import fmin, hp, tpe

    space = {}
    for name, each in TASK.space.items():
        if isinstance(each, optuna.distributions.IntDistribution):
            space[name] = hp.uniformint(name, each.low, each.high)
        elif each.log:
            space[name] = hp.loguniform(name, np.log(each.low), np.log(each.high))
        else:
            space[name] = hp.uniform(name, each.low, each.high)
    fmin(
        lambda settings: -account.run(settings),
        space,
        algo=partial(tpe.suggest, n_startup_jobs=STARTUP),
        max_evals=10_000,
        early_stop_fn=lambda trials, *state: (account.spent, state),
        rstate=np.random.default_rng(account.seed),
        show_progressbar=False,
        verbose=False,
    )


TPE = partial(optuna.samplers.TPESampler, n_startup_trials=STARTUP)
ARMS = {
    "default": default,
    "default, longer": longer,
    "random": partial(with_optuna, sampler=optuna.samplers.RandomSampler, prune=False),
    "Optuna": partial(with_optuna, sampler=TPE, prune=False),
    "Optuna, pruning": partial(with_optuna, sampler=TPE, prune=True),
    "Hyperopt": with_hyperopt,
    "half and half": half_and_half,
}


def repeat(arm: str, seed: int, budget: int) -> dict:
    account = Account(seed, budget)
    ARMS[arm](account)
    return dict(zip(COLUMNS, [arm, *(getattr(account, column) for column in COLUMNS[1:])], strict=True))


def report(table: pd.DataFrame) -> None:
    """Each arm's test accuracy, its gain over random search, and by how much its validation accuracy flattered."""
    tests, valids = (table.pivot(index="seed", columns="arm", values=value) for value in ("test", "valid"))
    whole = tests.dropna().index
    print(f"{len(whole)} repeats, {table.budget.max()} steps each; test accuracy, gain over random search, flattery")
    for arm in ARMS:
        test, valid = tests[arm][whole], valids[arm][whole]
        figures = mean_interval(test), paired_difference(test, tests["random"][whole]), paired_difference(valid, test)
        said = ", ".join(f"{100 * mean:+.1f} ± {100 * half:.1f}" for mean, half in figures)
        runs = table[(table.arm == arm) & table.seed.isin(whole)]
        print(f"{arm}: {said}; {runs.trials.mean():.1f} trials, {runs.steps.mean():.0f} steps")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--repeats", type=int, default=8)
    arguments.add_argument("--trials", type=int, default=16, help="the budget, in trainings with the default settings")
    arguments.add_argument("--file", type=Path, default=FILE, help="where finished runs are kept")
    given = arguments.parse_args()
    silence_known_warnings()
    budget = given.trials * PLAIN_STEPS
    table = pd.read_csv(given.file) if given.file.exists() else pd.DataFrame(columns=COLUMNS)
    done = set(zip(table.arm, table.seed, table.budget, strict=True))
    for seed in range(given.repeats):
        calls = [(arm, seed, budget) for arm in ARMS if (arm, seed, budget) not in done]
        table = pd.concat([table, pd.DataFrame(run_parallel(repeat, calls), columns=COLUMNS)], ignore_index=True)
        table.round(6).to_csv(given.file, index=False)
    report(table[(table.budget == budget) & (table.seed < given.repeats)])


if __name__ == "__main__":
    main()
