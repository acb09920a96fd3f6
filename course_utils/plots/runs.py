"""A figure of all runs of an experiment: a mean and its 95% interval for each strategy, number of labels and lr."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.display.figures import add_title
from course_utils.plots.accuracy import format_axis
from course_utils.statistics import mean_interval
from course_utils.tasks.metrics import Metric

_MARKERS = "osD^vPX*<>"
Choice = tuple[str, int, float | None]  # strategy, labels, and the learning rate where a strategy ran with several
Point = tuple[float, float]  # across and up


def runs_figure(
    runs: Mapping[Choice, pd.Series], metric: Metric, split: str = ""
) -> tuple[Figure, str, dict[Choice, Point]]:
    """Draw the scores of each choice: a panel for each number of labels if lrs differ, else labels along one axis.

    Parameters
    ----------
    runs : mapping
        The scores of each choice; a single run has no interval.
    metric : Metric
        What the scores measure.
    split : str
        "validation" where the scores are not those of the test set.

    Returns
    -------
    figure : Figure
    text : str
        The alternative text.
    points : dict
        Where each mean lies: shares of the figure's width and height, from top left.
    """
    strategies = list(dict.fromkeys(strategy for strategy, _, _ in runs))
    labels = sorted({number for _, number, _ in runs})
    lrs = sorted({lr for _, _, lr in runs if lr is not None})
    panels: list[Any] = labels if lrs else [None]
    along: list[Any] = lrs or labels
    figure = Figure(figsize=(max(7.2, 2.6 * len(panels)), 4.6), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    points: dict[Choice, tuple[Axes, Point]] = {}
    told = []
    for number, strategy in enumerate(strategies):
        # Beside each other, so that none is hidden.
        aside = (number - (len(strategies) - 1) / 2) * 0.7 / len(strategies)
        for axis, panel in zip(axes, panels, strict=True):
            line = []
            for index, value in enumerate(along):
                choice = (strategy, panel, value) if lrs else (strategy, value, None)
                if choice in runs:
                    mean, half = mean_and_half_width(runs[choice])
                    below, above = (half or 0.0,) * 2
                    if metric.is_share:  # an interval may reach beyond what a share can be
                        below, above = min(below, max(mean, 0.0)), min(above, max(1 - mean, 0.0))
                    line.append((index + aside, mean, below, above))
                    points[choice] = axis, (index + aside, mean)
                    told.append(f"{name_of(choice)}: {metric.say(mean, half)}")
            if line:
                x, means, *halves = np.array(line).T
                look = {"color": f"C{number % 7}", "marker": _MARKERS[number % len(_MARKERS)]}
                axis.errorbar(x, means, halves, **look, linestyle="none", label=strategy)
    for axis, panel in zip(axes, panels, strict=True):
        axis.set_xticks(range(len(along)), [f"{value:g}" for value in along])
        axis.set_xlim(-0.6, len(along) - 0.4)
        axis.set_xlabel("learning rate" if lrs else "labels per class")
        format_axis(axis, metric)
        if lrs:
            axis.set_title(f"{panel} labels", fontweight="normal", fontsize="medium")
    axes[0].set_ylabel(f"{split} {metric.label}".strip())
    legend = {label: mark for axis in axes for mark, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=3, fontsize="small")
    repeated = any(len(scores) > 1 for scores in runs.values())
    what = f"{split.capitalize()} {metric.name}" if split else metric.title
    title = f"{what} by strategy ({'mean, 95% interval' if repeated else 'one run each'})"
    add_title(figure, title)
    figure.draw_without_rendering()  # settles the layout, and so where the points are
    share = figure.transSubfigure.inverted()
    seen = {choice: share.transform(axis.transData.transform(point)) for choice, (axis, point) in points.items()}
    return figure, f"{title}. {'; '.join(told)}.", {choice: (x, 1 - y) for choice, (x, y) in seen.items()}


def mean_and_half_width(scores: pd.Series) -> tuple[float, float | None]:
    """Return the mean and the half-width of the 95% interval, which a single run doesn't have."""
    return mean_interval(scores) if len(scores) > 1 else (float(scores.iloc[0]), None)


def name_of(choice: Choice) -> str:
    """Return a choice in words."""
    strategy, labels, lr = choice
    return f"{strategy} at {labels} labels per class" + ("" if lr is None else f", learning rate {lr:g}")
