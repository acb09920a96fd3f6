"""Figures of accuracy: a confusion matrix, and mean accuracy with 95% intervals against labels, epochs or depth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, ScalarFormatter

from course_utils.display.figures import add_title, show
from course_utils.display.pixels import to_numpy
from course_utils.errors import CourseError
from course_utils.statistics import mean_interval

# Lines differ in marker and dash too, never in colour alone.
_LOOKS = [("o", "-"), ("s", "--"), ("^", "-."), ("D", ":"), ("v", (0, (6, 1, 1, 1, 1, 1))), ("P", (0, (1, 3)))]


def plot_confusion(matrix: Any, vocab: Sequence[str], *, title: str | None = None, alt: str | None = None) -> None:
    """Show counts of true classes (rows) against predicted classes (columns), shaded by the share of each row.

    `matrix`: (K, K) counts, as fastai's `ClassificationInterpretation.confusion_matrix()` returns them.
    """
    matrix, names = to_numpy(matrix), [str(name) for name in vocab]
    if matrix.shape != (len(names), len(names)) or not matrix.sum():
        raise CourseError(
            f"A confusion matrix counts images in one row and column a class, and this one of shape {matrix.shape} "
            f"counts {matrix.sum():g} for {len(names)} classes: build it from predictions of these classes."
        )
    side = min(3.4 + 0.36 * len(names), 8)
    figure = Figure(figsize=(side, side), layout="constrained")
    axis = figure.subplots()
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (true, predicted), count in np.ndenumerate(matrix):
        if count:
            ink = "white" if share[true, predicted] > 0.5 else "black"
            axis.text(predicted, true, str(count), ha="center", va="center", color=ink, fontsize="small")
    axis.set_xticks(range(len(names)), names, rotation=45 if max(map(len, names)) > 3 else 0)
    axis.set_yticks(range(len(names)), names)
    axis.grid(False)
    right, total = np.trace(matrix), matrix.sum()
    title = title or f"{right} of {total} images are right"
    axis.set(xlabel="predicted class", ylabel="true class")
    add_title(figure, title)
    mistakes = matrix - np.diag(np.diag(matrix))
    true, predicted = np.unravel_index(mistakes.argmax(), matrix.shape)
    worst = f"{names[true]} taken for {names[predicted]}, {mistakes.max()} times" if mistakes.any() else "none"
    show(
        figure,
        alt
        or f"Confusion matrix of {len(names)} classes: {title} ({right / total:.1%}). Most frequent mistake: {worst}.",
    )


def plot_learning_curve(
    table: pd.DataFrame, x: str = "labels", *, arm: str = "strategy", title: str | None = None, alt: str | None = None
) -> None:
    """Show accuracy against labels per class, or another column, with 95% intervals: one line an arm.

    `table`: one row a run with the columns `x`, `arm` and accuracy (0 to 1), at least two runs a point. Labels are
    drawn on a logarithmic axis. A missing column or a single run raises CourseError.
    """
    points = _points(table, [arm, x]).sort_values(x, kind="stable")
    figure = Figure(layout="constrained")
    axis = figure.subplots()
    told = []
    for number, name in enumerate(table[arm].unique()):
        line = points[points[arm] == name]
        _draw_line(axis, line[x], line, name, number)
        told.append(f"{name}: " + ", ".join(f"{_said(point)} at {point[x]}" for _, point in _ends(line)))
    unit = {"labels": "labels per class"}.get(x, x)
    if x == "labels":
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(ScalarFormatter())
        axis.minorticks_off()
    if points[x].nunique() <= 10:
        axis.set_xticks(sorted(points[x].unique()))
    title = title or f"Accuracy against {unit} (mean, 95% interval)"
    axis.set(xlabel=unit, ylabel="accuracy")
    add_title(figure, title)
    axis.legend()
    show(figure, alt or f"{title}. {'; '.join(told)}.")


def plot_grid(
    table: pd.DataFrame,
    rows: str = "strategy",
    columns: str = "labels",
    *,
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show mean accuracy and its 95% interval in a field for each row and column; the best of each column is in bold.

    `table`: one row a run with the columns `rows`, `columns` and accuracy (0 to 1), at least two runs a field. Runs
    without an accuracy are left out, and the alternative text says how many.
    """
    done = table.dropna(subset="accuracy") if "accuracy" in table else table
    points = _points(done, [rows, columns])
    across, down = sorted(points[columns].unique()), list(points[rows].unique())
    figure = Figure(figsize=(2.6 + 1.5 * len(across), 1.4 + 0.5 * len(down)), layout="constrained")
    axis = figure.subplots()
    means = points.pivot(index=rows, columns=columns, values="mean").loc[down, across]
    low, high = means.min().min(), means.max().max()
    axis.imshow(means, cmap="Blues", aspect="auto", vmin=low, vmax=high + (high - low) + 0.01)  # pale, for black ink
    best = {column: means[column].idxmax() for column in across}
    for _, point in points.iterrows():
        weight = "bold" if best[point[columns]] == point[rows] else "normal"
        place = across.index(point[columns]), down.index(point[rows])
        axis.text(*place, _said(point), ha="center", va="center", fontweight=weight, fontsize="small")
    axis.set_xticks(range(len(across)), across)
    axis.set_yticks(range(len(down)), down)
    axis.grid(False)
    axis.set(xlabel={"labels": "labels per class"}.get(columns, columns))
    title = title or "Accuracy (mean, 95% interval)"
    add_title(figure, title)
    chosen = {column: points[(points[columns] == column) & (points[rows] == best[column])].iloc[0] for column in across}
    told = "; ".join(f"{column}: {best[column]} {_said(point)}" for column, point in chosen.items())
    failed = f" {len(table) - len(done)} runs failed and are left out." if len(done) < len(table) else ""
    show(figure, alt or f"{title}. Best by {columns}: {told}.{failed}")


