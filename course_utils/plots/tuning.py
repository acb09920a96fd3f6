"""Figures of a search for settings: how it went, which settings lay together, and which of them mattered."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError
from course_utils.plots.tables import need_columns

_COMPLETE, _PRUNED, _FAILED = ("o", "C0", "complete"), ("x", "0.45", "pruned"), ("v", "C1", "failed")
_DARKEST = 0.9  # of the colour map: its yellow end has no contrast to white


def plot_history(
    tables: pd.DataFrame | Mapping[str, pd.DataFrame], *, title: str | None = None, alt: str | None = None
) -> None:
    """Show the value of each trial in the order of the trials, and the best so far as a line.

    Pruned trials are crosses at their last value, failed ones triangles at the bottom.

    Parameters
    ----------
    tables : DataFrame or mapping of str to DataFrame
        One row a trial with the columns number, value (a share; missing where there is none) and state ("complete",
        "pruned" or "failed"), as `experiments.search.trials_table` returns it; or several by name, a panel each on
        common axes.
    title : str, optional
        Title of the figure; derived from the data if left out.
    alt : str, optional
        Alternative text; derived from the data if left out.

    Raises
    ------
    CourseError
        If a column is missing, or no trial is complete.
    """
    tables = tables if isinstance(tables, Mapping) else {"": tables}
    for table in tables.values():
        _check(table, ["number", "value", "state"])
    figure = Figure(figsize=(max(3.4 * len(tables), 6.8), 4.2), layout="constrained")
    panels = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    values = pd.concat([table.value for table in tables.values()]).dropna()
    bottom = values.min() - 0.08 * max(np.ptp(values), 0.01)
    told = []
    legend: dict[str, Artist] = {}
    for axis, (name, table) in zip(panels, tables.items(), strict=True):
        table = table.sort_values("number")
        so_far = table.value.where(table.state == "complete").cummax().ffill()
        (line,) = axis.plot(table.number, so_far, color="C0", linestyle="-", drawstyle="steps-post", linewidth=1.8)
        legend["best so far"] = line
        for marker, colour, state in (_COMPLETE, _PRUNED, _FAILED):
            part = table[table.state == state]
            height = np.full(len(part), bottom) if state == "failed" else part.value
            if len(part):
                legend[state] = axis.scatter(part.number, height, marker=marker, color=colour, s=45, zorder=3)
        axis.set(xlabel="trial")
        axis.set_title(name, fontweight="normal", fontsize="medium")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        counts = table.state.value_counts()
        best = table.loc[table.value.where(table.state == "complete").idxmax()]
        others = "".join(f", {counts[state]} {state}" for state in ("pruned", "failed") if state in counts)
        told.append(
            f"{f'{name}: ' if name else ''}{len(table)} trials{others}; best {best.value:.1%} in trial {best.number}"
        )
    panels[0].set_ylabel("validation score")
    figure.legend(list(legend.values()), list(legend), loc="outside lower center", ncols=4)
    title = title or "The search, trial by trial"
    add_title(figure, title)
    show(figure, alt or f"{title}. {'; '.join(told)}.")


def plot_parallel(
    table: pd.DataFrame,
    settings: Sequence[str],
    *,
    logarithmic: Sequence[str] = (),
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show each complete trial as a line across one axis for each setting, ending at its value.

    The best trials are dark, and the very best one is drawn thick.

    Parameters
    ----------
    table : DataFrame
        One row a trial with the columns value, state and one for each of `settings` (numbers).
    settings : sequence of str
        The settings, from left to right.
    logarithmic : sequence of str
        Settings whose axis is logarithmic.
    title : str, optional
        Title of the figure; derived from the data if left out.
    alt : str, optional
        Alternative text; derived from the data if left out.

    Raises
    ------
    CourseError
        If a column is missing, or fewer than two trials are complete.
    """
    _check(table, ["value", "state", *settings])
    complete = table[table.state == "complete"].sort_values("value")
    if len(complete) < 2:
        raise CourseError(
            "Lines are drawn for two or more complete trials: search on.", code="plots.too-few-complete-trials"
        )
    columns = [*settings, "value"]
    heights = pd.DataFrame({column: _heights(complete[column], column in logarithmic) for column in columns})
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axis = figure.subplots()
    _draw_trials(axis, heights, complete.value)
    _draw_scales(axis, complete[columns])
    axis.set_xticks(range(len(columns)), [*settings, "score"])
    axis.tick_params(axis="x", length=0, pad=22)
    axis.set_yticks([])
    axis.set(ylim=(-0.02, 1.02), xlabel="dark: a high score; thick: the best")
    axis.grid(False)
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)
    title = title or "Settings and score of each trial"
    add_title(figure, title)
    best, worst = (_in_words(trial, settings) for trial in (complete.iloc[-1], complete.iloc[0]))
    show(figure, alt or f"{title}. {len(complete)} trials; the best, {best}; the worst, {worst}.")


