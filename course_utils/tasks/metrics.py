"""Metrics by name: which direction is better, how a score is written, and how fastai computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from course_utils.errors import CourseError

if TYPE_CHECKING:
    import pandas as pd


def _accuracy() -> Callable[..., Any]:
    from fastai.metrics import accuracy

    return accuracy


def _balanced_accuracy() -> Any:
    from fastai.metrics import BalancedAccuracy

    return BalancedAccuracy()


def _average_precision(name: str) -> Callable[[], Any]:
    def make() -> Any:
        from course_utils.tasks.boxes.average_precision import AveragePrecision

        return AveragePrecision(name)

    return make


@dataclass(frozen=True)
class Metric:
    """What a column of scores means.

    Parameters
    ----------
    name : str
        As in the column `metric`.
    higher_is_better : bool
        Whether a higher score is a better one.
    is_share : bool
        Whether scores lie between 0 and 1 and are written as percentages, with differences in points.
    for_fastai : callable, optional
        Makes what a Learner takes among its `metrics`; None where ours don't compute it yet.
    """

    name: str
    higher_is_better: bool = True
    is_share: bool = True
    for_fastai: Callable[[], Any] | None = None

    @property
    def label(self) -> str:
        """The label of an axis, with its unit."""
        return f"{self.name} (%)" if self.is_share else self.name

    @property
    def title(self) -> str:
        """The name as the beginning of a title."""
        return self.name[0].upper() + self.name[1:]

    def say(self, mean: float, half_width: float | None = None) -> str:
        """Write a score and the half-width of its interval: "82.0% ± 1.3", or "1.234 ± 0.015"."""
        if self.is_share:
            return f"{mean:.1%}" if half_width is None else f"{mean:.1%} ± {100 * half_width:.1f}"
        return f"{mean:.4g}" if half_width is None else f"{mean:.4g} ± {half_width:.2g}"

    def say_lead(self, lead: float, half_width: float) -> str:
        """Write by how much one score is better than another: "+1.3 ± 0.4", in points where scores are shares."""
        if self.is_share:
            return f"{100 * lead:+.1f} ± {100 * half_width:.1f}"
        return f"{lead:+.3g} ± {half_width:.2g}"

    @property
    def unit(self) -> str:
        """What a difference of two scores is counted in."""
        return "points" if self.is_share else self.name


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", for_fastai=_accuracy),
        Metric("balanced accuracy", for_fastai=_balanced_accuracy),
        Metric("precision"),
        Metric("recall"),
        Metric("F1"),
        Metric("ROC AUC", is_share=False),
        Metric("average precision"),
        Metric("card precision"),
        Metric("recall@10"),
        Metric("NDCG@10", is_share=False),
        Metric("mean average precision", for_fastai=_average_precision("mean average precision")),
        Metric("mean average precision at 0.5", for_fastai=_average_precision("mean average precision at 0.5")),
        Metric("confidence"),
        Metric("coverage"),
        Metric("coverage of the worst class"),
        Metric("set size", higher_is_better=False, is_share=False),
        Metric("alarms"),
        Metric("calibration error", higher_is_better=False),
        Metric("error rate", higher_is_better=False),
        Metric("word error rate", higher_is_better=False),
        Metric("loss", higher_is_better=False, is_share=False),
        Metric("perplexity", higher_is_better=False, is_share=False),
        Metric("RMSE", higher_is_better=False, is_share=False),
        Metric("MAE", higher_is_better=False, is_share=False),
    )
}


def find_metric(name: str) -> Metric:
    """Return the metric of that name.

    Raises
    ------
    CourseError
        Where there is none (`tasks.unknown-metric`).
    """
    if name not in METRICS:
        raise CourseError(
            f"Nothing is known of a metric {name!r}, such as which direction is better: use one of "
            f"{', '.join(METRICS)}, or register it in METRICS.",
            code="tasks.unknown-metric",
        )
    return METRICS[name]


def metric_of(table: pd.DataFrame) -> Metric:
    """Return the metric that all scores of a table share.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run, with the columns `metric` and `score`.

    Raises
    ------
    CourseError
        For a table without these columns or without rows (`tasks.no-metric`), with several metrics
        (`tasks.mixed-metrics`), or with one that is not registered (`tasks.unknown-metric`).
    """
    if missing := [column for column in ("metric", "score") if column not in table]:
        raise CourseError(
            f"The table lacks the column {', '.join(missing)} and has {', '.join(map(str, table.columns))}: give one "
            "row a run, with what was measured as `metric` and its value as `score`.",
            code="tasks.no-metric",
        )
    names = list(dict.fromkeys(table["metric"]))
    if not names:
        raise CourseError("The table has no rows, so no metric: give one row a run.", code="tasks.no-metric")
    if len(names) > 1:
        raise CourseError(
            f"The table mixes scores of {', '.join(map(str, names))}: select the rows of one metric.",
            code="tasks.mixed-metrics",
        )
    return find_metric(names[0])
