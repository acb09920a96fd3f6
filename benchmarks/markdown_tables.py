"""The benchmark's tables as Markdown: ours in seconds and megabytes, the others as ratios to ours."""

import pandas as pd
from comparisons import COMPARISONS
from results_tables import MEASURES, NAMES, REGIMES, accuracy_difference, ratios_table, select, spread

from course_utils.statistics import mean_interval


def tables(runs: pd.DataFrame, growth: pd.DataFrame) -> str:
    """All tables as Markdown."""
    ratios, parts = ratios_table(runs), []
    for task in [name for name in COMPARISONS if name in set(runs.task)]:
        for regime in [name for name in REGIMES if name in set(select(runs, task=task).regime)]:
            parts.append(task_table(select(runs, task=task, regime=regime), ratios))
    if len(growth):
        parts.append(growth_markdown(growth))
    return "\n\n".join(parts)


def task_table(runs: pd.DataFrame, ratios: pd.DataFrame) -> str:
    """One task and regime: ours in seconds and megabytes, the others as ratios to ours."""
    task, regime = COMPARISONS[runs.task.iloc[0]], runs.regime.iloc[0]
    goal = f"to {task.goal:.0%}"
    settings = f"{runs.settings.iloc[0]}, {runs.seed.nunique()} repeats"
    lines = [
        f"**{task.about[0].upper()}{task.about[1:]}, {REGIMES[regime]}** ({settings})",
        "",
        f"| | an epoch | whole training | {goal} | peak memory | accuracy |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    ours = select(runs, arm="ours")
    for arm in [name for name in NAMES if name in set(runs.arm)]:
        mine = select(runs, arm=arm)
        if arm == "ours":
            cells = [
                f"{ours[name].median():.3g} s" if ours[name].notna().any() else "" for name in ("epoch", "training")
            ]
            cells += [_reached(ours, f"{ours.goal.median():.3g} s"), f"{ours.memory.median():.0f} MB"]
            cells.append(_points(*mean_interval(ours.accuracy)) if len(ours) > 1 else "")
        else:
            theirs = select(ratios, task=task.name, regime=regime, arm=arm)
            found = {name: spread(select(theirs, measure=name).ratio) for name in MEASURES}
            cells = [str(found[name] or "") for name in MEASURES]
            if arm != "limit":
                cells[2] = _reached(mine, cells[2])
            cells.append(_difference(mine, ours) if arm != "limit" else "")
        lines.append(f"| {NAMES[arm]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _reached(runs: pd.DataFrame, cell: str) -> str:
    """The time to the goal, with how many repeats got there when not all did."""
    count = runs.goal.notna().sum()
    told = [cell] if cell else []  # without it, ours never got there
    if not cell or count < len(runs):
        told.append(f"{count} of {len(runs)} repeats")
    return ", ".join(told) if count else "not reached"


def _points(mean: float, half: float) -> str:
    return f"{100 * mean:.1f} ± {100 * half:.1f}%"


def _difference(theirs: pd.DataFrame, ours: pd.DataFrame) -> str:
    found = accuracy_difference(theirs, ours)
    return f"{found[0]:+.1f} ± {found[1]:.1f} points" if found else ""


def growth_markdown(growth: pd.DataFrame) -> str:
    """Seconds an epoch at each point, ours, and the other arms as ratios."""
    lines = [
        f"**How cost grows** (one epoch, batches of 50, {growth.seed.nunique()} repeats)",
        "",
        "| labels | width | image | all layers, ours | stock fastai | limit | head alone, ours | storing features "
        "| stock fastai |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (labels, width, size), point in growth.groupby(["labels", "width", "size"]):
        wide = point.assign(key=point.regime + " " + point.arm).pivot(index="seed", columns="key", values="seconds")
        cells = [_seconds(wide, "full ours"), _ratio(wide, "full fastai"), _ratio(wide, "full limit")]
        cells += [_seconds(wide, "head ours"), _seconds(wide, "head caching"), _ratio(wide, "head fastai")]
        lines.append(f"| {labels:,} | {width} | {size} px | {' | '.join(cells)} |")
    return "\n".join(lines)


def _seconds(wide: pd.DataFrame, key: str) -> str:
    return f"{wide[key].median():.3g} s" if key in wide else ""


def _ratio(wide: pd.DataFrame, key: str) -> str:
    return str(spread(wide[key] / wide[f"{key.split()[0]} ours"])) if key in wide else ""
