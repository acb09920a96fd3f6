"""From finished runs to tables of measurements, and ratios with their spread."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import pandas as pd
from comparisons import COMPARISONS, shrink
from journal import Journal

from course_utils.statistics import paired_difference

NAMES = {"ours": "ours", "fastai": "stock fastai", "torch": "plain PyTorch", "limit": "the limit"}
REGIMES = {
    "head": "the head alone, body frozen",
    "full": "all layers",
    "stage 4": "from stage 4 on, beside the others' training of all layers",
    "stage 3": "from stage 3 on, beside the others' training of all layers",
    "probe": "a probe at two depths, beside the others' training of all layers",
}
BESIDE_FULL = ("stage 4", "stage 3", "probe")  # only ours has them
KIND = ["task", "regime", "arm"]
MEASURES = {"epoch": "an epoch", "training": "whole training", "goal": "to the goal", "memory": "peak memory"}


def summary(result: dict) -> str:
    """One line about a run that just ended."""
    seconds = result["seconds"]
    if isinstance(seconds, dict):
        return ", ".join(f"{name} {value:.3f} s" for name, value in seconds.items())
    reached = f", accuracy {result['accuracy'][-1]:.1%}" if result["accuracy"] else ""
    return f"{median_epoch(seconds):.3f} s an epoch{reached}, {result['memory_mb']} MB"


def median_epoch(seconds: Sequence[float]) -> float:
    """The median; the first epoch warms up, and in fine_tune it trains the head alone."""
    return median(seconds[1:] or seconds)


def runs_table(journal: Journal, quick: bool = False) -> pd.DataFrame:
    """A row a training, of those whose learning rate is still the task's.

    Columns: task, regime, arm, seed, settings; seconds: epoch, training (features included), goal (until the test
    accuracy first reached the task's goal, NaN if never); memory in MB; accuracy at the end.
    """
    rows = []
    for what in journal:
        if "arm" not in what:
            continue
        task, result = COMPARISONS[what["task"]], journal[what]
        if what["rate"] != task.lr_of(what["regime"], what["arm"]):
            continue
        elapsed = result["cached"] + np.cumsum(result["seconds"])
        goal = (shrink(task) if quick else task).goal
        reached = [time for time, accuracy in zip(elapsed, result["accuracy"], strict=False) if accuracy >= goal]
        learns = what["arm"] != "limit"
        rows.append(
            {name: what[name] for name in ("task", "regime", "arm", "seed", "settings")}
            | {"epoch": np.nan if what["regime"] == "probe" else median_epoch(result["seconds"])}
            | {"training": elapsed[-1] if learns else np.nan}
            | {"goal": min(reached, default=np.nan), "memory": result["memory_mb"] if learns else np.nan}
            | {"accuracy": result["accuracy"][-1] if learns else np.nan}
        )
    table = pd.DataFrame(rows, columns=["task", "regime", "arm", "seed", "settings", *MEASURES, "accuracy"])
    beside = [
        select(table, regime="full", task=task)[lambda full: full.arm.isin(["fastai", "torch"])].assign(regime=regime)
        for regime in BESIDE_FULL
        for task in table[(table.regime == regime) & (table.arm == "ours")].task.unique()
    ]
    return pd.concat([table, *beside], ignore_index=True)


def ratios_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Other / ours within each repeat: a row for each task, regime, arm, measure and seed."""
    long = runs.melt(["task", "regime", "arm", "seed", "settings"], list(MEASURES), "measure", "value")
    ours = long[long.arm == "ours"].drop(columns="arm")
    paired = long[long.arm != "ours"].merge(
        ours, on=["task", "regime", "seed", "settings", "measure"], suffixes=("", "_ours")
    )
    return paired.assign(ratio=paired.value / paired.value_ours).dropna(subset="ratio").reset_index(drop=True)


def growth_table(journal: Journal) -> pd.DataFrame:
    """A row for each point, repeat and arm: labels, width, size, seed, regime, arm, seconds."""
    rows = [
        {name: what[name] for name in ("labels", "width", "size", "seed")}
        | {"regime": key.split()[0], "arm": key.split()[1], "seconds": seconds}
        for what in journal
        if "arm" not in what
        for key, seconds in journal[what]["seconds"].items()
    ]
    return pd.DataFrame(rows, columns=["labels", "width", "size", "seed", "regime", "arm", "seconds"])


@dataclass(frozen=True)
class Spread:
    """Median and range of some ratios."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{number(self.middle)}× ({number(self.least)}–{number(self.most)})"


def number(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 20 else f"{ratio:.1f}" if ratio >= 3 else f"{ratio:.2f}"


def spread(ratios: Iterable[float]) -> Spread | None:
    values = list(ratios)
    return Spread(median(values), min(values), max(values)) if values else None


def select(table: pd.DataFrame, **columns) -> pd.DataFrame:
    """The rows with these values."""
    for name, value in columns.items():
        table = table[table[name] == value]
    return table


def accuracy_difference(theirs: pd.DataFrame, ours: pd.DataFrame) -> tuple[float, float] | None:
    """Mean of theirs - ours and its 95% half-width over repeats that both have, in points."""
    both = theirs.merge(ours, on=["task", "regime", "seed"], suffixes=("", "_ours"))
    if len(both) < 2:
        return None
    mean, half = paired_difference(both.accuracy, both.accuracy_ours)
    return 100 * mean, 100 * half
