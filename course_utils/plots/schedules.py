"""Figures of schedules: how the learning rate, or another setting of the optimiser, moves from step to step."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError
from course_utils.plots.tables import need_columns

_CALLED = {"lr": "learning rate", "mom": "momentum"}
_MOST_ACROSS = 3  # panels in a row
_PALE: dict[str, Any] = {"alpha": 0.4, "linewidth": 1.4}  # how a frozen group is drawn


def plot_schedules(
    tables: pd.DataFrame | Mapping[str, pd.DataFrame],
    value: str = "lr",
    *,
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show a setting of the optimiser over the steps of training, a line for each parameter group.

    The axis of a learning rate is logarithmic. Where a column `frozen` is true, the line is thin and pale, and a dotted
    line stands where it changes.

    Parameters
    ----------
    tables : DataFrame or mapping of str to DataFrame
        One row a step and group, with the columns step, group and `value`; or several such tables by name, drawn in a
        panel each on common axes.
    value : str
        The column to draw: "lr", "mom" or any other.
    title : str, optional
        Title of the figure; derived from the data if left out.
    alt : str, optional
        Alternative text for those who can't see the figure; derived from the data if left out.

    Raises
    ------
    CourseError
        If a table lacks a column or has no rows.
    """
    tables = tables if isinstance(tables, Mapping) else {"": tables}
    for table in tables.values():
        _check(table, value)
    down, across = -(-len(tables) // _MOST_ACROSS), min(len(tables), _MOST_ACROSS)
    size = (6.8, 4.2) if len(tables) == 1 else (3.0 * across + 0.6, 2.5 * down + 1.2)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flatten()
    told = []
    legend: dict[str, Line2D] = {}
    for axis, (name, table) in zip(panels, tables.items(), strict=False):
        told.append(f"{f'{name}: ' if name else ''}{_draw(axis, table, value, legend)}")
        axis.set_title(name, fontweight="normal", fontsize="medium")
    for axis in panels[len(tables) :]:
        axis.remove()
    called = _CALLED.get(value, value)
    for axis in panels[max(len(tables) - across, 0) : len(tables)]:  # a label of the figure would lie on the legend
        axis.set_xlabel("training step")
    figure.supylabel(called, fontsize="medium")
    figure.legend(list(legend.values()), list(legend), loc="outside lower center", ncols=4)
    title = title or f"{called[0].upper()}{called[1:]} over the steps, by parameter group"
    add_title(figure, title)
    show(figure, alt or f"{title}. {'; '.join(told)}.")


def _draw(axis: Axes, table: pd.DataFrame, value: str, legend: dict[str, Line2D]) -> str:
    """Draw one panel, add what is new to the legend, and say in words what the panel shows."""
    told, changes, looks = [], set(), list(matplotlib.rcParams["axes.prop_cycle"])
    for number, (group, line) in enumerate(table.groupby("group", sort=False)):
        line = line.sort_values("step")
        frozen = line["frozen"].to_numpy(bool) if "frozen" in line else np.zeros(len(line), bool)
        changes |= set(line["step"].iloc[1:][frozen[1:] != frozen[:-1]])
        look = looks[number % len(looks)]
        # Each state is one line with gaps, so that none joins two stretches over the other state.
        axis.plot(line["step"], line[value].where(frozen), color=look["color"], linestyle="-", **_PALE)
        (drawn,) = axis.plot(line["step"], line[value].where(~frozen), **look)
        legend.setdefault(str(group), drawn)
        if frozen.any():
            legend["pale: frozen"] = Line2D([], [], color="0.3", linestyle="-", **_PALE)
        highest = line.loc[line[value].idxmax()]
        still = f", frozen in {frozen.sum()} of {len(line)} steps" if frozen.any() else ""
        told.append(f"{group} at most {highest[value]:.2g} in step {highest['step']:g}{still}")
    for step in changes:
        axis.axvline(step - 0.5, color="0.35", linestyle=(0, (1, 2)), linewidth=1.2)
    if value == "lr":
        axis.set_yscale("log")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    return ", ".join(told)


def _check(table: pd.DataFrame, value: str) -> None:
    need_columns(table, ("step", "group", value), "give one row a step and parameter group")
    if table.empty:
        raise CourseError(
            "The table has no rows, so there is no schedule to draw: record at least one training step.",
            code="plots.empty-table",
        )
