"""From finished runs to tables, an image and the sentences about the aims."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import matplotlib.style
import numpy as np
import pandas as pd
from journal import Journal
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from tasks import TASKS, shrink

from course_utils.errors import CourseError
from course_utils.statistics import mean_interval, paired_difference

MARKS = "<!-- the run, by `make bench` -->", "<!-- end of the run -->"
NAMES = {"ours": "ours", "fastai": "stock fastai", "torch": "plain PyTorch", "limit": "the limit"}
REGIMES = {"head": "the head alone, body frozen", "full": "all layers"}
KIND = ["task", "regime", "arm"]
MEASURES = {"epoch": "an epoch", "training": "whole training", "goal": "to the goal", "memory": "peak memory"}
LOOKS = {"ours": ("o", "-"), "fastai": ("s", "--"), "torch": ("^", "-."), "limit": ("D", ":")}


def summary(result: dict) -> str:
    """One line about a run that just ended."""
    seconds = result["seconds"]
    if isinstance(seconds, dict):
        return ", ".join(f"{name} {value:.3f} s" for name, value in seconds.items())
    reached = f", accuracy {result['accuracy'][-1]:.1%}" if result["accuracy"] else ""
    return f"{_epoch(seconds):.3f} s an epoch{reached}, {result['memory_mb']} MB"


def _epoch(seconds: Sequence[float]) -> float:
    """The median; the first epoch warms up, and in fine_tune it trains the head alone."""
    return median(seconds[1:] or seconds)


def runs_table(journal: Journal, quick: bool = False) -> pd.DataFrame:
    """A row a training, of those whose learning rate is still the task's.

    Columns: task, regime, arm, seed, settings; seconds: epoch, training (features included), goal (until the test
    accuracy first reached the task's goal, NaN if never); memory in MB; accuracy at the end.
    """
    rows = []
    for what in journal:
        if "arm" not in what:
            continue
        task, result = TASKS[what["task"]], journal[what]
        if what["rate"] != task.rates[f"{what['regime']} {'ours' if what['arm'] == 'limit' else what['arm']}"]:
            continue
        elapsed = result["cached"] + np.cumsum(result["seconds"])
        goal = (shrink(task) if quick else task).goal
        reached = [time for time, accuracy in zip(elapsed, result["accuracy"], strict=False) if accuracy >= goal]
        learns = what["arm"] != "limit"
        rows.append(
            {name: what[name] for name in ("task", "regime", "arm", "seed", "settings")}
            | {"epoch": _epoch(result["seconds"]), "training": elapsed[-1] if learns else np.nan}
            | {"goal": min(reached, default=np.nan), "memory": result["memory_mb"] if learns else np.nan}
            | {"accuracy": result["accuracy"][-1] if learns else np.nan}
        )
    return pd.DataFrame(rows, columns=["task", "regime", "arm", "seed", "settings", *MEASURES, "accuracy"])


def ratios_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Other / ours within each repeat: a row for each task, regime, arm, measure and seed."""
    long = runs.melt(["task", "regime", "arm", "seed", "settings"], list(MEASURES), "measure", "value")
    ours = long[long.arm == "ours"].drop(columns="arm")
    paired = long[long.arm != "ours"].merge(
        ours, on=["task", "regime", "seed", "settings", "measure"], suffixes=("", "_ours")
    )
    return paired.assign(ratio=paired.value / paired.value_ours).dropna(subset="ratio").reset_index(drop=True)


def growth_table(journal: Journal) -> pd.DataFrame:
    """A row for each point, repeat and arm: labels, width, size, seed, regime, arm, seconds."""
    rows = [
        {name: what[name] for name in ("labels", "width", "size", "seed")}
        | {"regime": key.split()[0], "arm": key.split()[1], "seconds": seconds}
        for what in journal
        if "arm" not in what
        for key, seconds in journal[what]["seconds"].items()
    ]
    return pd.DataFrame(rows, columns=["labels", "width", "size", "seed", "regime", "arm", "seconds"])


@dataclass(frozen=True)
class Spread:
    """Median and range of some ratios."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{_number(self.middle)}× ({_number(self.least)}–{_number(self.most)})"


def _number(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 20 else f"{ratio:.1f}" if ratio >= 3 else f"{ratio:.2f}"


def spread(ratios: Iterable[float]) -> Spread | None:
    values = list(ratios)
    return Spread(median(values), min(values), max(values)) if values else None


def select(table: pd.DataFrame, **columns) -> pd.DataFrame:
    """The rows with these values."""
    for name, value in columns.items():
        table = table[table[name] == value]
    return table


# ------------------------------------------------------------------------------------------------------------- tables


def tables(runs: pd.DataFrame, growth: pd.DataFrame) -> str:
    """All tables as Markdown."""
    ratios, parts = ratios_table(runs), []
    for task in [name for name in TASKS if name in set(runs.task)]:
        for regime in [name for name in REGIMES if name in set(select(runs, task=task).regime)]:
            parts.append(task_table(select(runs, task=task, regime=regime), ratios))
    if len(growth):
        parts.append(growth_markdown(growth))
    return "\n\n".join(parts)


def task_table(runs: pd.DataFrame, ratios: pd.DataFrame) -> str:
    """One task and regime: ours in seconds and megabytes, the others as ratios to ours."""
    task, regime = TASKS[runs.task.iloc[0]], runs.regime.iloc[0]
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
            cells = [f"{ours[name].median():.3g} s" for name in ("epoch", "training")]
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


def accuracy_difference(theirs: pd.DataFrame, ours: pd.DataFrame) -> tuple[float, float] | None:
    """Mean of theirs - ours and its 95% half-width over repeats that both have, in points."""
    both = theirs.merge(ours, on=["task", "regime", "seed"], suffixes=("", "_ours"))
    if len(both) < 2:
        return None
    mean, half = paired_difference(both.accuracy, both.accuracy_ours)
    return 100 * mean, 100 * half


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


# --------------------------------------------------------------------------------------------------------------- aims


@dataclass(frozen=True)
class Aim:
    """A ratio that should be at least so much."""

    what: str
    regime: str
    arm: str
    measure: str
    least: float
    task: str | None = None


AIMS = (
    Aim("an epoch of head training takes stock fastai", "head", "fastai", "epoch", 20),
    Aim("an epoch of all layers takes stock fastai", "full", "fastai", "epoch", 2.5),
    Aim("an epoch on a resident batch takes", "full", "limit", "epoch", 0.9),
    Aim("to reach 85%, stock fastai takes", "full", "fastai", "goal", 1, "photographs"),
    Aim("to reach 85%, plain PyTorch takes", "full", "torch", "goal", 1, "photographs"),
)
SAME = 0.5  # points of accuracy, between ours and stock fastai


def aims(runs: pd.DataFrame) -> str:
    """A line for each aim and task: met or missed, and by what."""
    ratios, lines = ratios_table(runs), []
    for task in [name for name in TASKS if name in set(runs.task)]:
        for aim in AIMS:
            here = select(ratios, task=task, regime=aim.regime, arm=aim.arm, measure=aim.measure)
            found = spread(here.ratio)
            if found and aim.task in (None, task):
                met = (
                    "met"
                    if found.least >= aim.least
                    else "met in the median"
                    if found.middle >= aim.least
                    else "**missed**"
                )
                lines.append(f"- {task}: {aim.what} {found} of ours; aim at least {aim.least:g}×: {met}")
        for regime in REGIMES:
            mine = select(runs, task=task, regime=regime)
            found = accuracy_difference(select(mine, arm="fastai"), select(mine, arm="ours"))
            if found:
                points = f"{found[0]:+.1f} ± {found[1]:.1f} points"
                lines.append(
                    f"- {task}: stock fastai's accuracy minus ours, {REGIMES[regime]}: {points}; "
                    f"aim within {SAME}: {_same(*found)}"
                )
    return "\n".join(lines)


def _same(mean: float, half: float) -> str:
    if abs(mean) + half <= SAME:
        return "met"
    return "**missed**" if abs(mean) - half > SAME else "not settled, the interval is too wide"


# ------------------------------------------------------------------------------------------------------------ image


def draw(runs: pd.DataFrame, growth: pd.DataFrame) -> tuple[Figure, str]:
    """Ratios of an epoch's time with their range, and how cost grows; with the alternative text."""
    heights = [4.2] * bool(len(runs)) + [3.4] * bool(len(growth))
    figure = Figure(figsize=(9, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(heights), 3, height_ratios=heights)
    told, left = [], None
    if len(runs):
        told += _draw_ratios(figure.add_subplot(grid[0, :]), ratios_table(runs))
    for place, column in enumerate(("labels", "width", "size") if len(growth) else ()):
        axis = figure.add_subplot(grid[-1, place], sharey=left)
        told += _draw_growth(axis, growth, column, first=left is None)
        left = left or axis
    legend = {
        name: handle for axis in figure.axes for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    legend = {name: legend[name] for name in NAMES.values() if name in legend}
    figure.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=len(legend))
    return figure, " ".join(told)


def _draw_ratios(axis: Axes, ratios: pd.DataFrame) -> list[str]:
    told, rows, seen = [], [], set()
    for (task, regime), here in select(ratios, measure="epoch").groupby(["task", "regime"], sort=False):
        rows.append(f"{task}, {'head' if regime == 'head' else 'all layers'}")
        for arm in [name for name in NAMES if name in set(here.arm)]:
            found, place = spread(select(here, arm=arm).ratio), list(NAMES).index(arm)
            height = len(rows) - 1 + 0.27 * (place - 2)
            axis.errorbar(
                found.middle,
                height,
                xerr=[[found.middle - found.least], [found.most - found.middle]],
                fmt=LOOKS[arm][0],
                linestyle="none",
                color=f"C{place}",
                label=None if arm in seen else NAMES[arm],
            )
            axis.annotate(f"{_number(found.middle)}×", (found.most, height), (6, -4), textcoords="offset points")
            seen.add(arm)
            told.append(f"{rows[-1]}: {NAMES[arm]} {found}.")
    axis.axvline(1, color="0.4", linewidth=1.2)
    axis.set(xscale="log", xlabel="time of an epoch, ours = 1 (median and range of repeats)")
    axis.set_yticks(range(len(rows)), rows)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.margins(x=0.12)
    axis.set_title("How long the others take for the same epoch")
    return ["How many times as long as ours an epoch takes.", *told]


def _draw_growth(axis: Axes, growth: pd.DataFrame, column: str, first: bool) -> list[str]:
    """All layers' seconds an epoch along one column, the others as they are at most points of it."""
    fixed = [name for name in ("labels", "width", "size") if name != column]
    _, line = max(growth.groupby(fixed), key=lambda group: (group[1][column].nunique(), group[1][column].max()))
    told = []
    for arm in [name for name in NAMES if name in set(select(line, regime="full").arm)]:
        seconds = select(line, regime="full", arm=arm).groupby(column).seconds.median()
        place = list(NAMES).index(arm)
        axis.plot(seconds.index, seconds, LOOKS[arm][0], color=f"C{place}", linestyle=LOOKS[arm][1], label=NAMES[arm])
        told.append(f"{NAMES[arm]} from {seconds.iloc[0]:.2g} to {seconds.iloc[-1]:.2g} s")
    values = sorted(line[column].unique())
    axis.set(
        xscale="log", yscale="log", xlabel={"size": "image's side (px)", "width": "network width"}.get(column, column)
    )
    ticks = [value for value in values if column != "labels" or np.log10(value) % 1 == 0]  # more would overlap
    axis.set_xticks(ticks, [f"{value:,}" for value in ticks])
    axis.minorticks_off()
    axis.yaxis.set_major_formatter("{x:g}")
    if first:
        axis.set_ylabel("seconds an epoch")
        axis.set_title("How an epoch's cost grows")
    else:
        axis.tick_params(labelleft=False)
    return [f"An epoch of all layers, {column} from {values[0]:,} to {values[-1]:,}: {'; '.join(told)}."]


def save(figure: Figure, path: Path) -> None:
    """A small PNG."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=120)
    Image.open(drawn).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


# -------------------------------------------------------------------------------------------------------------- files


def write(journal: Journal, out: Path, readme: Path | None, *, quick: bool = False) -> None:
    """OUT/ratios.csv, growth.csv, bench.png and table.md, and the text of table.md between the marks of a README."""
    runs, growth = runs_table(journal, quick), growth_table(journal)
    if alone := _single(runs):
        print(f"Left out, since one run says nothing about its spread: {'; '.join(map(', '.join, alone))}.")
        runs = runs[~runs[KIND].apply(tuple, axis=1).isin(alone)]
    if growth.seed.nunique() < 2:
        growth = growth.iloc[:0]
    if not len(runs) and not len(growth):
        print("There is no table yet: it needs two repeats of something.")
        return
    ratios_table(runs).to_csv(out / "ratios.csv", index=False, float_format="%.5g")
    growth.to_csv(out / "growth.csv", index=False, float_format="%.5g")
    with matplotlib.style.context("course_utils.course"):
        figure, alt = draw(runs, growth)
        save(figure, out / "bench.png")
    folder = out.relative_to(readme.parent).as_posix() + "/" if readme else ""
    text = page(journal, runs, growth, f"![{alt}]({folder}bench.png)")
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    if readme:
        readme.write_text(fill(readme.read_text(encoding="utf-8"), text), encoding="utf-8")
    print(text)


def _single(runs: pd.DataFrame) -> list[tuple[str, ...]]:
    """Tasks, regimes and arms that have run once; where ours has, the others have nothing to be compared with."""
    counts = runs.groupby(KIND).size()
    lonely = {(task, regime) for task, regime, arm in counts[counts < 2].index if arm == "ours"}
    lonely |= {kind[:2] for kind in counts.index} - {kind[:2] for kind in counts.index if kind[2] == "ours"}
    return [kind for kind in counts.index if counts[kind] < 2 or kind[:2] in lonely]


def page(journal: Journal, runs: pd.DataFrame, growth: pd.DataFrame, image: str) -> str:
    """Where and when it was measured, the image, the aims, the tables."""
    where, dates = journal.where, sorted({journal[what]["date"] for what in journal})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    measured = f"Measured {when} on {where['machine']}; {where['versions']}; weights {where['weights']}."
    return "\n\n".join(part for part in (measured, image, aims(runs), tables(runs, growth)) if part)


def fill(readme: str, text: str) -> str:
    """The README with this text between its marks."""
    before, start, rest = readme.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (start and end):
        raise CourseError(f"The benchmark's README.md has lost its comments {MARKS[0]} and {MARKS[1]}: put them back.")
    return f"{before}{start}\n{text}\n{end}{after}"
