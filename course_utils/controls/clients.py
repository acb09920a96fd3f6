"""A control that moves the skew of clients' labels, and shows who has what."""

import math
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np

from course_utils.data.clients import label_counts, split_among_clients
from course_utils.display.figures import figure_html
from course_utils.display.widgets import mark_html, marked_html, show_control, slider_frames, status_html
from course_utils.errors import CourseError
from course_utils.plots.federated.clients import clients_figure, disc_widths

ALPHAS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 3.0, 10.0, 100.0, math.inf)
LARGEST = 30  # pixels across: the disc of the largest count at any alpha
_DISC = "border:0;border-radius:50%;background:#0072B2;transform:translate(-50%,-50%)"


class ClientsSlider:
    """A slider over alpha; made by `clients_slider`."""

    def __init__(self, labels: Any, vocab: Sequence[str], clients: int, alpha: float, seed: int, least: int):
        if alpha not in ALPHAS:
            raise CourseError(
                f"There is no alpha {alpha}: give one of {', '.join(f'{value:g}' for value in ALPHAS)}.",
                code="controls.unknown-alpha",
            )
        self.counts = {}
        for value in ALPHAS:
            parts = split_among_clients(labels, clients, value, seed=seed, least=least)
            self.counts[value] = label_counts(labels, parts, vocab)
        self.most = max(int(counts.to_numpy().max()) for counts in self.counts.values())
        figure, axis = clients_figure(self.counts[alpha])
        figure.draw_without_rendering()  # settles the layout, and so where the grid stands
        places = axis.transData.transform([(0, 0), (1, 1)]) / figure.bbox.size
        (self.left, bottom), (right, below) = places
        self.top, self.across, self.down = 1 - bottom, right - self.left, bottom - below
        self.text = f"Discs for how many examples of {len(vocab)} classes each of {clients} clients has."
        self.static = figure_html(figure, self.text)
        self.slider = widgets.SelectionSlider(
            options=[(f"{value:g}", value) for value in ALPHAS],
            value=alpha,
            description="alpha",
            layout=widgets.Layout(width="480px"),
        )
        self.shown = widgets.HTML()
        self.box = widgets.VBox([self.slider, self.shown])
        self._show(alpha)
        self.slider.observe(lambda change: self._show(change["new"]), "value")

    def _show(self, alpha: float) -> None:
        self.result, marks = self._at(alpha)
        self.shown.value = status_html(self.result) + marked_html(self.static, marks)

    def _at(self, alpha: float) -> tuple[str, list[str]]:
        """The sentence on an alpha, and its discs."""
        counts = self.counts[alpha]
        marks = [
            mark_html(
                self.left + self.across * column, self.top + self.down * row, f"{width:.1f}px", f"{width:.1f}px", _DISC
            )
            for (row, column), width in np.ndenumerate(disc_widths(counts, LARGEST, self.most))
            if width
        ]
        values = counts.to_numpy()
        sizes, shares = values.sum(1), values.max(1) / values.sum(1)
        sentence = (
            f"alpha = {alpha:g}: clients have {sizes.min()} to {sizes.max()} examples, and of "
            f"{(values > 0).sum(1).mean():.1f} classes on average; the most frequent class of a client makes "
            f"up {shares.mean():.0%} of its examples on average."
        )
        return sentence, marks

    def _ipython_display_(self) -> None:
        frames = slider_frames(self.slider, map(self._at, ALPHAS))
        still = status_html(self.result) + marked_html(self.static, self._at(self.slider.value)[1])
        show_control(self.box, still, f"{self.text} {self.result}", slider=frames)


def clients_slider(
    labels: Any, vocab: Sequence[str], *, clients: int = 10, alpha: float = 1.0, seed: int = 0, least: int = 2
) -> ClientsSlider:
    """Let the learner move alpha, and see which examples each client would have.

    Parameters
    ----------
    labels : (n,) int
        The class of each example.
    vocab : sequence of str
        The names of the classes.
    clients, seed, least
        As `data.clients.split_among_clients` takes them.
    alpha : float
        Where the slider begins, one of ALPHAS.

    Raises
    ------
    CourseError
        `controls.unknown-alpha`, and those of `split_among_clients`.
    """
    return ClientsSlider(labels, vocab, clients, alpha, seed, least)
