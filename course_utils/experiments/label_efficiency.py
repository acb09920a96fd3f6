"""How many labels one strategy saves another: learning curves read at equal accuracy, not at equal labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from course_utils.errors import CourseError
from course_utils.statistics import mean_interval


@dataclass(frozen=True)
class Saving:
    """How many times as many labels the baseline needs: geometric mean over seeds, and its 95% interval.

    beyond: seeds whose baseline never got there with the labels measured. They count as if its most labels had been
        enough, so `factor` and `low` understate the saving, and `high` is infinite.
    below: seeds whose baseline was there with its fewest labels. `factor` and `high` overstate, and `low` is 0.
    """

    factor: float
    low: float
    high: float
    beyond: int = 0
    below: int = 0

    def __str__(self) -> str:
        bound = {(True, False): "at least ", (False, True): "at most ", (True, True): "about "}
        said = f"{bound.get((self.beyond > 0, self.below > 0), '')}{self.factor:.1f} times"
        return f"{said} (95% interval {self.low:.1f} to {'any' if np.isinf(self.high) else f'{self.high:.1f}'})"


def labels_needed(labels: Sequence[float], accuracies: Sequence[float], target: float) -> float:
    """Labels at which a learning curve reaches an accuracy: inf if it never does, 0 if its fewest labels exceed it.

    labels, accuracies: one point of the curve each, at least two, labels above 0. A curve that falls somewhere is
    first replaced by the nearest one that doesn't (isotonic regression, on squared distance); between two points it
    is read on a straight line over the logarithm of the labels.
    """
    labels, accuracies = np.asarray(labels, dtype=float), np.asarray(accuracies, dtype=float)
    usable = labels.ndim == 1 and len(labels) > 1 and labels.shape == accuracies.shape
    if not usable or not np.isfinite([*labels, *accuracies, target]).all() or len(set(labels)) < len(labels):
        raise CourseError(
            "A curve needs an accuracy for each of two or more different numbers of labels, all of them finite: "
            f"these are labels {labels.tolist()}, accuracies {accuracies.tolist()}, target {target}."
        )
    if labels.min() <= 0:
        raise CourseError(f"Labels are counted from 1 upwards, and {labels.min():g} is among them.")
    order = labels.argsort()
    # Rounded, since an average of accuracies is not exactly the accuracy that it equals.
    labels, curve, target = labels[order], isotonic_regression(accuracies[order]).x.round(9), round(float(target), 9)
    if target < curve[0]:
        return 0.0
    if target > curve[-1]:
        return float("inf")
    after = int(np.searchsorted(curve, target))  # the first point that reaches it
    if after == 0:
        return float(labels[0])
    share = (target - curve[after - 1]) / (curve[after] - curve[after - 1])
    return float(labels[after - 1] * (labels[after] / labels[after - 1]) ** share)


def label_saving(table: pd.DataFrame, arm: str, baseline: str, labels: int) -> Saving:
    """How many times as many labels `baseline` needs for the accuracy that `arm` reaches with `labels` of them.

    table: one row a run with the columns strategy, labels, seed and accuracy (0 to 1), as `Experiment.run` gives it.
    Each seed is read by itself: the arm's accuracy on its split, and the baseline's curve on the same split
    (`labels_needed`). The interval is Student's over the logarithms of the seeds' factors.
    Raises CourseError for an unknown strategy, runs that are missing or failed, and fewer than two seeds.
    """
    if missing := [column for column in ("strategy", "labels", "seed", "accuracy") if column not in table]:
        raise CourseError(f"The table lacks the column {', '.join(missing)}: give one row a run, as `run()` does.")
    if unknown := [name for name in (arm, baseline) if name not in set(table.strategy)]:
        known = ", ".join(sorted(set(table.strategy)))
        raise CourseError(f"No run of {', '.join(map(repr, unknown))} is in the table: it has {known}.")
    reached = table[(table.strategy == arm) & (table.labels == labels)].set_index("seed").accuracy
    curves = table[table.strategy == baseline].pivot_table(index="seed", columns="labels", values="accuracy")
    if set(reached.index) != set(curves.index) or curves.isna().any(axis=None) or reached.isna().any():
        raise CourseError(
            f"{arm!r} with {labels} labels and {baseline!r} with each number of labels need a finished run of every "
            f"seed: {arm!r} has seeds {sorted(reached.index)}, {baseline!r} has {sorted(curves.index)}; "
            "look for failed runs in the column error."
        )
    needed = np.array([labels_needed(curves.columns, curves.loc[seed], reached[seed]) for seed in curves.index])
    mean, half = mean_interval(np.log(needed.clip(min(curves.columns), max(curves.columns)) / labels))
    beyond, below = int(np.isinf(needed).sum()), int((needed == 0).sum())
    low = 0.0 if below else float(np.exp(mean - half))
    high = float("inf") if beyond else float(np.exp(mean + half))
    return Saving(float(np.exp(mean)), low, high, beyond, below)