def plot_probe_by_depth(
    table: pd.DataFrame, chance: Mapping[str, float], *, title: str | None = None, alt: str | None = None
) -> None:
    """Show linear-probe accuracy at each depth with 95% intervals: one panel a task, one line a network.

    `table`: one row a run with the columns task, network, depth (names, in order of appearance) and accuracy (0 to 1),
    at least two runs a point. `chance`: the accuracy of guessing, by task. What is missing raises CourseError.
    """
    points = _points(table, ["task", "network", "depth"])
    tasks, networks, depths = (list(table[column].unique()) for column in ("task", "network", "depth"))
    if missing := set(tasks) - set(chance):
        raise CourseError(f"The chance level of {', '.join(sorted(missing))} is missing: add it to `chance`.")
    figure = Figure(figsize=(max(3.2 * len(tasks), 6), 4.6), layout="constrained")
    panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
    told = []
    for axis, task in zip(panels, tasks, strict=True):
        for number, name in enumerate(networks):
            line = points[(points["task"] == task) & (points["network"] == name)]
            if line.empty:
                continue
            _draw_line(axis, [depths.index(depth) for depth in line["depth"]], line, name, number)
            told.append(
                f"{task}, {name}: " + ", ".join(f"{_said(point)} at {point['depth']}" for _, point in _ends(line))
            )
        axis.axhline(chance[task], color="0.35", linestyle=(0, (1, 2)), linewidth=1.5, label="chance")
        axis.set_xticks(range(len(depths)), depths, rotation=45, ha="right", rotation_mode="anchor")
        axis.set_xlabel("depth of the probe")
        axis.set_title(task, fontweight="normal")
    panels[0].set_ylabel("accuracy")
    legend = {label: handle for axis in panels for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=len(legend))
    title = title or "Linear-probe accuracy by depth (mean, 95% interval)"
    add_title(figure, title)
    guessing = ", ".join(f"{chance[task]:.1%} on {task}" for task in tasks)
    show(figure, alt or f"{title}. {'; '.join(told)}. Chance: {guessing}.")


def _points(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    if missing := [column for column in [*by, "accuracy"] if column not in table]:
        raise CourseError(
            f"The table lacks the column {', '.join(missing)} and has {', '.join(map(str, table.columns))}: "
            "give one row a run with these columns."
        )
    runs = table.groupby(by, sort=False)["accuracy"]
    return pd.DataFrame([(*key, *mean_interval(values)) for key, values in runs], columns=[*by, "mean", "half_width"])


def _draw_line(axis: Axes, x: Sequence[float], line: pd.DataFrame, name: str, number: int) -> None:
    marker, dash = _LOOKS[number % len(_LOOKS)]
    low, high = line["mean"] - line["half_width"], line["mean"] + line["half_width"]
    axis.plot(x, line["mean"], color=f"C{number}", marker=marker, linestyle=dash, label=str(name))
    axis.fill_between(x, low.clip(0), high.clip(upper=1), color=f"C{number}", alpha=0.2, linewidth=0)
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _ends(line: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    """First, best and last point of a line, without repetition."""
    chosen = dict.fromkeys([line.index[0], line["mean"].idxmax(), line.index[-1]])
    return [(which, line.loc[which]) for which in chosen]


def _said(point: pd.Series) -> str:
    return f"{point['mean']:.1%} ± {100 * point['half_width']:.1f}"
