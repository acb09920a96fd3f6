"""A control that finds a strategy, a number of labels and a learning rate among the runs of an experiment."""

import ipywidgets as widgets
import pandas as pd

from course_utils.display.figures import figure_html
from course_utils.display.widgets import mark_html, marked_html, show_control, status_html
from course_utils.errors import CourseError
from course_utils.experiments.grid import TUNING_SEED
from course_utils.plots.runs import Choice, mean_and_half_width, name_of, runs_figure
from course_utils.tasks.metrics import metric_of

_RING = "border-radius:50%;outline:2px solid white;transform:translate(-50%,-50%)"


class StrategyExplorer:
    """Sliders over the runs of an experiment; made by `strategy_explorer`."""

    def __init__(self, table: pd.DataFrame):
        _check(table)
        self.metric = metric_of(table)
        by_lr = "lr" in table and bool((table.groupby(["strategy", "labels"]).lr.nunique() > 1).any())
        keys = ["strategy", "labels", *(["lr"] if by_lr else [])]
        groups = table.groupby(keys, sort=False)
        self.runs: dict[Choice, pd.DataFrame] = {key if by_lr else (*key, None): runs for key, runs in groups}
        done = {choice: runs.score.dropna() for choice, runs in self.runs.items()}
        self.done = {choice: scores for choice, scores in done.items() if len(scores)}
        tuning = "seed" in table and (table.seed == TUNING_SEED).all()
        figure, self.text, self.points = runs_figure(self.done, self.metric, "validation" if tuning else "")
        self.static = figure_html(figure, self.text)
        start = next(iter(self.done))
        strategies = list(dict.fromkeys(strategy for strategy, _, _ in self.runs))
        labels = {number for _, number, _ in self.runs}
        lrs = {lr for _, _, lr in self.runs if lr is not None}
        # Sliders rather than menus: in JupyterLab a menu didn't answer the arrow keys, a slider does.
        self.strategy = _slider("Strategy", [(str(name), name) for name in strategies], start[0])
        self.labels = _slider("Labels", [(str(n), n) for n in sorted(labels)], start[1])
        self.lr = _slider("Learning rate", [(f"{lr:g}", lr) for lr in sorted(lrs)], start[2]) if by_lr else None
        sliders = [slider for slider in (self.strategy, self.labels, self.lr) if slider]
        self.shown = widgets.HTML()
        # A slider with one value has nothing to choose from.
        self.box = widgets.VBox([*(slider for slider in sliders if len(slider.options) > 1), self.shown])
        self._show()
        for slider in sliders:
            slider.observe(self._show, "value")

    def _show(self, change: object = None) -> None:
        choice = self.strategy.value, self.labels.value, self.lr.value if self.lr else None
        self.result = self._sentence(choice)
        points = [self.points[choice]] if choice in self.points else []
        ring = [mark_html(left, top, "20px", "20px", _RING) for left, top in points]
        self.shown.value = status_html(self.result) + marked_html(self.static, ring)

    def _sentence(self, choice: Choice) -> str:
        name = name_of(choice)
        if choice not in self.runs:
            return f"{name}: not run."
        runs = self.runs[choice]
        if choice not in self.done:
            return f"{name}: every run failed{_reason(runs)}."
        return f"{name}{self._only_lr(runs)}: {self._said(choice)}; {self._rank(choice)}."

    def _only_lr(self, runs: pd.DataFrame) -> str:
        """The learning rate where there is no slider for it."""
        one = self.lr is None and "lr" in runs and runs.lr.nunique() == 1
        return f", learning rate {runs.lr.iloc[0]:g}" if one else ""

    def _said(self, choice: Choice) -> str:
        """Mean and interval of a choice, and how many runs they rest on."""
        n, failed = len(self.done[choice]), len(self.runs[choice]) - len(self.done[choice])
        mean = self.metric.say(*mean_and_half_width(self.done[choice]))
        told = f"{mean} over {n} runs" if n > 1 else f"{mean} in one run, so no interval"
        return told + (f" ({failed} more failed)" if failed else "")

    def _rank(self, choice: Choice) -> str:
        """How a choice stands among those with as many labels."""
        rivals = {other: mean_and_half_width(scores) for other, scores in self.done.items() if other[1] == choice[1]}
        if len(rivals) == 1:
            return "the only one there"
        higher = self.metric.higher_is_better
        best = (max if higher else min)(rivals, key=lambda other: rivals[other][0])
        top = "the highest mean there" if higher else "the lowest mean there"
        if best == choice:
            return top
        lr = "" if best[2] is None else f", learning rate {best[2]:g}"
        return f"{top} is {best[0]}{lr}, with {self.metric.say(*rivals[best])}"

    def _ipython_display_(self) -> None:
        show_control(self.box, self.static, self.text)


def strategy_explorer(table: pd.DataFrame) -> StrategyExplorer:
    """Let the learner pick a strategy, a number of labels and a learning rate, and find their score among all runs.

    There is a slider for the learning rate where a strategy was run with several at one number of labels.

    Parameters
    ----------
    table : pandas.DataFrame
        What `Experiment.run()` or its `tuning` gives, one row a run, with the columns strategy, labels, metric and
        score; lr, seed and error are used if there. Failed runs (without a score) are left out, and the sentence says
        so.

    Raises
    ------
    CourseError
        For a missing column (`controls.column-missing`), a table without rows (`controls.empty-table`) or without one
        finished run (`controls.all-failed`), and with tuning runs among those of the comparison
        (`controls.mixed-runs`).
    """
    return StrategyExplorer(table)


def _slider(description: str, options: list[tuple[str, object]], value: object) -> widgets.SelectionSlider:
    layout = widgets.Layout(width="520px")
    style = {"description_width": "initial"}
    return widgets.SelectionSlider(options=options, value=value, description=description, layout=layout, style=style)


def _check(table: pd.DataFrame) -> None:
    if missing := [column for column in ("strategy", "labels", "metric", "score") if column not in table]:
        raise CourseError(
            f"The table lacks the column {', '.join(missing)}: give what Experiment.run() returns.",
            code="controls.column-missing",
        )
    if table.empty:
        raise CourseError("The table has no runs: give what Experiment.run() returns.", code="controls.empty-table")
    if table.score.isna().all():
        raise CourseError(
            f"All {len(table)} runs of the table failed{_reason(table)}: mend that and run them again.",
            code="controls.all-failed",
        )
    if "seed" in table and (table.seed == TUNING_SEED).any() and not (table.seed == TUNING_SEED).all():
        raise CourseError(
            "The table mixes runs that chose learning rates (validation set) with those of the comparison (test set): "
            "give Experiment.run() or its tuning, not both.",
            code="controls.mixed-runs",
        )


def _reason(runs: pd.DataFrame) -> str:
    """The first error of some failed runs, as the end of a clause."""
    reasons = list(runs.loc[runs.score.isna(), "error"].dropna()) if "error" in runs else []
    return f" ({' '.join(str(reasons[0]).split()).rstrip('.')})" if reasons else ""
