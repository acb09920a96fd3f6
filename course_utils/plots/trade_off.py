"""Figures with a mark for each method: two scores against each other, or a score against the weights that train."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError
from course_utils.plots.tables import need_columns
from course_utils.statistics import mean_interval
from course_utils.tasks.metrics import metric_of

_MARKERS = "osD^vPX*<>"
Mark = tuple[float, float | None, float, float]  # across and half of its interval, up and half of its interval


def plot_trade_off(
    table: pd.DataFrame,
    across: str,
    up: str,
    *,
    by: str = "task",
    arm: str = "strategy",
    path: Sequence[str] = (),
    path_name: str = "on the way",
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show the mean score of each arm on one task against that on another, with both 95% intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run with the columns `by`, `arm`, seed, metric and score.
    across, up : str
        The two values of the column `by`: the horizontal and the vertical axis.
    by, arm : str
        The column that tells the two scores apart, and the one that tells the marks apart.
    path : sequence of str
        Arms that are joined by a line in this order: those at its ends, and between them others, such as mixtures of
        the two, that have small marks and one entry in the legend.
    path_name : str
        What that entry says.

    Raises
    ------
    CourseError
        For a missing column (`plots.column-missing`), several metrics (`tasks.mixed-metrics`), an arm without one of
        the two scores (`plots.no-pair`), and a single run.
    """
    need_columns(table, [by, arm, "seed", "metric", "score"], "give one row a run with these columns")
    metric = metric_of(table)
    runs = {(name, task): own.score for (name, task), own in table.groupby([arm, by], sort=False)}
    names = list(table[arm].unique())
    if lacking := [name for name in names if (name, across) not in runs or (name, up) not in runs]:
        raise CourseError(
            f"{', '.join(lacking)} has no runs for {across} or none for {up}: give both scores of each.",
            code="plots.no-pair",
        )
    points = {name: (*mean_interval(runs[name, across]), *mean_interval(runs[name, up])) for name in names}
    marks = {name: points[name] for name in names if name not in path[1:-1]}
    figure, axis = _marks_figure(marks, f"{across}: {metric.label}", f"{up}: {metric.label}")
    if path:
        look: dict[str, Any] = {"color": "0.35", "marker": ".", "linestyle": "--", "linewidth": 1.5}
        axis.plot(*zip(*(points[name][::2] for name in path), strict=True), **look, label=path_name, zorder=1)
    if metric.is_share:
        _in_percent(axis.xaxis, axis.yaxis)
    figure.legend(loc="outside right center", fontsize="small")  # at the top, a long title would lie on it
    title = title or f"{metric.title}: {up} against {across} (mean, 95% interval)"
    add_title(figure, title)
    told = "; ".join(
        f"{name}: {across} {metric.say(x, x_half)}, {up} {metric.say(y, y_half)}"
        for name, (x, x_half, y, y_half) in points.items()
    )
    show(figure, alt or f"{title}. {told}.")


def plot_by_weights(
    table: pd.DataFrame,
    *,
    weights: str = "weights",
    arm: str = "strategy",
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show the mean score of each arm, with its 95% interval, against how many weights it trains, on a log axis.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run with the columns `arm`, `weights`, metric and score.
    weights, arm : str
        The columns with the number of weights that train and with the name of what trains them.

    Raises
    ------
    CourseError
        For a missing column (`plots.column-missing`), several metrics (`tasks.mixed-metrics`), an arm that trains no
        weight, or several numbers of them (`plots.no-weights`), and a single run.
    """
    need_columns(table, [arm, weights, "metric", "score"], "give one row a run with these columns")
    metric = metric_of(table)
    points = {}
    for name, own in table.groupby(arm, sort=False):
        if own[weights].nunique() != 1 or not own[weights].iloc[0] >= 1:
            raise CourseError(
                f"{name} has {', '.join(map(str, own[weights].unique()))} weights: give each arm one number above 0.",
                code="plots.no-weights",
            )
        points[name] = (int(own[weights].iloc[0]), *mean_interval(own.score.tolist()))
    marks = {name: (count, None, mean, half) for name, (count, mean, half) in points.items()}
    figure, axis = _marks_figure(marks, "weights that train", metric.label)
    axis.set_xscale("log")
    if metric.is_share:
        _in_percent(axis.yaxis)
    figure.legend(loc="outside right center", fontsize="small")  # at the top, a long title would lie on it
    title = title or f"{metric.title} against the number of weights that train (mean, 95% interval)"
    add_title(figure, title)
    told = "; ".join(
        f"{name}: {count:,} weights, {metric.say(mean, half)}" for name, (count, mean, half) in points.items()
    )
    show(figure, alt or f"{title}. {told}.")


def _marks_figure(marks: Mapping[str, Mark], xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """Draw a mark with its intervals for each name, on labelled axes."""
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axis = figure.subplots()
    for number, (name, (x, x_half, y, y_half)) in enumerate(marks.items()):
        look: dict[str, Any] = {"color": f"C{number % 7}", "marker": _MARKERS[number % len(_MARKERS)]}
        axis.errorbar(x, y, xerr=x_half, yerr=y_half, **look, linestyle="none", capsize=3, label=name)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    return figure, axis


def _in_percent(*sides: Axis) -> None:
    for side in sides:
        side.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
