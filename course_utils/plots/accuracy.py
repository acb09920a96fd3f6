"""Figures of scores: a confusion matrix, and mean scores with 95% intervals against labels, epochs or depth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from course_utils.display.figures import add_title, show
from course_utils.display.pixels import to_numpy
from course_utils.errors import CourseError
from course_utils.plots.tables import need_columns
from course_utils.statistics import mean_interval
from course_utils.tasks.metrics import Metric, metric_of

_WHITE_FROM = 0.65  # of the blues: from here on, white has more contrast than black
# Lines differ in marker and dash too, never in colour alone.
_LOOKS = [("o", "-"), ("s", "--"), ("^", "-."), ("D", ":"), ("v", (0, (6, 1, 1, 1, 1, 1))), ("P", (0, (1, 3)))]


def plot_confusion(matrix: Any, vocab: Sequence[str], *, title: str | None = None, alt: str | None = None) -> None:
    """Show counts of true classes (rows) against predicted classes (columns), shaded by the share of each row.

    Parameters
    ----------
    matrix : array of shape (K, K)
        Counts, as fastai's `ClassificationInterpretation.confusion_matrix()` returns them.
    vocab : sequence
        The K classes.

    Raises
    ------
    CourseError
        For another shape, and for a matrix that counts nothing (`plots.no-confusion`).
    """
    matrix, names = to_numpy(matrix), [str(name) for name in vocab]
    if matrix.shape != (len(names), len(names)) or not matrix.sum():
        raise CourseError(
            f"A confusion matrix counts images in one row and column a class, and this one of shape {matrix.shape} "
            f"counts {matrix.sum():g} for {len(names)} classes: build it from predictions of these classes.",
            code="plots.no-confusion",
        )
    side = min(3.4 + 0.36 * len(names), 8)
    figure = Figure(figsize=(side, side), layout="constrained")
    axis = figure.subplots()
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (true, predicted), count in np.ndenumerate(matrix):
        if count:
            ink = "white" if share[true, predicted] > _WHITE_FROM else "black"
            axis.text(predicted, true, str(count), ha="center", va="center", color=ink, fontsize="small")
    axis.set_xticks(range(len(names)), names, rotation=45 if max(map(len, names)) > 3 else 0)
    axis.set_yticks(range(len(names)), names)
    axis.grid(False)
    right, total = np.trace(matrix), matrix.sum()
    title = title or f"{right} of {total} images are right"
    axis.set(xlabel="predicted class\n(stronger colour: a larger share of its row)", ylabel="true class")
    add_title(figure, title)
    mistakes = matrix - np.diag(np.diag(matrix))
    tied = np.argwhere(mistakes == mistakes.max())
    taken = " and ".join(f"{names[true]} taken for {names[predicted]}" for true, predicted in tied)
    most = int(mistakes.max())
    times = f"{'each ' * (len(tied) > 1)}{most} time{'s' * (most != 1)}"
    worst = f"{taken}, {times}" if mistakes.any() else "none"
    show(
        figure,
        alt
        or f"Confusion matrix of {len(names)} classes: {title} ({right / total:.1%}). Most frequent mistake: {worst}.",
    )


def plot_learning_curve(
    table: pd.DataFrame,
    x: str = "labels",
    *,
    arm: str = "strategy",
    arms: Sequence[str] = (),
    panel: str | None = None,
    xlabel: str | None = None,
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show scores against labels per class, or another column, with 95% intervals: one line an arm.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run with the columns `x`, `arm`, metric and score, at least two runs a point.
    x : str
        The column along the horizontal axis, which is logarithmic for labels and for a learning rate.
    arm : str
        The column that tells the lines apart.
    arms : sequence of str
        Values of that column that keep the same colour, marker and dash in all figures that are given this sequence,
        whichever of them a figure shows. Values that aren't in it follow after them.
    panel : str, optional
        A column whose values get a panel each, side by side.
    xlabel : str, optional
        What the column `x` counts, such as "recordings per word"; "labels per class" for labels if left out.

    Raises
    ------
    CourseError
        For a missing column (`plots.column-missing`), several metrics (`tasks.mixed-metrics`), or a single run.
    """
    need_columns(
        table, [*([panel] if panel else []), arm, x, "metric", "score"], "give one row a run with these columns"
    )
    panels = {"": table}
    if panel:
        panels = {str(value): runs for value, runs in table.groupby(panel, sort=False)}
    metric = metric_of(table)
    figure = Figure(figsize=(6.8, 4.6) if panel else None, layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    told, unit, lines = [], xlabel or said_column(x), {}
    for axis, (where, runs) in zip(axes, panels.items(), strict=True):
        points = _points(runs, [arm, x])[0].sort_values(x, kind="stable")
        for number, name in enumerate(dict.fromkeys([*arms, *table[arm].unique()])):
            line = points[points[arm] == name]
            if line.empty:
                continue  # its look stays free for it
            lines[name] = _draw_line(axis, line[x], line, name, number, metric)
            ends = [f"{_said(point, metric)} at {point[x]}" for _, point in _ends(line, metric)]
            told.append(f"{where}, {name}: {', '.join(ends)}" if where else f"{name}: {', '.join(ends)}")
        if x in ("labels", "learning rate"):
            axis.set_xscale("log")
            axis.minorticks_off()
            axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        if points[x].nunique() <= 10:
            axis.set_xticks(sorted(points[x].unique()))
        axis.set(xlabel=unit)
        axis.set_title(where, fontsize="medium")
    axes[0].set(ylabel=metric.label)
    title = title or f"{metric.title} against {unit} (mean, 95% interval)"
    add_title(figure, title)
    figure.legend(handles=list(lines.values()), loc="outside lower center", ncols=2)  # inside, it lies on the lines
    show(figure, alt or f"{title}. {'; '.join(told)}.")


def plot_differences(
    differences: Mapping[str, tuple[float, float]],
    *,
    against: str = "the reference",
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show differences of a share, such as accuracy, from one reference: a dot and its 95% interval for each.

    Parameters
    ----------
    differences : mapping of str to (float, float)
        Mean difference and half-width of its interval by name, as `statistics.paired_difference` returns them.
    against : str
        What the reference is called.
    """
    names = list(differences)
    means, halves = (100 * np.array(column, float) for column in zip(*differences.values(), strict=True))
    figure = Figure(figsize=(6.8, 1.6 + 0.36 * len(names)), layout="constrained")
    axis = figure.subplots()
    axis.errorbar(means, range(len(names)), xerr=halves, fmt="o")
    axis.axvline(0, color="0.35", linestyle=(0, (1, 2)), linewidth=1.5)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()  # the first on top, as in a table
    axis.set(xlabel=f"percentage points against {against}")
    title = title or "Differences (mean, 95% interval)"
    add_title(figure, title)
    told = "; ".join(f"{name} {mean:+.1f} ± {half:.1f}" for name, mean, half in zip(names, means, halves, strict=True))
    show(figure, alt or f"{title}. Percentage points against {against}: {told}.")


def plot_grid(
    table: pd.DataFrame,
    rows: str = "strategy",
    columns: str = "labels",
    *,
    order: Sequence = (),
    xlabel: str | None = None,
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show the mean score and its 95% interval in a cell for each row and column; the best of each column is in bold.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run with the columns `rows`, `columns`, metric and score, at least two runs a cell. Runs without a
        score are left out, and the alternative text says how many.
    rows, columns : str
        The columns of the table that the grid is spanned by.
    order : sequence
        Values of `columns` from left to right; those that aren't in it follow, sorted.
    xlabel : str, optional
        What `columns` holds, such as "slices per class"; "labels per class" for labels if left out.

    Raises
    ------
    CourseError
        For a missing column (`plots.column-missing`), several metrics (`tasks.mixed-metrics`), or a single run.
    """
    done = table.dropna(subset="score") if "score" in table else table
    points, metric = _points(done, [rows, columns])
    there = sorted(points[columns].unique())
    across = [*(value for value in order if value in there), *(value for value in there if value not in order)]
    down = list(points[rows].unique())
    figure = Figure(figsize=(2.6 + 1.5 * len(across), 1.4 + 0.5 * len(down)), layout="constrained")
    axis = figure.subplots()
    means = points.pivot(index=rows, columns=columns, values="mean").loc[down, across]
    low, high = means.min().min(), means.max().max()
    axis.imshow(means, cmap="Blues", aspect="auto", vmin=low, vmax=high + (high - low) + 0.01)  # pale, for black ink
    best = {column: _best(means[column], metric) for column in across}
    for _, point in points.iterrows():
        weight = "bold" if best[point[columns]] == point[rows] else "normal"
        x, y = across.index(point[columns]), down.index(point[rows])
        axis.text(x, y, _said(point, metric), ha="center", va="center", fontweight=weight, fontsize="small")
    axis.set_xticks(range(len(across)), across)
    axis.set_yticks(range(len(down)), down)
    axis.grid(False)
    axis.set(xlabel=xlabel or said_column(columns))
    title = title or f"{metric.title} (mean, 95% interval)"
    add_title(figure, title)
    chosen = {column: points[(points[columns] == column) & (points[rows] == best[column])].iloc[0] for column in across}
    told = "; ".join(f"{column}: {best[column]} {_said(point, metric)}" for column, point in chosen.items())
    failed = f" {len(table) - len(done)} runs failed and are left out." if len(done) < len(table) else ""
    show(figure, alt or f"{title}. Best by {xlabel or columns}: {told}.{failed}")


def plot_probe_by_depth(
    table: pd.DataFrame,
    chance: Mapping[str, float],
    *,
    pixels: Mapping[str, float] | None = None,
    depths: Sequence[str] | None = None,
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show the score of a linear probe at each depth with 95% intervals: one panel a task, one line a network.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run with the columns task, network, depth, metric and score, at least two runs a point.
    chance : mapping
        The score of guessing, by task.
    pixels : mapping, optional
        The score of a model on raw pixels, by task.
    depths : sequence of str, optional
        The depths from first to last; in order of appearance if left out.

    Raises
    ------
    CourseError
        For a missing column (`plots.column-missing`) or chance level (`plots.chance-missing`), several metrics
        (`tasks.mixed-metrics`), or a single run.
    """
    points, metric = _points(table, ["task", "network", "depth"])
    tasks, networks, found = (list(table[column].unique()) for column in ("task", "network", "depth"))
    depths = list(depths or found)
    if missing := set(tasks) - set(chance):
        raise CourseError(
            f"The chance level of {', '.join(sorted(missing))} is missing: add it to `chance`.",
            code="plots.chance-missing",
        )
    levels = {"chance": (chance, (0, (1, 2)))} | ({"raw pixels": (pixels, (0, (5, 2)))} if pixels else {})
    figure = Figure(figsize=(max(3.2 * len(tasks), 6), 4.6), layout="constrained")
    panels = figure.subplots(1, len(tasks), squeeze=False)[0]
    told = []
    for axis, task in zip(panels, tasks, strict=True):
        for number, name in enumerate(networks):
            line = points[(points["task"] == task) & (points["network"] == name)]
            if line.empty:
                continue
            line = line.sort_values("depth", key=lambda names: names.map(depths.index))
            _draw_line(axis, [depths.index(depth) for depth in line["depth"]], line, name, number, metric)
            ends = [f"{_said(point, metric)} at {point['depth']}" for _, point in _ends(line, metric)]
            told.append(f"{task}, {name}: {', '.join(ends)}")
        for label, (level, dash) in levels.items():
            if task in level:
                axis.axhline(level[task], color="0.35", linestyle=dash, linewidth=1.5, label=label)
        axis.set_xticks(range(len(depths)), depths, rotation=45, ha="right", rotation_mode="anchor")
        axis.set_xlabel("depth of the probe")
        axis.set_title(task, fontweight="normal")
    panels[0].set_ylabel(metric.label)
    legend = {label: handle for axis in panels for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=3)
    title = title or f"Linear-probe {metric.name} by depth (mean, 95% interval)"
    add_title(figure, title)
    flat = [
        f"{label.capitalize()}: {', '.join(f'{metric.say(level[task])} on {task}' for task in tasks if task in level)}."
        for label, (level, _) in levels.items()
    ]
    show(figure, alt or f"{title}. {'; '.join(told)}. {' '.join(flat)}")


def _points(table: pd.DataFrame, by: list[str]) -> tuple[pd.DataFrame, Metric]:
    """A row with mean and half_width for each group of runs, and what their scores measure."""
    need_columns(table, [*by, "metric", "score"], "give one row a run with these columns")
    runs = table.groupby(by, sort=False)["score"]
    points = [(*key, *mean_interval(values)) for key, values in runs]
    return pd.DataFrame(points, columns=[*by, "mean", "half_width"]), metric_of(table)


def said_column(name: str) -> str:
    """Return what an axis says of a column that runs along it."""
    return {"labels": "labels per class"}.get(name, name)


def format_axis(axis: Axes, metric: Metric) -> None:
    """Write the vertical axis of a figure of scores as its label says: shares as percentages."""
    if metric.is_share:
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))


def _draw_line(axis: Axes, x: Sequence[float], line: pd.DataFrame, name: str, number: int, metric: Metric) -> Line2D:
    marker, dash = _LOOKS[number % len(_LOOKS)]
    low, high = line["mean"] - line["half_width"], line["mean"] + line["half_width"]
    if metric.is_share:
        low, high = low.clip(0), high.clip(upper=1)
    (drawn,) = axis.plot(x, line["mean"], color=f"C{number}", marker=marker, linestyle=dash, label=str(name))
    axis.fill_between(x, low, high, color=f"C{number}", alpha=0.2, linewidth=0)
    format_axis(axis, metric)
    return drawn


def _best(means: pd.Series, metric: Metric) -> Any:
    """The key of the best mean."""
    return means.idxmax() if metric.higher_is_better else means.idxmin()


def _ends(line: pd.DataFrame, metric: Metric) -> list[tuple[Any, pd.Series]]:
    """First, best and last point of a line, without repetition."""
    chosen = dict.fromkeys([line.index[0], _best(line["mean"], metric), line.index[-1]])
    return [(which, line.loc[which]) for which in chosen]


def _said(point: pd.Series, metric: Metric) -> str:
    return metric.say(point["mean"], point["half_width"])
