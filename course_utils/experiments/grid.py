"""Strategies × labels × seeds on one task, each run on a paired split, as a tidy table that grows run by run."""

import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from course_utils import environment
from course_utils.arguments import LARGEST_SEED
from course_utils.display.steps import steps
from course_utils.errors import CourseError
from course_utils.experiments.arguments import rates, whole_number, whole_numbers
from course_utils.experiments.finished import add_finished, read_finished
from course_utils.experiments.memory import peak_memory
from course_utils.experiments.parallel import unordered
from course_utils.experiments.provenance import made_with
from course_utils.tasks.protocol import Task
from course_utils.tasks.running import NoValidation, train_and_score
from course_utils.training import Strategy

TUNING_SEED = 1000  # a split on which learning rates are chosen, and on which nothing is compared
MEASURED = ["score", "seconds", "steps", "trainable", "memory_mb"]
COLUMNS = ["strategy", "labels", "seed", "lr", "metric", *MEASURED, "error"]


@dataclass
class Experiment:
    """Every strategy with every number of labels and every seed on one task; `run()` gives the table.

    Parameters
    ----------
    task : Task
        What is learned, such as `ImageTask("digits", size=32)`.
    strategies : sequence of Strategy
        Objects of `training`; two of one kind need different `names`.
    labels : sequence of int
        Labelled examples per class.
    seeds : sequence of int
        Each seed is a split, an order and a start, the same one for all strategies, so that their results are paired.
        A seed that comes twice is refused: it would give the same run again, and too narrow an interval.
    lrs : sequence of float
        If given, each strategy chooses one of these learning rates for each number of labels, by its validation score
        on one split that takes no part in the comparison; so all of them spend an equal budget on it.
    names : sequence of str
        A name for each strategy; its own if left out.
    keep : Path or str, optional
        A file that finished runs are written to, so that a later session goes on from there. It belongs to the data,
        the code and the versions of torch and fastai that it was begun with; anything else is refused.
    jobs : int
        Runs at the same time, each in a process of its own.

    Raises
    ------
    CourseError
        `experiments.nothing-to-run`, `experiments.names`, `experiments.tuning-seed`, `experiments.other-experiment`;
        `experiments.argument` and `experiments.repeated` for labels, seeds, learning rates and jobs.
    """

    task: Task
    strategies: Sequence[Strategy]
    labels: Sequence[int]
    seeds: Sequence[int] = tuple(range(5))
    lrs: Sequence[float] = ()
    names: Sequence[str] = ()
    keep: Path | str | None = None
    jobs: int = 1
    rows: list[dict] = field(default_factory=list, repr=False)  # finished runs, tuning runs included

    def __post_init__(self) -> None:
        """Check what is asked for, and read what an earlier session has finished."""
        self.strategies = _listed(self.strategies)
        self.labels = whole_numbers("labels", self.labels)
        self.seeds = whole_numbers("seeds", self.seeds, 0, LARGEST_SEED)
        self.lrs = rates("lrs", self.lrs)
        self.jobs = whole_number("jobs", self.jobs)
        names = list(self.names) or [strategy.name for strategy in self.strategies]
        if not names or not self.labels or not self.seeds:
            raise CourseError(
                "An experiment needs at least one strategy, one number of labels and one seed.",
                code="experiments.nothing-to-run",
            )
        if len(names) != len(self.strategies) or len(set(names)) < len(names):
            raise CourseError(
                f"Each strategy needs a name of its own, but these are {', '.join(names)}: give names=[...].",
                code="experiments.names",
            )
        if TUNING_SEED in self.seeds:
            raise CourseError(
                f"Seed {TUNING_SEED} is kept for choosing learning rates: compare on others.",
                code="experiments.tuning-seed",
            )
        self.names = names
        if self.keep:
            self.keep = Path(os.path.expanduser(self.keep))
            self.rows += read_finished(self.keep, self._shared())

    def run(self) -> pd.DataFrame:
        """Run what hasn't run yet, and return one row a run.

        An interrupt keeps what is finished; `run()` does the rest, and `table` shows what there is.

        Returns
        -------
        pandas.DataFrame
            lr: the learning rate, NaN for a strategy that has none; metric and score: what the task measures on its
            test set, which chose nothing; seconds: of training alone; steps: weight updates; trainable: weights that
            train at the end; memory_mb: highest memory over that before the run; error: why a run failed, "" if it did
            not.
        """
        named = list(zip(self.names, self.strategies, strict=True))
        tuning = [
            self._planned(name, strategy.with_lr(lr), labels, TUNING_SEED)
            for name, strategy in named
            for labels in self.labels
            for lr in (() if strategy.solved else self.lrs)
        ]
        self._finish(tuning)
        compared = [
            self._planned(name, strategy.with_lr(self._chosen_lr(name, strategy, labels)), labels, seed)
            for labels in self.labels
            for seed in self.seeds
            for name, strategy in named
        ]
        self._finish(compared)
        return self.table

    @property
    def table(self) -> pd.DataFrame:
        """The finished runs of the comparison, a row each."""
        table = self._table(self.seeds)
        chosen = [
            self._chosen_lr(name, strategy, labels)
            for name, strategy in zip(self.names, self.strategies, strict=True)
            for labels in self.labels
        ]
        pairs = [(name, labels) for name in self.names for labels in self.labels]
        lr_of = dict(zip(pairs, chosen, strict=True))
        # A kept file may hold runs at a learning rate that is no longer the choice: each seed counts once.
        counted = [
            pd.isna(lr) or lr == lr_of[name, labels]
            for name, labels, lr in zip(table.strategy, table.labels, table.lr, strict=True)
        ]
        return table[pd.Series(counted, dtype=bool)].reset_index(drop=True)

    @property
    def tuning(self) -> pd.DataFrame:
        """The finished runs that chose learning rates; here `score` is that of the validation set."""
        table = self._table([TUNING_SEED])
        return table[table.lr.isin(list(self.lrs))].reset_index(drop=True)

    def _table(self, seeds: Sequence[int]) -> pd.DataFrame:
        """The finished runs of these seeds, each once, also where two sessions have done and kept it."""
        wanted = [row for row in self.rows if row["seed"] in seeds and row["labels"] in self.labels]
        table = pd.DataFrame(wanted, columns=COLUMNS).drop_duplicates(["strategy", "labels", "seed", "lr"])
        order = table.strategy.map({name: number for number, name in enumerate(self.names)})
        ordered = table.assign(order=order).sort_values(["order", "labels", "seed", "lr"])
        return ordered.drop(columns="order").reset_index(drop=True)

    def _chosen_lr(self, name: str, strategy: Strategy, labels: int) -> float:
        """The learning rate with the best validation score, or the strategy's own where there is no choice."""
        if not self.lrs or strategy.solved:
            return strategy.lr
        tried = self.tuning
        tried = tried[(tried.strategy == name) & (tried.labels == labels)].dropna(subset="score")
        if tried.empty:
            return self.lrs[0]  # where no learning rate worked, the first one shows in the table why
        best = tried.score.idxmax() if self.task.higher_is_better else tried.score.idxmin()
        return float(tried.lr[best])

    def _planned(self, name: str, strategy: Strategy, labels: int, seed: int) -> dict[str, Any]:
        """What `train_and_test` needs to know of one run."""
        run = {"name": name, "strategy": strategy, "labels": labels, "seed": seed}
        return run | {"task": self.task, "network": environment.network(), "images": environment.images()}

    def _finish(self, runs: list[dict[str, Any]]) -> None:
        """Do those of the runs that are not done, and write each one down as soon as it ends."""
        done = {(row["strategy"], row["labels"], row["seed"], row["lr"]) for row in self.rows}
        runs = [run for run in runs if (run["name"], run["labels"], run["seed"], _lr(run["strategy"])) not in done]
        with closing(unordered(_train_and_test, runs, self.jobs)) as results:
            for row in steps(results, len(runs), "runs"):
                self.rows.append(row)
                if self.keep:
                    add_finished(Path(self.keep), row)

    def _shared(self) -> dict[str, Any]:
        """What finished runs must share with this experiment to be counted in it."""
        # Learning rates are a column of the table, so they may differ from run to run.
        kinds = {name: repr(each.with_lr(1.0)) for name, each in zip(self.names, self.strategies, strict=True)}
        return {"task": self.task.describe(), "strategies": kinds} | made_with(self.task, self.strategies)


