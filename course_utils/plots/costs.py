"""A figure of what training costs at each depth of freezing."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError
from course_utils.plots.tables import need_columns

# (column, name, colour, hatch): in grey print the hatch still tells the parts apart.
_PARTS = [
    ("activations_mb", "memory: activations", "#56B4E9", ""),
    ("gradients_mb", "gradients", "#F5DDA6", "//"),
    ("optimizer_mb", "optimizer", "#DDDDDD", ".."),
]
Box = tuple[float, float, float, float]  # left, top, width and height, as shares of the figure's
_OTHERS = ["depth", "frozen", "trainable", "memory_mb", "seconds", "accuracy", "images"]


def plot_freezing_costs(table: pd.DataFrame, *, title: str | None = None, alt: str | None = None) -> None:
    """Show what a training step costs at each depth of freezing, and what a linear probe reads there.

    Parameters
    ----------
    table : pandas.DataFrame
        What `experiments.freezing_costs` returns.

    Raises
    ------
    CourseError
        For a table without rows (`plots.empty-table`), or of something else (`plots.column-missing`).
    """
    figure, derived, _ = freezing_costs_figure(table, title=title)
    show(figure, alt or derived)


def freezing_costs_figure(table: pd.DataFrame, *, title: str | None = None) -> tuple[Figure, str, dict[str, list[Box]]]:
    """Draw what `plot_freezing_costs` shows.

    Returns
    -------
    figure : Figure
    text : str
        The alternative text.
    boxes : dict
        For each depth the box around its bar in each panel, over the panel's whole height.
    """
    need_columns(table, [*_OTHERS, *(part[0] for part in _PARTS)], "give what freezing_costs returns")
    if table.empty:
        raise CourseError("The table has no rows: give what freezing_costs returns.", code="plots.empty-table")
    figure = Figure(figsize=(7.2, 5.6), layout="constrained")
    (weights, memory), (seconds, probe) = figure.subplots(2, 2, sharex=True)
    millions, ms = table.trainable / 1e6, 1000 * table.seconds
    _bars(weights, millions, [_short(value) for value in millions], "trainable weights, millions")
    _bars(memory, table.memory_mb, [_short(value) for value in table.memory_mb], "memory of a step, MB")
    _bars(seconds, ms, [_short(value) for value in ms], "time of a step, ms")
    right = ["none" if math.isnan(share) else f"{100 * share:.0f}" for share in table.accuracy]
    _bars(probe, table.accuracy, right, "linear probe, % right")
    probe.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    probe.set_ylim(0, 1.15)
    below = pd.Series(0.0, table.index)
    for column, name, colour, hatch in _PARTS:
        look = {"color": colour, "hatch": hatch, "edgecolor": "0.4", "linewidth": 0, "label": name}
        memory.bar(range(len(table)), table[column], bottom=below, **look)
        below = below + table[column]
    # Below the panels, where no mark of a control covers it.
    figure.legend(*memory.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small")
    for axis in (seconds, probe):
        axis.set_xticks(range(len(table)), table.depth, rotation=45, ha="right", rotation_mode="anchor")
        axis.set_xlabel("first block that trains")
    title = title or "What a step costs, and what the frozen part gives"
    add_title(figure, title)
    told = "; ".join(
        f"{row.depth} ({row.frozen} frozen): {row.trainable:,} weights, {row.memory_mb:.1f} MB, "
        f"{1000 * row.seconds:.0f} ms, {'no probe' if math.isnan(row.accuracy) else f'probe {row.accuracy:.1%}'}"
        for row in table.itertuples()
    )
    figure.draw_without_rendering()  # settles the layout, and so where the bars stand
    boxes = {depth: [_box(figure, axis, x) for axis in figure.axes] for x, depth in enumerate(table.depth)}
    return figure, f"{title}. By the first block that trains: {told}.", boxes


def _bars(axis: Axes, heights: pd.Series, labels: Sequence[str], title: str) -> None:
    """Bars with their values above."""
    bars = axis.bar(range(len(heights)), heights.fillna(0), color="#B5CDE0")
    axis.bar_label(bars, labels, padding=2, fontsize="small")
    axis.set_ylim(0, 1.2 * heights.max() if heights.notna().any() else 1)
    axis.grid(False)
    axis.set_title(title, fontsize="medium", fontweight="normal")


def _box(figure: Figure, axis: Axes, x: int) -> Box:
    panel = axis.get_position()
    (left, _), (right, _) = figure.transSubfigure.inverted().transform(
        [axis.transData.transform((x + side, 0)) for side in (-0.48, 0.48)]
    )
    return left, 1 - panel.y1, right - left, panel.height


def _short(value: float) -> str:
    """No more digits than are needed."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
