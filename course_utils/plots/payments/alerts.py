"""A figure of alarms: how many of the cards that are checked each day are right, and how many frauds that finds."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from course_utils.display.figures import add_title, show
from course_utils.errors import CourseError
from course_utils.tasks import cards_by_day

NUMBERS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50)  # of cards a day
_LOOKS = (("C0", "-", "o"), ("C1", (0, (5, 2)), "s"), ("C2", (0, (1, 1)), "D"), ("C3", (0, (3, 1, 1, 1)), "^"))


def plot_alerts(table: pd.DataFrame, scores: Mapping[str, Any], *, title: str | None = None) -> None:
    """Show, for 1 to 50 cards a day, the share of right alarms and the share of cards with fraud that they find.

    Parameters
    ----------
    table : DataFrame
        Payments, with `time`, `customer` and `fraud`.
    scores : mapping of str to (n,) array
        What each method thinks of each payment, by the method's name; at most four.
    title : str, optional
        The figure's title.

    Raises
    ------
    CourseError
        `plots.too-many-lines`, `plots.no-methods`; those of `card_precision`.
    """
    figure, text, _ = alerts_figure(count_alerts(table, scores), title=title)
    show(figure, text)


def count_alerts(table: pd.DataFrame, scores: Mapping[str, Any]) -> pd.DataFrame:
    """Count alarms for each method and each of NUMBERS.

    Returns
    -------
    DataFrame
        A row for each method and number: `method`, `number`, `days`, `right` alarms, all `frauds` (a card and a day
        each), and the shares `precision` and `recall`.
    """
    if not isinstance(scores, Mapping):
        raise CourseError(
            f"Scores come by the name of each method and these are a {type(scores).__name__}: give a dictionary, "
            'such as {"rules": scores}.',
            code="plots.no-methods",
        )
    rows = []
    for method, given in scores.items():
        cards = cards_by_day(table, given)
        place, days, frauds = cards.groupby("day").cumcount(), cards.day.nunique(), int(cards.fraud.sum())
        for number in NUMBERS:
            right = int(cards.fraud[place < number].sum())
            counts = {"days": days, "right": right, "frauds": frauds}
            rows.append({"method": method, "number": number} | counts)
    found = pd.DataFrame(rows, columns=["method", "number", "days", "right", "frauds"])
    return found.assign(precision=found.right / (found.number * found.days), recall=found.right / found.frauds)


def alerts_figure(counts: pd.DataFrame, *, title: str | None = None) -> tuple[Figure, str, Sequence[Axes]]:
    """Return the figure of `plot_alerts`, its alternative text, and its two panels."""
    methods = list(counts.method.unique())
    if not 0 < len(methods) <= len(_LOOKS):
        raise CourseError(
            f"There are scores of {len(methods)} methods: give 1 to {len(_LOOKS)}, or nobody can tell the lines apart.",
            code="plots.too-many-lines",
        )
    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    panels = figure.subplots(1, 2)
    for axis, what in zip(panels, ("precision", "recall"), strict=True):
        for method, (colour, dash, marker) in zip(methods, _LOOKS, strict=False):
            line = counts[counts.method == method]
            axis.plot(line.number, line[what], color=colour, linestyle=dash, marker=marker, markersize=4, label=method)
        axis.set_xscale("log")
        axis.set_xticks(NUMBERS, [str(number) for number in NUMBERS], fontsize="small")
        axis.minorticks_off()
        axis.set(xlabel="cards checked a day", xlim=(0.9, 56), ylim=(0, 1))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    panels[0].set_ylabel("alarms that are right (%)")
    panels[1].set_ylabel("cards with fraud that are found (%)")
    panels[0].legend(fontsize="small")
    title = title or "What checking cards finds"
    add_title(figure, title)
    five = counts[counts.number == 5]
    told = "; ".join(f"{row.method}: {row.precision:.0%} right, {row.recall:.0%} found" for row in five.itertuples())
    return figure, f"{title}. With five cards a day, {told}.", list(panels)
