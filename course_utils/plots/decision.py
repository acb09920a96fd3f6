"""A decision chart: for each row and column the arm to choose, or a tie where the runs don't tell the arms apart."""

import textwrap

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError
from course_utils.plots.accuracy import said_column
from course_utils.plots.tables import need_columns
from course_utils.statistics import paired_difference
from course_utils.tasks.metrics import metric_of

# The palette's hues, pale enough for black ink.
_PALE = ["#B3D4E8", "#F8E0A8", "#B2DFD0", "#F3C9A5", "#EFD3E2", "#D5ECF8", "#D9D9D9"]
_TIE = ("#FFFFFF", "//")


def decisions(
    table: pd.DataFrame, rows: str = "target", columns: str = "labels", *, arm: str = "strategy"
) -> pd.DataFrame:
    """Find the best arm of each cell, and which arms the paired runs don't tell from it.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run with the columns `rows`, `columns`, `arm`, seed, metric and score. In every cell each arm has run
        with the same seeds, at least two.
    rows, columns, arm : str
        The columns of the table that span the chart, and the one that is decided on.

    Returns
    -------
    pandas.DataFrame
        A row a cell, in order of appearance: best (the arm of the best mean, by the metric's direction), lead and
        half_width (by how much best is better than the second, paired by seed, with its 95% interval), and tied, a
        tuple of the arms whose difference from the best has an interval that covers zero, the best one first; alone,
        it leads clearly.

    Raises
    ------
    CourseError
        For a missing column (`plots.column-missing`), several metrics (`tasks.mixed-metrics`), a single arm, or runs
        that can't be paired (`plots.unpaired-arms`).
    """
    need_columns(table, [rows, columns, arm, "seed", "metric", "score"], "give one row a run with these columns")
    sign = 1 if metric_of(table).higher_is_better else -1
    found = []
    for (row, column), cell in table.groupby([rows, columns], sort=False):
        runs = sign * cell.pivot_table(index="seed", columns=arm, values="score", sort=False)
        if runs.shape[1] < 2 or runs.isna().any(axis=None):
            raise CourseError(
                f"The arms at {row}, {column} ({', '.join(map(str, runs.columns))}) can't be paired: "
                "run at least two arms on the same seeds.",
                code="plots.unpaired-arms",
            )
        order = runs.mean().sort_values(ascending=False, kind="stable").index
        over = {other: paired_difference(runs[order[0]], runs[other]) for other in order[1:]}
        tied = (order[0], *(other for other, (mean, half) in over.items() if mean <= half))
        found.append((row, column, order[0], *over[order[1]], tied))
    return pd.DataFrame(found, columns=[rows, columns, "best", "lead", "half_width", "tied"])


def plot_decision(
    table: pd.DataFrame,
    rows: str = "target",
    columns: str = "labels",
    *,
    arm: str = "strategy",
    xlabel: str | None = None,
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show which arm to choose in each row and column, with its lead over the second in points or in the metric's unit.

    A cell is hatched and says "tie" where the interval of the lead covers zero; below stand the arms that tie.

    Parameters
    ----------
    table : pandas.DataFrame
        As in `decisions`, which raises for what is missing.
    rows, columns, arm : str
        As in `decisions`.
    xlabel : str, optional
        What `columns` holds; "labels per class" for labels if left out.
    """
    chosen, metric = decisions(table, rows, columns, arm=arm), metric_of(table)
    arms, down, across = (list(dict.fromkeys(values)) for values in (table[arm], chosen[rows], chosen[columns]))
    across = sorted(across)
    figure = Figure(figsize=(2.4 + 2.2 * len(across), 1.9 + 0.75 * len(down)), layout="constrained")
    axis = figure.subplots()
    told = []
    for cell in chosen.to_dict("records"):
        x, y = across.index(cell[columns]), down.index(cell[rows])
        best, tie = cell["best"], len(cell["tied"]) > 1
        lead = metric.say_lead(cell["lead"], cell["half_width"])
        names = "tie: " + ", ".join(map(str, cell["tied"])) if tie else f"{best} {lead}"
        colour, hatch = _TIE if tie else (_PALE[arms.index(best) % len(_PALE)], "")
        axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, hatch=hatch, edgecolor="0.8", linewidth=2))
        said = textwrap.fill(names, 20) if tie else f"{best}\n{lead}"
        box = {"facecolor": colour, "edgecolor": "none", "pad": 1.5}
        axis.text(
            x, y, said, ha="center", va="center", fontsize="small", fontweight="normal" if tie else "bold", bbox=box
        )
        told.append(f"{cell[rows]}, {cell[columns]}: {names}")
    axis.set(xlim=(-0.5, len(across) - 0.5), ylim=(len(down) - 0.5, -0.5))
    axis.set_xticks(range(len(across)), across)
    axis.set_yticks(range(len(down)), down)
    axis.grid(False)
    axis.set(xlabel=xlabel or said_column(columns))
    leaders = [name for name in arms if ((chosen.best == name) & (chosen.tied.map(len) == 1)).any()]
    marks = [
        Patch(facecolor=_PALE[arms.index(name) % len(_PALE)], edgecolor="0.8", label=str(name)) for name in leaders
    ]
    marks.append(Patch(facecolor=_TIE[0], hatch=_TIE[1], edgecolor="0.8", label="tie"))
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), fontsize="small")
    title = title or f"What to choose, and its lead in {metric.unit}"
    add_title(figure, title)
    show(figure, alt or f"{title}. {'; '.join(told)}.")