def _heights(values: pd.Series, logarithmic: bool) -> pd.Series:
    """Scale a setting's values to 0 (the least of all complete trials) to 1 (the greatest); equal ones lie at half."""
    values = np.log10(values) if logarithmic else values.astype(float)
    low, high = values.min(), values.max()
    if high == low:
        return pd.Series(0.5, index=values.index)
    return (values - low) / (high - low)


def _draw_trials(axis: Axes, heights: pd.DataFrame, scores: pd.Series) -> None:
    """Draw a line for each trial, from the lowest score to the highest, so that the best one lies on top."""
    colours = matplotlib.colormaps["viridis_r"]
    norm = Normalize(scores.min(), scores.max() + 1e-9)
    best = heights.index[-1]
    for trial, row in heights.iterrows():
        colour = colours(0.1 + _DARKEST * norm(scores[trial]))
        width, alpha = (4.0, 1.0) if trial == best else (1.5, 0.8)
        axis.plot(range(len(row)), row.to_numpy(), color=colour, linestyle="-", linewidth=width, alpha=alpha)


def _draw_scales(axis: Axes, trials: pd.DataFrame) -> None:
    """Draw a vertical axis for each column, with its least value below and its greatest above."""
    for index, column in enumerate(trials):
        axis.axvline(index, color="0.6", linewidth=0.8, linestyle="-", zorder=0)
        template = "{:.0%}" if column == "value" else "{:.2g}"
        low, high = template.format(trials[column].min()), template.format(trials[column].max())
        axis.text(index, -0.03, low, ha="center", va="top", fontsize="small")
        axis.text(index, 1.03, high, ha="center", va="bottom", fontsize="small")


def _in_words(trial: pd.Series, settings: Sequence[str]) -> str:
    return f"{trial.value:.1%}: " + ", ".join(f"{setting} {trial[setting]:.2g}" for setting in settings)


def plot_importance(
    importance: Mapping[str, float] | pd.DataFrame, *, title: str | None = None, alt: str | None = None
) -> None:
    """Show how much of a score's variance each setting explains, as bars, the longest on top.

    Parameters
    ----------
    importance : mapping of str to float, or DataFrame
        Shares by setting, as `optuna.importance.get_param_importances` returns them; or a table with a row for each
        study and a column for each setting, whose mean is a bar and whose rows are dots on it.
    title : str, optional
        Title of the figure; derived from the data if left out.
    alt : str, optional
        Alternative text; derived from the data if left out.

    Raises
    ------
    CourseError
        If a share is missing or not finite.
    """
    table = pd.DataFrame([importance]) if isinstance(importance, Mapping) else importance
    if table.empty or not np.isfinite(table.to_numpy(float)).all():
        raise CourseError(
            "Importances are a finite share for each setting: search until two trials are complete.",
            code="plots.no-importance",
        )
    means = table.mean().sort_values()
    figure = Figure(figsize=(6.8, 1.6 + 0.45 * len(means)), layout="constrained")
    axis = figure.subplots()
    axis.barh(range(len(means)), means, color="#56B4E9", edgecolor="0.3", linewidth=0.8)
    if len(table) > 1:
        for row in table[means.index].to_numpy():
            axis.plot(row, range(len(means)), marker="o", color="black", linestyle="none", markersize=4)
    axis.set_yticks(range(len(means)), means.index)
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set(xlabel="share of the importance", xlim=(0, min(1.05 * max(table.to_numpy().max(), 0.1), 1.05)))
    axis.grid(False, axis="y")
    title = title or "Which settings mattered"
    add_title(figure, title)
    several = f" Mean of {len(table)} studies." if len(table) > 1 else ""
    told = ", ".join(f"{name} {share:.0%}" for name, share in means[::-1].items())
    show(figure, alt or f"{title}. {told}.{several}")


def _check(table: pd.DataFrame, columns: Sequence[str]) -> None:
    need_columns(table, columns, "give one row a trial")
    if not (table.state == "complete").any():
        raise CourseError(
            "No trial of the search is complete, so there is nothing to draw: search on.",
            code="plots.no-complete-trial",
        )
