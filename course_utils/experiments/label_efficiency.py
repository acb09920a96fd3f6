"""How many labels one strategy saves another, and from how many on it is ahead: learning curves read across."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from course_utils.errors import CourseError
from course_utils.tasks.metrics import metric_of

RESAMPLES = 1000


@dataclass(frozen=True)
class Reading:
    """A number read off learning curves, and its 95% interval from resampled seeds.

    Curves have a first and a last point. Infinity says that something isn't reached by the last one, and 0 that it is
    there before the first one; so the interval is never closed by a guess about what lies outside.

    Attributes
    ----------
    value, low, high : float
        Of the mean curves of all seeds, and the 2.5th and 97.5th percentile over resampled seeds.
    least, most : float
        The range that the curves cover.
    """

    value: float
    low: float
    high: float
    least: float
    most: float

    def __str__(self) -> str:
        """Return it as "12 (95% interval 7.5 to more than 50)"."""
        value, low, high = map(self._said, (self.value, self.low, self.high))
        return f"{value} (95% interval {low} to {high})" if low != high else f"{value} (95% interval {low})"

    def _said(self, number: float) -> str:
        if number > self.most:
            return f"more than {_short(self.most)}"
        return f"at most {_short(self.least)}" if number < self.least else _short(number)


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


def label_saving(table: pd.DataFrame, arm: str, baseline: str, labels: int) -> Reading:
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
        that are missing or failed (`experiments.unpaired-runs`), or that come more than once (`experiments.repeated`),
        and fewer than two seeds (`experiments.one-seed`).

    Notes
    -----
    The mean score of the arm is looked up on the mean curve of the baseline (`labels_needed`). For the interval, seeds
    are drawn with replacement, the same ones for both strategies, 1,000 times.
    """
    higher = _check(table, arm, baseline)
    reached, curves = _by_seed(table, arm), _by_seed(table, baseline)
    if labels not in reached:
        raise CourseError(
            f"{arm!r} has no runs with {labels} labels: it has them with {', '.join(map(str, reached.columns))}.",
            code="experiments.unpaired-runs",
        )
    counts = list(curves.columns)

    def factor(chosen: np.ndarray) -> float:
        target = reached[labels].to_numpy()[chosen].mean()
        return labels_needed(counts, curves.to_numpy()[chosen].mean(0), target, higher_is_better=higher) / labels

    return _resampled(factor, len(curves), min(counts) / labels, max(counts) / labels)


def crossing(table: pd.DataFrame, arm: str, baseline: str) -> Reading:
    """Return from how many labels per class on `arm` scores at least as high as `baseline`.

    Parameters
    ----------
    table : pandas.DataFrame
        As `label_saving` takes it, with both strategies at the same numbers of labels.
    arm, baseline : str
        Two strategies of the table.

    Returns
    -------
    Reading
        0 where the arm is ahead with the fewest labels already, infinity where it is behind with the most.

    Raises
    ------
    CourseError
        As `label_saving`.

    Notes
    -----
    The difference of the mean curves is read on a straight line over the logarithm of the labels. Where it changes its
    sign more than once, the last time counts.
    """
    sign = 1 if _check(table, arm, baseline) else -1
    ahead = sign * (_by_seed(table, arm) - _by_seed(table, baseline))
    counts = np.asarray(ahead.columns, dtype=float)

    def meeting(chosen: np.ndarray) -> float:
        lead = ahead.to_numpy()[chosen].mean(0).round(9)
        behind = np.flatnonzero(lead < 0)
        if not len(behind):
            return 0.0
        last = int(behind[-1])
        if last == len(counts) - 1:
            return float("inf")
        share = -lead[last] / (lead[last + 1] - lead[last])
        return float(counts[last] * (counts[last + 1] / counts[last]) ** share)

    return _resampled(meeting, len(ahead), counts.min(), counts.max())


def _check(table: pd.DataFrame, arm: str, baseline: str) -> bool:
    """Refuse a table that can't be read, and tell whether a higher score is a better one."""
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
    runs = table[table.strategy.isin([arm, baseline])]
    if runs.duplicated(["strategy", "labels", "seed"]).any():
        raise CourseError(
            "Some seeds come more than once for a strategy and a number of labels, and the same run again is no "
            "further evidence: give each run once.",
            code="experiments.repeated",
        )
    seeds = {name: sorted(set(table.seed[table.strategy == name])) for name in (arm, baseline)}
    if seeds[arm] != seeds[baseline]:
        raise CourseError(
            f"Both strategies need a run of every seed: {arm!r} has seeds {seeds[arm]}, {baseline!r} has "
            f"{seeds[baseline]}; look for failed runs in the column error.",
            code="experiments.unpaired-runs",
        )
    if len(seeds[arm]) < 2:
        raise CourseError(
            "One seed has no interval: repeat both strategies with more seeds.", code="experiments.one-seed"
        )
    return metric_of(table).higher_is_better


def _by_seed(table: pd.DataFrame, strategy: str) -> pd.DataFrame:
    """A row for each seed, and a column for each number of labels."""
    curves = table[table.strategy == strategy].pivot_table(index="seed", columns="labels", values="score", dropna=False)
    if curves.isna().any(axis=None):
        raise CourseError(
            f"{strategy!r} needs a finished run of every seed with each number of labels: look for failed runs in the "
            "column error.",
            code="experiments.unpaired-runs",
        )
    return curves


def _resampled(read: Callable[[np.ndarray], float], seeds: int, least: float, most: float) -> Reading:
    """Read from all seeds, and from seeds that are drawn with replacement."""
    rng = np.random.default_rng(0)
    readings = [read(rng.integers(0, seeds, seeds)) for _ in range(RESAMPLES)]
    low, high = np.quantile(readings, [0.025, 0.975], method="closest_observation")  # never between 12 and infinity
    return Reading(read(np.arange(seeds)), float(low), float(high), float(least), float(most))


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.1f}"
