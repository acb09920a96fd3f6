"""A control that moves the confidence threshold of a detector, and shows which boxes stay."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import torch

from course_utils.backbones import Found
from course_utils.display.figures import figure_html
from course_utils.display.pixels import to_pixels
from course_utils.display.widgets import mark_html, marked_html, show_control, slider_frames, status_html
from course_utils.errors import CourseError
from course_utils.plots.boxes.images import boxes_figure
from course_utils.tasks import match_boxes

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
MOST = 6
RIGHT, WRONG = "#1a7f37", "#d1242f"  # a wrong box is dashed too


class ConfidenceSlider:
    """A slider over thresholds and the boxes that they leave; made by `confidence_slider`."""

    def __init__(
        self, images: Sequence[Any], known: Sequence[Any], found: Sequence[Found], classes: Sequence[str], start: float
    ):
        if not 0 < len(images) <= MOST:
            raise CourseError(
                f"There are {len(images)} images: give 1 to {MOST}, or a slider shows them too small.",
                code="controls.too-many-images",
            )
        if start not in THRESHOLDS:
            raise CourseError(
                f"There is no threshold {start}: give one of {', '.join(map(str, THRESHOLDS))}.",
                code="controls.unknown-threshold",
            )
        columns = min(3, len(images))
        title = "Known boxes are dashed and white"
        nothing = [each.above(torch.inf) for each in found]
        figure, self.text = boxes_figure(images, known, nothing, classes=classes, columns=columns, title=title)
        figure.draw_without_rendering()  # settles the layout, and so where the images stand
        self.panels = [axis.get_position() for axis in figure.axes[: len(images)]]
        self.static = figure_html(figure, self.text)
        self.found, self.known = list(found), list(known)
        self.sizes = [to_pixels(image).shape[:2] for image in images]
        self.slider = widgets.SelectionSlider(
            options=[(f"{value:g}", value) for value in THRESHOLDS],
            value=start,
            description="Confidence",
            layout=widgets.Layout(width="480px"),
        )
        self.shown = widgets.HTML()
        self.box = widgets.VBox([self.slider, self.shown])
        self._show(start)
        self.slider.observe(lambda change: self._show(change["new"]), "value")

    def _show(self, threshold: float) -> None:
        self.result, marks = self._at(threshold)
        self.shown.value = status_html(self.result) + marked_html(self.static, marks)

    def _at(self, threshold: float) -> tuple[str, list[str]]:
        """The sentence on a threshold, and the boxes it leaves as marks on the figure."""
        marks, right, wrong, missed = [], 0, 0, 0
        for panel, (height, width), found, known in zip(self.panels, self.sizes, self.found, self.known, strict=True):
            kept = found.above(threshold)
            good, left_out = match_boxes(kept, known)
            right, wrong, missed = right + int(good.sum()), wrong + int((~good).sum()), missed + left_out
            for box, is_right in zip(kept.boxes.tolist(), good.tolist(), strict=True):
                x, y = panel.x0 + panel.width * box[0] / width, 1 - panel.y1 + panel.height * box[1] / height
                across, down = (box[2] - box[0]) / width * panel.width, (box[3] - box[1]) / height * panel.height
                style = f"border:2px {'solid' if is_right else 'dashed'} {RIGHT if is_right else WRONG};"
                marks.append(mark_html(x, y, f"{across:.2%}", f"{down:.2%}", style))
        precision = f"precision {right / (right + wrong):.0%}" if right + wrong else "nothing found, so no precision"
        recall = f"recall {right / (right + missed):.0%}" if right + missed else "nothing there, so no recall"
        sentence = (
            f"Boxes from {threshold:g} on: {right} right (solid), {wrong} wrong (dashed), {missed} missed; "
            f"{precision}, {recall}."
        )
        return sentence, marks

    def _ipython_display_(self) -> None:
        frames = slider_frames(self.slider, map(self._at, THRESHOLDS))
        still = status_html(self.result) + marked_html(self.static, self._at(self.slider.value)[1])
        show_control(self.box, still, f"{self.text} {self.result}", slider=frames)


def confidence_slider(
    images: Sequence[Any],
    known: Sequence[Any],
    found: Sequence[Found],
    classes: Sequence[str],
    *,
    threshold: float = 0.5,
) -> ConfidenceSlider:
    """Let the learner move the confidence threshold, and see which boxes stay and which of them are right.

    Parameters
    ----------
    images : sequence
        At most six, as in `plot_images`.
    known : sequence of (k, 5) tensors
        Left, top, right, bottom and class of what is there.
    found : sequence of Found
        What a detector found, with scores from 0.05 on.
    classes : sequence of str
        What the numbers of classes mean.
    threshold : float
        Where the slider begins.

    Raises
    ------
    CourseError
        `controls.too-many-images`, `controls.unknown-threshold`; `plots.lengths-differ`.
    """
    return ConfidenceSlider(images, known, found, classes, threshold)
