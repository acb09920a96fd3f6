"""A control that walks through episodes of several sizes, and shows what a method makes of each."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
from torch import Tensor

from course_utils.data.writing.episodes import Episodes
from course_utils.display.figures import figure_html
from course_utils.display.widgets import show_control, status_html
from course_utils.errors import CourseError
from course_utils.plots.writing.episodes import episode_figure
from course_utils.training.few_shot.scoring import check_examples

MOST = 12  # figures in all


class EpisodeSlider:
    """A slider over episodes; made by `episode_slider`."""

    def __init__(
        self,
        images: Any,
        features: Tensor,
        episodes: Mapping[str, Episodes],
        compare: Callable[[Tensor, Tensor], Tensor],
    ):
        if not isinstance(episodes, Mapping):
            raise CourseError(
                f"Episodes come by a name for their size and these are a {type(episodes).__name__}: give a dictionary, "
                'such as {"5-way 1-shot": episodes}.',
                code="controls.no-names",
            )
        if not 0 < sum(map(len, episodes.values())) <= MOST:
            raise CourseError(
                f"There are {sum(map(len, episodes.values()))} episodes to draw: give 1 to {MOST} in all.",
                code="controls.too-many-episodes",
            )
        # All figures are drawn beforehand, so that a move of the slider only swaps one for another.
        self.pages: dict[str, tuple[str, str]] = {}
        for name, several in episodes.items():
            for number, one in enumerate(several, 1):
                check_examples(features, one)
                scores = compare(features[one.support], features[one.queries])
                figure, told = episode_figure(images, one, scores)
                self.pages[f"{name}, episode {number}"] = figure_html(figure, f"{name}. {told}"), told
        self.slider = widgets.SelectionSlider(
            options=list(self.pages), description="Episode", layout=widgets.Layout(width="480px")
        )
        self.shown = widgets.HTML()
        self.box = widgets.VBox([self.slider, self.shown])
        self._show(self.slider.value)
        self.slider.observe(lambda change: self._show(change["new"]), "value")

    def _show(self, name: str) -> None:
        page, self.result = self.pages[name]
        self.shown.value = status_html(self.result) + page

    def _ipython_display_(self) -> None:
        names = "; ".join(self.pages)
        show_control(self.box, self.shown.value, f"A slider over {names}. {self.result}")


def episode_slider(
    images: Any,
    features: Tensor,
    episodes: Mapping[str, Episodes],
    compare: Callable[[Tensor, Tensor], Tensor],
) -> EpisodeSlider:
    """Let the learner walk through episodes, and see in each which queries a comparison of features gets wrong.

    Parameters
    ----------
    images : (n, channels, height, width) tensor
        All examples, as they are shown.
    features : (n, features) tensor
        What is compared.
    episodes : mapping of str to Episodes
        By what the learner reads, such as "5-way 1-shot"; at most 12 in all.
    compare : callable
        Such as `few_shot.nearest_mean`.

    Raises
    ------
    CourseError
        `controls.too-many-episodes`, `controls.no-names`; those of `plot_episode` and `few_shot.score_by_comparing`.
    """
    return EpisodeSlider(images, features, episodes, compare)
