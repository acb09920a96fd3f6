"""Strategies × labels × seeds, each run on a paired split, as a tidy table that grows run by run."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import torch
from fastai.callback.core import Callback, CancelValidException
from fastai.metrics import accuracy
from fastai.torch_core import set_seed
from fastai.vision.learner import vision_learner
from torch import nn
from tqdm.auto import tqdm

from course_utils import data, environment
from course_utils.backbones import default
from course_utils.errors import CourseError
from course_utils.experiments.parallel import unordered
from course_utils.training import Strategy, suit_device

TUNING_SEED = 1000  # a split on which rates are chosen, and on which nothing is compared
COLUMNS = ["strategy", "labels", "seed", "lr", "accuracy", "seconds", "steps", "trainable", "memory_mb", "error"]


@dataclass
class Experiment:
    """Every strategy with every number of labels and every seed; `run()` gives the table.

    strategies: objects of `training`; two of one kind need different `names`
    labels: labelled images a class
    seeds: each seed is a split, an order and a start, and the same one for all strategies: their results are paired
    rates: if given, each strategy chooses one of these learning rates for each number of labels, by the validation
        accuracy of one split that takes no part in the comparison; so all of them spend an equal budget on it
    options: for the data set, such as size, bs, augment and split
    keep: a file that finished runs are written to, so that a later session goes on from there
    jobs: runs at the same time, each in a process of its own
    """

    strategies: Sequence[Strategy]
    labels: Sequence[int]
    seeds: Sequence[int] = tuple(range(5))
    dataset: str = "digits"
    rates: Sequence[float] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    names: Sequence[str] = ()
    arch: Callable[..., nn.Module] | None = None
    keep: Path | str | None = None
    jobs: int = 1
    rows: list[dict] = field(default_factory=list, repr=False)  # finished runs, tuning runs included

    def __post_init__(self) -> None:
        names = list(self.names) or [strategy.name for strategy in self.strategies]
        if not names or not self.labels or not self.seeds:
            raise CourseError("An experiment needs at least one strategy, one number of labels and one seed.")
        if len(names) != len(self.strategies) or len(set(names)) < len(names):
            raise CourseError(
                f"Each strategy needs a name of its own, but these are {', '.join(names)}: give names=[...]."
            )
        if TUNING_SEED in self.seeds:
            raise CourseError(f"Seed {TUNING_SEED} is kept for choosing rates: compare on others.")
        self.names, self.arch = names, self.arch or default()
        if self.keep:
            self.rows += self._read(Path(self.keep))

    def run(self) -> pd.DataFrame:
        """Run what hasn't run yet, and give one row a run.

        accuracy: on the test part, which chose nothing; seconds: of training alone; steps: weight updates
        trainable: weights that train at the end; memory_mb: highest memory over that before the run
        error: why a run failed, "" if it did not
        An interrupt keeps what is finished; `run()` does the rest, and `table` shows what there is.
        """
        if self.rates:
            self._finish(
                [self._run(i, n, TUNING_SEED, rate) for i in self._each for n in self.labels for rate in self.rates]
            )
        self._finish(
            [self._run(i, n, seed, self._rate(i, n)) for n in self.labels for seed in self.seeds for i in self._each]
        )
        return self.table

    @property
    def table(self) -> pd.DataFrame:
        """The finished runs of the comparison, a row each."""
        return self._table(self.seeds)

    @property
    def tuning(self) -> pd.DataFrame:
        """The finished runs that chose learning rates; here `accuracy` is that of the validation part."""
        return self._table([TUNING_SEED])

    def _table(self, seeds: Sequence[int]) -> pd.DataFrame:
        table = pd.DataFrame([row for row in self.rows if row["seed"] in seeds], columns=COLUMNS)
        order = table.strategy.map({name: number for number, name in enumerate(self.names)})
        return (
            table.assign(order=order)
            .sort_values(["order", "labels", "seed", "lr"])
            .drop(columns="order")
            .reset_index(drop=True)
        )

    @property
    def _each(self) -> range:
        return range(len(self.strategies))

    def _rate(self, which: int, labels: int) -> float:
        if not self.rates:
            return self.strategies[which].lr
        tried = self.tuning
        tried = tried[(tried.strategy == self.names[which]) & (tried.labels == labels)].dropna(subset="accuracy")
        # Where no rate worked, the first one shows in the table why.
        return float(tried.lr[tried.accuracy.idxmax()]) if len(tried) else self.rates[0]

    def _run(self, which: int, labels: int, seed: int, rate: float) -> dict:
        """What `train_and_test` needs to know of one run."""
        return {
            "name": self.names[which],
            "strategy": replace(self.strategies[which], lr=rate),
            "labels": labels,
            "seed": seed,
            "dataset": self.dataset,
            "options": dict(self.options),
            "arch": self.arch,
            "profile": environment.profile(),
        }

    def _finish(self, runs: list[dict]) -> None:
        """Do those of the runs that are not done, and write each one down as soon as it ends."""
        done = {(row["strategy"], row["labels"], row["seed"], row["lr"]) for row in self.rows}
        runs = [run for run in runs if (run["name"], run["labels"], run["seed"], run["strategy"].lr) not in done]
        results = unordered(_train_and_test, runs, self.jobs)
        for row in tqdm(results, total=len(runs), desc="runs", leave=False, disable=not runs):
            self.rows.append(row)
            if self.keep:
                with Path(self.keep).open("a") as file:
                    file.write(json.dumps(row) + "\n")

    def _settings(self) -> dict:
        """What finished runs must share with this experiment to be counted in it."""
        kinds = {
            name: repr(replace(strategy, lr=1.0)) for name, strategy in zip(self.names, self.strategies, strict=True)
        }
        return {
            "dataset": self.dataset,
            "options": repr(sorted(self.options.items())),
            "arch": self.arch.__name__,
            "profile": environment.profile(),
            "strategies": kinds,
        }

    def _read(self, file: Path) -> list[dict]:
        """The runs in a file of finished ones, which begins with the settings that they share."""
        settings = self._settings()
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings) + "\n")
            return []
        found = []
        for line in file.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:  # a run that was cut off while it was written: it runs again
                continue
        if not found or found[0] != settings:
            raise CourseError(f"{file.name} holds the runs of another experiment: give another file, or delete it.")
        with file.open("a") as journal:
            journal.write("\n")  # after a line that was cut off
        return found[1:]


def train_and_test(
    name: str,
    strategy: Strategy,
    labels: int,
    seed: int,
    dataset: str,
    options: dict,
    arch: Callable[..., nn.Module],
    profile: str,
) -> dict:
    """One run as a row of the table; whatever goes wrong in it is the row's `error`."""
    if environment.profile() != profile:  # a process of its own chooses anew
        os.environ["COURSE_PROFILE"] = profile
    row = {"strategy": name, "labels": labels, "seed": seed, "lr": strategy.lr}
    nothing = {"accuracy": None, "seconds": None, "steps": None, "trainable": None, "memory_mb": None}
    try:
        set_seed(seed)
        with peak_memory() as memory:
            dls = data.load(dataset, n_per_class=labels, seed=seed, **options)
            learn = vision_learner(dls, arch, pretrained=strategy.pretrained, metrics=accuracy)
            learn.add_cbs([counter := StepCounter(), quick := NoValidation()])
            with learn.no_bar(), learn.no_logging():
                start = time.perf_counter()
                strategy.train(suit_device(learn))
                seconds = time.perf_counter() - start
                learn.remove_cb(quick)
                part = dls.valid if seed == TUNING_SEED else dls.test
                reached = float(learn.validate(dl=part)[1])
        trainable = sum(weight.numel() for weight in learn.model.parameters() if weight.requires_grad)
        found = [reached, round(seconds, 3), counter.steps, trainable, round(memory.peak / 2**20)]
        return row | dict(zip(nothing, found, strict=True)) | {"error": ""}
    except Exception as problem:
        return row | nothing | {"error": f"{type(problem).__name__}: {problem}"}


def _train_and_test(run: dict) -> dict:
    return train_and_test(**run)


class StepCounter(Callback):
    """Counts weight updates."""

    steps = 0

    def after_step(self) -> None:
        self.steps += 1


class NoValidation(Callback):
    """Leaves out the look at the validation part after each epoch, for which nothing here waits."""

    def before_validate(self) -> None:
        raise CancelValidException


@dataclass
class Memory:
    """Bytes over those at the start."""

    peak: int = 0


@contextmanager
def peak_memory(interval: float = 0.02) -> Iterator[Memory]:
    """The most memory that a block of code takes: of a CUDA device if there is one, else of this process, sampled."""
    memory = Memory()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        start = torch.cuda.memory_allocated()
        yield memory
        memory.peak = torch.cuda.max_memory_allocated() - start
        return
    process, ended = psutil.Process(), threading.Event()
    start = process.memory_info().rss

    def sample() -> None:
        while True:
            memory.peak = max(memory.peak, process.memory_info().rss - start)
            if ended.wait(interval):
                return

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield memory
    finally:
        ended.set()
        sampler.join()
