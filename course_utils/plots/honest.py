"""Figure of numbers as they were reported, each beside the honest one."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError
from course_utils.statistics import mean_interval, paired_difference


def plot_reported(
    traps: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, title: str | None = None, alt: str | None = None
) -> None:
    """Show a row for each trap: the reported share and the honest one, each with its 95% interval over runs.

    Parameters
    ----------
    traps : mapping of str to (sequence of float, sequence of float)
        For each trap's name the shares, such as accuracies, that were reported and the honest ones; run i of both
        shares its seed. A name may have several lines.
    title : str, optional
        Title of the figure; derived from the data if left out.
    alt : str, optional
        Alternative text for those who can't see the figure; derived from the data if left out.

    Raises
    ------
    CourseError
        Without a trap (`plots.nothing-to-show`), and where a trap's runs aren't pairs, or a single one.
    """
    if not traps:
        raise CourseError("There are no numbers to show: give at least one trap.", code="plots.nothing-to-show")
    figure = Figure(figsize=(7.6, 1.3 + 0.52 * len(traps)), layout="constrained")
    axis = figure.subplots()
    told = []
    for row, (name, (reported, honest)) in enumerate(traps.items()):
        change, half = paired_difference(honest, reported)
        (there, wide), (here, narrow) = mean_interval(reported), mean_interval(honest)
        labels = ("as reported", "honest") if row == 0 else (None, None)
        axis.plot([there, here], [row, row], color="0.75", linewidth=1.5, linestyle="-", marker="", zorder=1)
        look: dict[str, Any] = {"capsize": 4, "zorder": 2, "linestyle": "none"}
        axis.errorbar(there, row - 0.12, xerr=wide, marker="s", mfc="white", color="C1", label=labels[0], **look)
        axis.errorbar(here, row + 0.12, xerr=narrow, marker="o", color="C0", label=labels[1], **look)
        said = f"{100 * change:+.1f} ± {100 * half:.1f}"
        axis.annotate(said, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize="small")
        told.append(f"{' '.join(name.split())}: {there:.1%} reported, {here:.1%} honest, {said} points")
    axis.set_yticks(range(len(traps)), list(traps))
    axis.set_ylim(len(traps) - 0.5, -0.5)
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set_xlabel("accuracy or recall (on the right, change in points)")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    title = title or "Reported and honest (mean, 95% interval)"
    add_title(figure, title)
    show(figure, alt or f"{title}. {'; '.join(told)}.")
