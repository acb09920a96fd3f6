"""A control that freezes a network to a chosen depth and says what this costs and saves."""

import math
from typing import Any

import ipywidgets as widgets
import pandas as pd
from fastai.learner import Learner

from course_utils.display.figures import figure_html
from course_utils.display.widgets import mark_html, marked_html, show_control, slider_frames, status_html
from course_utils.errors import CourseError
from course_utils.experiments.costs import freezing_costs
from course_utils.plots.costs import freezing_costs_figure


class FreezeSlider:
    """A slider over the depths that a network can be frozen to; made by `freeze_slider`."""

    def __init__(self, table: pd.DataFrame, depth: str | None):
        self.table = table
        figure, self.text, self.boxes = freezing_costs_figure(table)
        self.static = figure_html(figure, self.text)
        if depth is not None and depth not in self.boxes:
            raise CourseError(
                f"There is no depth {depth!r} in the table: give one of {', '.join(self.boxes)}.",
                code="controls.unknown-depth",
            )
        first, *later = table.depth
        self.slider = widgets.SelectionSlider(
            options=[(f"{first} (nothing frozen)", first), *((name, name) for name in later)],
            value=first if depth is None else depth,
            description="Trains from",
            layout=widgets.Layout(width="520px"),
        )
        self.shown = widgets.HTML()
        self.box = widgets.VBox([self.slider, self.shown])
        self._show(self.slider.value)
        self.slider.observe(lambda change: self._show(change["new"]), "value")

    def _show(self, depth: str) -> None:
        self.result, marks = self._at(depth)
        self.shown.value = status_html(self.result) + marked_html(self.static, marks)

    def _at(self, depth: str) -> tuple[str, list[str]]:
        """The sentence on a depth, and its marks on the figure."""
        marks = [mark_html(left, top, f"{w:.2%}", f"{h:.2%}") for left, top, w, h in self.boxes[depth]]
        return _sentence(self.table, depth), marks

    def _ipython_display_(self) -> None:
        frames = slider_frames(self.slider, map(self._at, self.table.depth))
        show_control(self.box, self.static, self.text, slider=frames)


def freeze_slider(costs: Learner | pd.DataFrame, depth: str | None = None) -> FreezeSlider:
    """Let the learner choose what to freeze, and read weights, memory, seconds and the accuracy of a linear probe.

    Parameters
    ----------
    costs : Learner or pandas.DataFrame
        What `experiments.freezing_costs` returns, or a Learner, which is then measured and stays as it is.
    depth : str, optional
        Where the slider begins, as the first block that trains.

    Raises
    ------
    CourseError
        For an unknown depth (`controls.unknown-depth`), a table of something else (`plots.column-missing`), and a
        learner that can't be measured.
    """
    return FreezeSlider(freezing_costs(costs) if isinstance(costs, Learner) else costs, depth)


def _sentence(table: pd.DataFrame, depth: str) -> str:
    row: Any = next(table[table.depth == depth].itertuples())
    total = table.trainable.max()
    share = f"All {total:,}" if row.trainable == total else f"{row.trainable:,} of {total:,}"
    what = "Nothing is frozen" if row.frozen == "nothing" else f"Frozen: {row.frozen}"
    cost = f"{what}. {share} weights train; a step takes {1000 * row.seconds:.0f} ms and {row.memory_mb:.1f} MB."
    if math.isnan(row.accuracy):
        return f"{cost} Nothing is cached, so there is nothing to probe."
    source = row.frozen.split(" to ")[-1]
    right = f"{row.accuracy:.1%} of {row.images:,} validation images right"
    return f"{cost} A linear probe on the cached output of {source} gets {right}."
