"""How many labels one strategy saves another: learning curves read at equal score, not at equal labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from course_utils.errors import CourseError
from course_utils.statistics import mean_interval
from course_utils.tasks.metrics import metric_of


@dataclass(frozen=True)
class Saving:
    """How many times as many labels the baseline needs: geometric mean over seeds, and its 95% interval.

    Attributes
    ----------
    factor, low, high : float
        Mean and interval.
    beyond : int
        Seeds whose baseline never got there with the labels measured. They count as if its most labels had been
        enough, so `factor` and `low` understate the saving, and `high` is infinite.
    below : int
        Seeds whose baseline was there with its fewest labels. `factor` and `high` overstate, and `low` is 0.
    """

    factor: float
    low: float
    high: float
    beyond: int = 0
    below: int = 0

    def __str__(self) -> str:
        """Return it as "at least 3.1 times (95% interval 2.0 to any)"."""
        bound = {(True, False): "at least ", (False, True): "at most ", (True, True): "about "}
        said = f"{bound.get((self.beyond > 0, self.below > 0), '')}{self.factor:.1f} times"
        return f"{said} (95% interval {self.low:.1f} to {'any' if np.isinf(self.high) else f'{self.high:.1f}'})"


def labels_needed(
    labels: Sequence[float], scores: Sequence[float], target: float, *, higher_is_better: bool = True
) -> float:
    """Return the labels at which a learning curve reaches a score.

    Parameters
    ----------
    labels, scores : sequence of float
        One point of the curve each, at least two, labels above 0.
    target : float
        The score to reach.
    higher_is_better : bool
        False for a metric that shrinks with learning, such as a loss.

    Returns
    -------
    float
        Infinity if the curve never gets there, 0 if it is beyond the target with its fewest labels.

    Raises
    ------
    CourseError
        For what is no curve (`experiments.no-curve`).

    Notes
    -----
    A curve that gets worse somewhere is first replaced by the nearest one that doesn't (isotonic regression, on squared
    distance); between two points it is read on a straight line over the logarithm of the labels.
    """
    x, y = np.asarray(labels, dtype=float), np.asarray(scores, dtype=float)
    usable = x.ndim == 1 and len(x) > 1 and x.shape == y.shape
    if not usable or not np.isfinite([*x, *y, target]).all() or len(set(x)) < len(x):
        raise CourseError(
            "A curve needs a score for each of two or more different numbers of labels, all of them finite: "
            f"these are labels {x.tolist()}, scores {y.tolist()}, target {target}.",
            code="experiments.no-curve",
        )
    if x.min() <= 0:
        raise CourseError(
            f"Labels are counted from 1 upwards, and {x.min():g} is among them.", code="experiments.no-curve"
        )
    sign = 1 if higher_is_better else -1
    order = x.argsort()
    # Rounded, since an average of scores is not exactly the score that it equals.
    x, curve = x[order], isotonic_regression(sign * y[order]).x.round(9)
    target = round(sign * float(target), 9)
    if target < curve[0]:
        return 0.0
    if target > curve[-1]:
        return float("inf")
    after = int(np.searchsorted(curve, target))  # the first point that reaches it
    if after == 0:
        return float(x[0])
    share = (target - curve[after - 1]) / (curve[after] - curve[after - 1])
    return float(x[after - 1] * (x[after] / x[after - 1]) ** share)


def label_saving(table: pd.DataFrame, arm: str, baseline: str, labels: int) -> Saving:
    """Return how many times as many labels `baseline` needs for the score that `arm` reaches with `labels` of them.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run with the columns strategy, labels, seed, metric and score, as `Experiment.run` gives it.
    arm, baseline : str
        Two strategies of the table.
    labels : int
        Labels per class of the arm.

    Raises
    ------
    CourseError
        For a missing column (`experiments.column-missing`), an unknown strategy (`experiments.unknown-strategy`), runs
        that are missing or failed (`experiments.unpaired-runs`), and fewer than two seeds.

    Notes
    -----
    Each seed is read by itself: the arm's score on its split, and the baseline's curve on the same split
    (`labels_needed`). The interval is Student's over the logarithms of the seeds' factors.
    """
    if missing := [column for column in ("strategy", "labels", "seed", "metric", "score") if column not in table]:
        raise CourseError(
            f"The table lacks the column {', '.join(missing)}: give one row a run, as `run()` does.",
            code="experiments.column-missing",
        )
    if unknown := [name for name in (arm, baseline) if name not in set(table.strategy)]:
        known = ", ".join(sorted(set(table.strategy)))
        raise CourseError(
            f"No run of {', '.join(map(repr, unknown))} is in the table: it has {known}.",
            code="experiments.unknown-strategy",
        )
    higher = metric_of(table).higher_is_better
    reached = table[(table.strategy == arm) & (table.labels == labels)].set_index("seed").score
    curves = table[table.strategy == baseline].pivot_table(index="seed", columns="labels", values="score")
    if set(reached.index) != set(curves.index) or curves.isna().any(axis=None) or reached.isna().any():
        raise CourseError(
            f"{arm!r} with {labels} labels and {baseline!r} with each number of labels need a finished run of every "
            f"seed: {arm!r} has seeds {sorted(reached.index)}, {baseline!r} has {sorted(curves.index)}; "
            "look for failed runs in the column error.",
            code="experiments.unpaired-runs",
        )
    counts = list(curves.columns)
    needed = np.array(
        [labels_needed(counts, curves.loc[seed], reached[seed], higher_is_better=higher) for seed in curves.index]
    )
    factors = needed.clip(min(counts), max(counts)) / labels
    mean, half = mean_interval(np.log(factors).tolist())
    beyond, below = int(np.isinf(needed).sum()), int((needed == 0).sum())
    low = 0.0 if below else float(np.exp(mean - half))
    high = float("inf") if beyond else float(np.exp(mean + half))
    return Saving(float(np.exp(mean)), low, high, beyond, below)
