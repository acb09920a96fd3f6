"""From finished runs to the report: tables, an image, and the sentences about the aims."""

import io
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from aims import aims
from journal import Journal
from markdown_tables import tables
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from results_tables import KIND, NAMES, growth_table, number, ratios_table, runs_table, select, spread

from course_utils.errors import CourseError

MARKS = "<!-- the run, by `make bench` -->", "<!-- end of the run -->"
SHORT = {"head": "head", "full": "all layers", "stage 4": "from stage 4", "stage 3": "from stage 3"}
LOOKS = {"ours": ("o", "-"), "fastai": ("s", "--"), "torch": ("^", "-."), "limit": ("D", ":")}


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


def draw(runs: pd.DataFrame, growth: pd.DataFrame) -> tuple[Figure, str]:
    """Ratios of an epoch's time with their range, and how cost grows; with the alternative text."""
    heights = [6.4] * bool(len(runs)) + [3.4] * bool(len(growth))
    figure = Figure(figsize=(9, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(heights), 3, height_ratios=heights)
    told, left = [], None
    if len(runs):
        told += _draw_ratios(figure.add_subplot(grid[0, :]), ratios_table(runs))
    for panel, column in enumerate(("labels", "width", "size") if len(growth) else ()):
        axis = figure.add_subplot(grid[-1, panel], sharey=left)
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
        rows.append(f"{task}, {SHORT[regime]}")
        for arm in [name for name in NAMES if name in set(here.arm)]:
            found, rank = spread(select(here, arm=arm).ratio), list(NAMES).index(arm)
            height = len(rows) - 1 + 0.27 * (rank - 2)
            axis.errorbar(
                found.middle,
                height,
                xerr=[[found.middle - found.least], [found.most - found.middle]],
                fmt=LOOKS[arm][0],
                linestyle="none",
                color=f"C{rank}",
                label=None if arm in seen else NAMES[arm],
            )
            axis.annotate(f"{number(found.middle)}×", (found.most, height), (6, -4), textcoords="offset points")
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
        rank = list(NAMES).index(arm)
        axis.plot(seconds.index, seconds, LOOKS[arm][0], color=f"C{rank}", linestyle=LOOKS[arm][1], label=NAMES[arm])
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
