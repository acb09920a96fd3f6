"""A decision chart: for each row and column the arm to choose, or a tie where the runs don't tell the arms apart."""

import textwrap

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError
from course_utils.statistics import paired_difference

# The palette's hues, pale enough for black ink.
_PALE = ["#B3D4E8", "#F8E0A8", "#B2DFD0", "#F3C9A5", "#EFD3E2", "#D5ECF8", "#D9D9D9"]
_TIE = ("#FFFFFF", "//")


def decisions(
    table: pd.DataFrame, rows: str = "target", columns: str = "labels", *, arm: str = "strategy"
) -> pd.DataFrame:
    """The best arm of each field, and which arms the paired runs don't tell from it.

    `table`: one row a run with the columns `rows`, `columns`, `arm`, seed and accuracy (0 to 1). In every field each
    arm has run with the same seeds, at least two. Returns a row a field, in order of appearance: best (the arm of the
    highest mean), lead and half_width (of best over the second, paired by seed, 95% interval), and tied, a tuple of the
    arms whose difference from the best has an interval that covers zero, the best one first; alone, it leads clearly.
    Raises CourseError for a missing column, a single arm, and runs that can't be paired.
    """
    if missing := [column for column in (rows, columns, arm, "seed", "accuracy") if column not in table]:
        raise CourseError(f"The table lacks the column {', '.join(missing)}: give one row a run with these columns.")
    found = []
    for (row, column), field in table.groupby([rows, columns], sort=False):
        runs = field.pivot_table(index="seed", columns=arm, values="accuracy", sort=False)
        if runs.shape[1] < 2 or runs.isna().any(axis=None):
            raise CourseError(
                f"The arms at {row}, {column} ({', '.join(map(str, runs.columns))}) can't be paired: "
                "run at least two arms on the same seeds."
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
    title: str | None = None,
    alt: str | None = None,
) -> None:
    """Show which arm to choose in each row and column, with its lead over the second in points.

    A field is hatched and says "tie" where the interval of the lead covers zero; below stand the arms that tie.
    `table`: as in `decisions`, which raises for what is missing.
    """
    chosen = decisions(table, rows, columns, arm=arm)
    arms, down, across = (list(dict.fromkeys(values)) for values in (table[arm], chosen[rows], chosen[columns]))
    across = sorted(across)
    figure = Figure(figsize=(2.4 + 2.2 * len(across), 1.9 + 0.75 * len(down)), layout="constrained")
    axis = figure.subplots()
    told = []
    for field in chosen.itertuples():
        x, y = across.index(getattr(field, columns)), down.index(getattr(field, rows))
        tie = len(field.tied) > 1
        lead = f"+{100 * field.lead:.1f} ± {100 * field.half_width:.1f}"
        names = "tie: " + ", ".join(map(str, field.tied)) if tie else f"{field.best} {lead}"
        colour, hatch = _TIE if tie else (_PALE[arms.index(field.best) % len(_PALE)], "")
        axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, hatch=hatch, edgecolor="0.8", linewidth=2))
        said = textwrap.fill(names, 20) if tie else f"{field.best}\n{lead}"
        box = {"facecolor": colour, "edgecolor": "none", "pad": 1.5}
        axis.text(
            x, y, said, ha="center", va="center", fontsize="small", fontweight="normal" if tie else "bold", bbox=box
        )
        told.append(f"{getattr(field, rows)}, {getattr(field, columns)}: {names}")
    axis.set(xlim=(-0.5, len(across) - 0.5), ylim=(len(down) - 0.5, -0.5))
    axis.set_xticks(range(len(across)), across)
    axis.set_yticks(range(len(down)), down)
    axis.grid(False)
    axis.set(xlabel={"labels": "labels per class"}.get(columns, columns))
    leaders = [name for name in arms if ((chosen.best == name) & (chosen.tied.map(len) == 1)).any()]
    marks = [
        Patch(facecolor=_PALE[arms.index(name) % len(_PALE)], edgecolor="0.8", label=str(name)) for name in leaders
    ]
    marks.append(Patch(facecolor=_TIE[0], hatch=_TIE[1], edgecolor="0.8", label="tie"))
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), fontsize="small")
    title = title or "What to choose, and its lead in points"
    add_title(figure, title)
    show(figure, alt or f"{title}. {'; '.join(told)}.")
