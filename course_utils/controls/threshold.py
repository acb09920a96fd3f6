"""A control that moves the threshold of a classifier, and says what is found and what is alarmed for nothing."""

from typing import Any

import ipywidgets as widgets
import numpy as np
from matplotlib.axes import Axes

from course_utils.display.figures import figure_html
from course_utils.display.widgets import mark_html, marked_html, show_control, slider_frames, status_html
from course_utils.errors import CourseError
from course_utils.plots.troubles import check_scores, detection_figure

# Finer near 0, where the scores of a rare class lie.
THRESHOLDS = (0.005, *(n / 100 for n in range(1, 10)), *(n / 20 for n in range(2, 20)), 0.99)
_RING = "border-radius:50%;outline:2px solid white;transform:translate(-50%,-50%)"


class ThresholdSlider:
    """A slider over thresholds; made by `threshold_slider`."""

    def __init__(self, scores: Any, truth: Any, positive: str, threshold: float):
        self.positive = positive
        self.scores, self.truth = check_scores(scores, truth, positive)
        figure, self.text, panels = detection_figure({"": scores}, truth, positive=positive)
        figure.draw_without_rendering()  # settles the layout, and so where the curves stand
        self.panels = [_frame(axis) for axis in panels]
        self.static = figure_html(figure, self.text)
        if threshold not in THRESHOLDS:
            raise CourseError(
                f"There is no threshold {threshold}: give one of {', '.join(map(str, THRESHOLDS))}.",
                code="controls.unknown-threshold",
            )
        self.slider = widgets.SelectionSlider(
            options=[(f"{value:g}", value) for value in THRESHOLDS],
            value=threshold,
            description="Threshold",
            layout=widgets.Layout(width="520px"),
        )
        self.shown = widgets.HTML()
        self.box = widgets.VBox([self.slider, self.shown])
        self._show(threshold)
        self.slider.observe(lambda change: self._show(change["new"]), "value")

    def _show(self, threshold: float) -> None:
        self.result, marks = self._at(threshold)
        self.shown.value = status_html(self.result) + marked_html(self.static, marks)

    def _at(self, threshold: float) -> tuple[str, list[str]]:
        """The sentence on a threshold, and its marks on the figure."""
        alarmed = self.scores >= threshold
        found, missed = int((alarmed & self.truth).sum()), int((~alarmed & self.truth).sum())
        false, quiet = int((alarmed & ~self.truth).sum()), int((~alarmed & ~self.truth).sum())
        recall = found / (found + missed)
        precision = found / (found + false) if found + false else None
        said = "no alarm at all, so no precision" if precision is None else f"precision {precision:.0%}"
        sentence = (
            f"Alarm from {threshold:g} on: {found} of {found + missed} images of {self.positive} found "
            f"(recall {recall:.0%}), {false} alarms for nothing ({said}); {missed} missed, {quiet} others left alone; "
            f"accuracy {(found + quiet) / len(self.truth):.1%}."
        )
        points = [(recall, precision), (false / (false + quiet), recall)]
        marks = [
            mark_html(left + width * x, top + height * (1 - y), "20px", "20px", _RING)
            for (left, top, width, height), (x, y) in zip(self.panels, map(_on_panel, points), strict=True)
            if y is not None
        ]
        return sentence, marks

    def _ipython_display_(self) -> None:
        frames = slider_frames(self.slider, map(self._at, THRESHOLDS))
        still = status_html(self.result) + self.static
        show_control(self.box, still, f"{self.text} {self.result}", slider=frames)


def threshold_slider(scores: Any, truth: Any, positive: str = "positive", threshold: float = 0.5) -> ThresholdSlider:
    """Let the learner move the threshold and read recall, precision and the four counts, on both curves.

    Parameters
    ----------
    scores : array or tensor
        A probability of the positive class for each image, (N,).
    truth : array or tensor
        1 for the positive class, else 0, (N,).
    positive : str
        Name of the positive class.
    threshold : float
        Where the slider begins, one of THRESHOLDS.

    Raises
    ------
    CourseError
        For scores that don't fit, a threshold that isn't on the slider, and a class without images: recall or AUC would
        be undefined.
    """
    return ThresholdSlider(scores, truth, positive, threshold)


def _frame(axis: Axes) -> tuple[float, float, float, float]:
    """Return a panel's left, top, width and height as shares of the figure's; top counts down from the upper edge."""
    box = axis.get_position()
    return box.x0, 1 - box.y1, box.width, box.height


def _on_panel(point: tuple[float, float | None]) -> tuple[float, float | None]:
    """Return a point in shares of the panel, whose limits `detection_figure` sets."""
    x, y = point
    return float(np.interp(x, [-0.02, 1.02], [0, 1])), None if y is None else float(np.interp(y, [-0.02, 1.04], [0, 1]))
