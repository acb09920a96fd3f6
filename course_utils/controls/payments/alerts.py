"""A control that chooses how many cards are checked a day, and says what that finds."""

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd

from course_utils.display.figures import figure_html
from course_utils.display.widgets import mark_html, marked_html, show_control, slider_frames, status_html
from course_utils.errors import CourseError
from course_utils.plots.payments.alerts import NUMBERS, alerts_figure, count_alerts

_RING = "border-radius:50%;outline:2px solid white;transform:translate(-50%,-50%)"


class AlertsSlider:
    """A slider over numbers of cards; made by `alerts_slider`."""

    def __init__(self, table: pd.DataFrame, scores: Mapping[str, Any], cards: int):
        if cards not in NUMBERS:
            raise CourseError(
                f"cards is {cards}: give one of {', '.join(map(str, NUMBERS))}.", code="controls.unknown-number"
            )
        self.counts = count_alerts(table, scores)
        figure, self.text, panels = alerts_figure(self.counts)
        figure.draw_without_rendering()  # settles the layout, and so where the curves stand
        self.panels = [axis.get_position() for axis in panels]
        self.across = dict(zip(NUMBERS, np.interp(np.log(NUMBERS), np.log(panels[0].get_xlim()), [0, 1]), strict=True))
        self.static = figure_html(figure, self.text)
        self.slider = widgets.SelectionSlider(
            options=[(str(number), number) for number in NUMBERS],
            value=cards,
            description="Cards a day",
            layout=widgets.Layout(width="480px"),
        )
        self.shown = widgets.HTML()
        self.box = widgets.VBox([self.slider, self.shown])
        self._show(cards)
        self.slider.observe(lambda change: self._show(change["new"]), "value")

    def _show(self, cards: int) -> None:
        self.result, marks = self._at(cards)
        self.shown.value = status_html(self.result) + marked_html(self.static, marks)

    def _at(self, cards: int) -> tuple[str, list[str]]:
        """The sentence on a number of cards, and its marks on the figure."""
        rows, x = self.counts[self.counts.number == cards], self.across[cards]
        told = [
            f"{row.method}: {row.right} of {cards * row.days:,} alarms right ({row.precision:.0%}), which finds "
            f"{row.recall:.0%} of the {row.frauds} cards with fraud"
            for row in rows.itertuples()
        ]
        marks = [
            mark_html(panel.x0 + panel.width * x, 1 - panel.y0 - panel.height * y, "16px", "16px", _RING)
            for panel, what in zip(self.panels, ("precision", "recall"), strict=True)
            for y in rows[what]
        ]
        return f"{cards} card{'s' * (cards > 1)} a day. {'; '.join(told)}.", marks

    def _ipython_display_(self) -> None:
        frames = slider_frames(self.slider, map(self._at, NUMBERS))
        still = status_html(self.result) + self.static
        show_control(self.box, still, f"{self.text} {self.result}", slider=frames)


def alerts_slider(table: pd.DataFrame, scores: Mapping[str, Any], cards: int = 5) -> AlertsSlider:
    """Let the learner choose how many cards are checked a day, and read how many alarms are right and frauds found.

    Parameters
    ----------
    table : DataFrame
        Payments, with `time`, `customer` and `fraud`.
    scores : mapping of str to (n,) array
        What each method thinks of each payment, by the method's name; at most four.
    cards : int
        Where the slider begins.

    Raises
    ------
    CourseError
        `controls.unknown-number`; those of `plot_alerts`.
    """
    return AlertsSlider(table, scores, cards)
