"""Figures about a network's weights: which blocks train, and how far each layer moved."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError
from course_utils.plots.tables import need_columns

_ADVICE = "give what surgery.describe or surgery.drift returns"
# (colour, hatch) of each state: in grey print the hatch still tells them apart.
_STATES = {"trains": ("#E69F00", ""), "in part": ("#F5DDA6", ".."), "frozen": ("#B5CDE0", "//")}


def plot_network(table: pd.DataFrame, *, title: str | None = None, alt: str | None = None) -> None:
    """Draw a network block by block, from input to output, and show which blocks train.

    A box is as high as its feature maps, on a logarithmic scale; below it stand the shape of its output and its number
    of parameters.

    Parameters
    ----------
    table : DataFrame
        What `surgery.describe` returns, with the columns block, output, parameters and trainable.
    title : str, optional
        Title of the figure; derived from the data if left out.
    alt : str, optional
        Alternative text for those who can't see the figure; derived from the data if left out.
    """
    need_columns(table, ["block", "output", "parameters", "trainable"], _ADVICE)
    figure = Figure(figsize=(max(1.25 * len(table), 5), 3.6), layout="constrained")
    axis = figure.subplots()
    told = []
    for column, row in enumerate(table.itertuples()):
        state = "frozen" if not row.trainable else "trains" if row.trainable == row.parameters else "in part"
        colour, hatch = _STATES[state]
        height = 1 + np.log2(row.output[-1]) if len(row.output) == 3 else 1
        corner = (column - 0.4, -height / 2)
        axis.add_patch(Rectangle(corner, 0.8, height, facecolor=colour, hatch=hatch, edgecolor="0.35", linewidth=1))
        below = f"{row.block}\n{_shape(row.output)}\n{_thousands(row.parameters)}"
        axis.text(column, -3.6, below, ha="center", va="top", fontsize="small")
        told.append(f"{row.block} {state} ({row.trainable:,} of {row.parameters:,})")
    axis.annotate("", (len(table) - 0.35, 0), (-0.75, 0), arrowprops={"arrowstyle": "->", "color": "0.35"}, zorder=0)
    axis.set(xlim=(-0.8, len(table) - 0.3), ylim=(-6.4, 3.6))
    axis.set_axis_off()
    marks = [Patch(facecolor=c, hatch=h, edgecolor="0.35", label=state) for state, (c, h) in _STATES.items()]
    axis.legend(handles=marks, loc="upper right", ncols=3, bbox_to_anchor=(1, 1.12))
    total = f"{table.trainable.sum():,} of {table.parameters.sum():,} weights train"
    add_title(figure, title or total)
    show(figure, alt or f"{f'{title}. ' if title else ''}{total}. From input to output: {'; '.join(told)}.")


def plot_drift(
    tables: pd.DataFrame | Mapping[str, pd.DataFrame],
    kind: str = "weight",
    *,
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show how far each layer moved, from the first to the last one: a line for each table.

    The axis is logarithmic; layers that did not move at all stand on its floor, at the tick labelled 0.

    Parameters
    ----------
    tables : DataFrame or mapping of str to DataFrame
        What `surgery.drift` returns, or several such tables by the name of what was done.
    kind : str
        Kind of tensors to show: "weight", "affine" or "statistics".
    title : str, optional
        Title of the figure; derived from the data if left out.
    alt : str, optional
        Alternative text for those who can't see the figure; derived from the data if left out.

    Raises
    ------
    CourseError
        If a table has no rows of this kind.
    """
    tables = tables if isinstance(tables, Mapping) else {"": tables}
    figure = Figure(layout="constrained")
    axis = figure.subplots()
    chosen = {}
    for name, table in tables.items():
        need_columns(table, ["layer", "kind", "change"], _ADVICE)
        chosen[name] = table[table.kind == kind]
        if chosen[name].empty:
            raise CourseError(
                f"The table has no rows of kind {kind!r}: give one of {', '.join(table.kind.unique())}.",
                code="plots.unknown-kind",
            )
    moved = pd.concat(chosen.values()).change
    finite = moved[np.isfinite(moved) & (moved > 0)]
    lowest, highest = (finite.min(), finite.max()) if len(finite) else (1e-3, 1.0)
    floor, ceiling = lowest / 4, highest * 2
    told = []
    for number, (name, table) in enumerate(chosen.items()):
        heights = table.change.replace(np.inf, ceiling).clip(lower=floor)
        marker = "osD^vP"[number % 6]
        axis.plot(range(len(table)), heights, marker=marker, label=name or None)
        still = (table.change == 0).sum()
        most = table.loc[table.change.idxmax()]
        told.append(
            f"{f'{name}: ' if name else ''}{still} of {len(table)} did not move"
            + (f", {most.layer} moved most ({most.change:.2g})" if most.change else "")
        )
    axis.set_yscale("log")
    decades = np.arange(np.floor(np.log10(lowest)), np.ceil(np.log10(highest)) + 1)
    ticks = [t for t in np.outer(10.0**decades, [1, 3] if len(decades) < 5 else [1]).flat if lowest <= t <= ceiling]
    axis.set_yticks([floor, *ticks], ["0", *(f"{tick:g}" for tick in ticks)])
    axis.minorticks_off()
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="layer, from input to output", ylabel="relative change", ylim=(floor / 1.5, ceiling * 1.5))
    if len(tables) > 1:
        axis.legend()
    title = title or "How far each layer moved"
    add_title(figure, title)
    show(figure, alt or f"{title} (length of the difference over that of the start). {'; '.join(told)}.")


def _shape(output: tuple[int, ...]) -> str:
    return " × ".join(map(str, output))


def _thousands(count: int) -> str:
    for size, unit in ((10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return str(count)
