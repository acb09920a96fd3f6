"""A figure of all runs of an experiment: a mean and its 95% interval for each strategy, number of labels and rate."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from course_utils.display.figures import add_title
from course_utils.statistics import mean_interval

_MARKERS = "osD^vPX*<>"
Choice = tuple[str, int, float | None]  # strategy, labels, and the rate where a strategy was run with several


def runs_figure(runs: Mapping[Choice, pd.Series], what: str) -> tuple[Figure, str, dict[Choice, tuple[float, float]]]:
    """Return the figure, its alternative text, and where each mean lies: shares of the width and height, from top left.

    `runs`: the accuracies (0 to 1) of each choice; a single run has no interval. `what`: the name of the accuracy.
    A panel for each number of labels where there are several rates, else one panel with the labels along its axis.
    """
    strategies, labels, rates = (list(dict.fromkeys(choice[i] for choice in runs)) for i in range(3))
    labels, rates = sorted(labels), sorted(rates, key=lambda rate: rate or 0)
    by_rate = rates != [None]
    panels, along = (labels, rates) if by_rate else ([None], labels)
    figure = Figure(figsize=(max(7.2, 2.6 * len(panels)), 4.6), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    points, told = {}, []
    for number, strategy in enumerate(strategies):
        aside = (
            (number - (len(strategies) - 1) / 2) * 0.7 / len(strategies)
        )  # beside each other, so that none is hidden
        for axis, panel in zip(axes, panels, strict=True):
            line = []
            for place, value in enumerate(along):
                choice = (strategy, panel, value) if by_rate else (strategy, value, None)
                if choice in runs:
                    mean, half = spread(runs[choice])
                    line.append((place + aside, mean, 0 if half is None else half))
                    points[choice] = axis, (place + aside, mean)
                    told.append(f"{name_of(choice)}: {said(mean, half)}")
            if line:
                x, mean, half = np.array(line).T
                look = {"color": f"C{number % 7}", "marker": _MARKERS[number % len(_MARKERS)]}
                axis.errorbar(x, mean, half, **look, linestyle="none", label=strategy)
    for axis, panel in zip(axes, panels, strict=True):
        axis.set_xticks(range(len(along)), [f"{value:g}" for value in along])
        axis.set_xlim(-0.6, len(along) - 0.4)
        axis.set_xlabel("learning rate" if by_rate else "labels per class")
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        if by_rate:
            axis.set_title(f"{panel} labels", fontweight="normal", fontsize="medium")
    axes[0].set_ylabel(what)
    legend = {label: mark for axis in axes for mark, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=3, fontsize="small")
    repeated = any(len(accuracies) > 1 for accuracies in runs.values())
    title = f"{what.capitalize()} by strategy ({'mean, 95% interval' if repeated else 'one run each'})"
    add_title(figure, title)
    figure.draw_without_rendering()  # settles the layout, and so where the points are
    share = figure.transSubfigure.inverted()
    seen = {choice: share.transform(axis.transData.transform(point)) for choice, (axis, point) in points.items()}
    return figure, f"{title}. {'; '.join(told)}.", {choice: (x, 1 - y) for choice, (x, y) in seen.items()}


def spread(accuracies: pd.Series) -> tuple[float, float | None]:
    """Mean and half-width of the 95% interval, which a single run doesn't have."""
    return mean_interval(accuracies) if len(accuracies) > 1 else (float(accuracies.iloc[0]), None)


def said(mean: float, half: float | None) -> str:
    """Mean and interval in words; a half-width is in points."""
    return f"{mean:.1%}" if half is None else f"{mean:.1%} ± {100 * half:.1f}"


def name_of(choice: Choice) -> str:
    """A choice in words."""
    strategy, labels, rate = choice
    return f"{strategy} at {labels} labels per class" + ("" if rate is None else f", rate {rate:g}")