def train_and_test(
    name: str, strategy: Strategy, labels: int, seed: int, task: Task, network: str, images: str
) -> dict[str, Any]:
    """Return one run as a row of the table; whatever goes wrong in it is the row's `error`.

    Parameters
    ----------
    name : str
        The strategy's, in the table.
    network, images : str
        The choices of the process that plans the runs: one of its own would choose anew.
    """
    if environment.network() != network:
        os.environ["COURSE_NETWORK"] = network
    if environment.images() != images:
        os.environ["COURSE_IMAGES"] = images
    row = {"strategy": name, "labels": labels, "seed": seed, "lr": _lr(strategy), "metric": task.metric}
    split = "valid" if seed == TUNING_SEED else "test"
    try:
        with peak_memory() as memory:
            score, trained = train_and_score(task, strategy, labels, seed, split=split, cbs=[NoValidation()])
        found = [score, round(trained.seconds, 3), trained.steps, trained.trainable, round(memory.peak / 2**20)]
        return row | dict(zip(MEASURED, found, strict=True)) | {"error": ""}
    except Exception as problem:
        return row | dict.fromkeys(MEASURED) | {"error": f"{type(problem).__name__}: {problem}"}


def _lr(strategy: Strategy) -> float | None:
    """The learning rate, as the table has it: none where an optimum is computed."""
    return None if strategy.solved else float(strategy.lr)


def _listed(strategies: Iterable[Strategy]) -> list[Strategy]:
    """The strategies as a list; a single one, and a class that no settings were given to, are refused."""
    found = list(strategies) if isinstance(strategies, Iterable) else [strategies]
    if not isinstance(strategies, Iterable) or not all(isinstance(each, Strategy) for each in found):
        told = ", ".join(getattr(each, "__name__", type(each).__name__) for each in found)
        raise CourseError(
            f"strategies is {told}: give objects of `training` in a list, such as [Full(epochs=5)].",
            code="experiments.argument",
        )
    return found


def _train_and_test(run: dict[str, Any]) -> dict[str, Any]:
    return train_and_test(**run)
