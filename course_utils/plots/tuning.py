"""Figures of a search for settings: how it went, which settings lay together, and which of them mattered."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError

_COMPLETE, _PRUNED, _FAILED = ("o", "C0", "complete"), ("x", "0.45", "pruned"), ("v", "C1", "failed")
_DARKEST = 0.9  # of the colour map: its yellow end has no contrast to white


def plot_history(
    tables: pd.DataFrame | Mapping[str, pd.DataFrame], *, title: str | None = None, alt: str | None = None
) -> None:
    """Show the value of each trial in the order of the trials, and the best so far as a line.

    `tables`: one row a trial with the columns number, value (a share; missing where there is none) and state
    ("complete", "pruned" or "failed"), as `experiments.search.trials_table` gives it; or several by name, a panel each
    on common axes. Pruned trials are crosses at their last value, failed ones triangles at the bottom. A table without
    a complete trial raises CourseError.
    """
    tables = tables if isinstance(tables, Mapping) else {"": tables}
    for table in tables.values():
        _check(table, ["number", "value", "state"])
    figure = Figure(figsize=(max(3.4 * len(tables), 6.8), 4.2), layout="constrained")
    panels = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    values = pd.concat([table.value for table in tables.values()]).dropna()
    bottom = values.min() - 0.08 * max(np.ptp(values), 0.01)
    told, legend = [], {}
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
    figure.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=4)
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
    """Show each complete trial as a line across one axis for each setting, ending at its value; the best ones are dark.

    `table`: one row a trial with the columns value, state and one for each of `settings` (numbers). `logarithmic`:
    settings whose axis is. The best trial is drawn thick. Fewer than two complete trials raise CourseError.
    """
    _check(table, ["value", "state", *settings])
    done = table[table.state == "complete"].sort_values("value")
    if len(done) < 2:
        raise CourseError("Lines are drawn for two or more complete trials: search on.")
    columns = [*settings, "value"]
    scaled, ends = {}, {}
    for column in columns:
        # The ends of an axis are those of all trials: a line from the top to the bottom went through the whole range.
        height = np.log10(done[column]) if column in logarithmic else done[column].astype(float)
        low, high = height.min(), height.max()
        scaled[column] = (height - low) / (high - low) if high > low else height * 0 + 0.5
        ends[column] = done[column].min(), done[column].max()
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axis = figure.subplots()
    colours = matplotlib.colormaps["viridis_r"]
    norm = Normalize(done.value.min(), done.value.max() + 1e-9)
    places = range(len(columns))
    for number, (index, trial) in enumerate(done.iterrows()):
        last = number == len(done) - 1
        axis.plot(
            places,
            [scaled[column][index] for column in columns],
            color=colours(0.1 + _DARKEST * norm(trial.value)),
            linestyle="-",
            linewidth=4 if last else 1.5,
            alpha=1 if last else 0.8,
        )
    for place, column in enumerate(columns):
        axis.axvline(place, color="0.6", linewidth=0.8, linestyle="-", zorder=0)
        for value, height, where in zip(ends[column], (-0.03, 1.03), ("top", "bottom"), strict=True):
            said = f"{value:.0%}" if column == "value" else f"{value:.2g}"
            axis.text(place, height, said, ha="center", va=where, fontsize="small")
    axis.set_xticks(places, [*settings, "score"])
    axis.tick_params(axis="x", length=0, pad=22)
    axis.set_yticks([])
    axis.set(ylim=(-0.02, 1.02), xlabel="dark: a high score; thick: the best")
    axis.grid(False)
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)
    best = done.iloc[-1]
    chosen = ", ".join(f"{setting} {best[setting]:.2g}" for setting in settings)
    title = title or "Settings and score of each trial"
    add_title(figure, title)
    worst = ", ".join(f"{setting} {done.iloc[0][setting]:.2g}" for setting in settings)
    said = f"{len(done)} trials; the best, {best.value:.1%}: {chosen}; the worst, {done.iloc[0].value:.1%}: {worst}"
    show(figure, alt or f"{title}. {said}.")


def plot_importance(
    importance: Mapping[str, float] | pd.DataFrame, *, title: str | None = None, alt: str | None = None
) -> None:
    """Show how much of a score's spread each setting explains, as bars, the longest on top.

    `importance`: shares by setting, as `optuna.importance.get_param_importances` gives them; or a table with a row for
    each study and a column for each setting, whose mean is a bar and whose rows are dots on it. Shares that are missing
    or not finite raise CourseError.
    """
    table = pd.DataFrame([importance]) if isinstance(importance, Mapping) else importance
    if table.empty or not np.isfinite(table.to_numpy(float)).all():
        raise CourseError("Importances are a finite share for each setting: search until two trials are complete.")
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
    if missing := [column for column in columns if column not in table]:
        raise CourseError(f"The table lacks the column {', '.join(missing)}: give one row a trial.")
    if not (table.state == "complete").any():
        raise CourseError("No trial of the search is complete, so there is nothing to draw: search on.")
