"""A control that walks through the depths of a network."""

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from course_utils.display.figures import figure_html
from course_utils.display.widgets import show_control
from course_utils.errors import CourseError
from course_utils.plots.network import feature_maps_figure


class DepthSlider:
    """A slider over the depths of a network and the feature maps there; made by `depth_slider`."""

    def __init__(self, activations: Mapping[str, Any], image: Any):
        # All figures are drawn beforehand, so that a move of the slider only swaps one for another.
        self.figures = {
            name: figure_html(*feature_maps_figure(maps, image, title=name)) for name, maps in activations.items()
        }
        self.slider = widgets.SelectionSlider(
            options=list(self.figures), description="Depth", layout=widgets.Layout(width="480px")
        )
        self.shown = widgets.HTML(self.figures[self.slider.value])
        self.box = widgets.VBox([self.slider, self.shown])
        self.slider.observe(self._on_move, "value")

    def _on_move(self, change: Any) -> None:
        self.shown.value = self.figures[change["new"]]

    def _ipython_display_(self) -> None:
        names = ", ".join(self.figures)
        show_control(self.box, self.shown.value, f"A slider over the feature maps at {names}.")


def depth_slider(activations: Mapping[str, Any], image: Any) -> DepthSlider:
    """Let the learner walk through the depths of a network and see an image's feature maps at each.

    Parameters
    ----------
    activations : mapping of str to array or tensor
        By the depth's name, from first to last, the feature maps (channels, height, width) of this one image.
    image : PIL image, array or tensor
        The image itself.

    Raises
    ------
    CourseError
        If there are no activations.
    """
    if not activations:
        raise CourseError(
            "There are no activations to show: give the feature maps of at least one depth by name.",
            code="controls.no-activations",
        )
    return DepthSlider(activations, image)
