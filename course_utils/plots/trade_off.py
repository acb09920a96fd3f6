"""A figure of two scores against each other, for methods that gain in one what they lose in the other."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError
from course_utils.plots.tables import need_columns
from course_utils.statistics import mean_interval
from course_utils.tasks.metrics import metric_of

_MARKERS = "osD^vPX*<>"


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
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axis = figure.subplots()
    if path:
        line = [points[name][::2] for name in path]
        look: dict[str, Any] = {"color": "0.35", "marker": ".", "linestyle": "--", "linewidth": 1.5}
        axis.plot(*zip(*line, strict=True), **look, label=path_name, zorder=1)
    for number, name in enumerate(name for name in names if name not in path[1:-1]):
        x, x_half, y, y_half = points[name]
        look = {"color": f"C{number % 7}", "marker": _MARKERS[number % len(_MARKERS)]}
        axis.errorbar(x, y, xerr=x_half, yerr=y_half, **look, linestyle="none", capsize=2, label=name)
    if metric.is_share:
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axis.set(xlabel=f"{across}: {metric.label}", ylabel=f"{up}: {metric.label}")
    figure.legend(loc="outside right upper", fontsize="small")
    title = title or f"{metric.title}: {up} against {across} (mean, 95% interval)"
    add_title(figure, title)
    told = "; ".join(
        f"{name}: {across} {metric.say(x, x_half)}, {up} {metric.say(y, y_half)}"
        for name, (x, x_half, y, y_half) in points.items()
    )
    show(figure, alt or f"{title}. {told}.")
