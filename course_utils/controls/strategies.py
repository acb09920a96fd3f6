"""A control that finds a strategy, a number of labels and a learning rate among the runs of an experiment."""

import ipywidgets as widgets
import pandas as pd

from course_utils.display.figures import figure_html
from course_utils.display.widgets import mark_html, marked_html, show_control, status_html
from course_utils.errors import CourseError
from course_utils.experiments.grid import TUNING_SEED
from course_utils.plots.runs import Choice, name_of, runs_figure, said, spread

_RING = "border-radius:50%;outline:2px solid white;transform:translate(-50%,-50%)"


class StrategyExplorer:
    """Sliders over the runs of an experiment; made by `strategy_explorer`."""

    def __init__(self, table: pd.DataFrame):
        _check(table)
        by_rate = "lr" in table and bool((table.groupby(["strategy", "labels"]).lr.nunique() > 1).any())
        keys = ["strategy", "labels", *(["lr"] if by_rate else [])]
        groups = table.groupby(keys, sort=False)
        self.runs: dict[Choice, pd.DataFrame] = {key if by_rate else (*key, None): runs for key, runs in groups}
        done = {choice: runs.accuracy.dropna() for choice, runs in self.runs.items()}
        self.done = {choice: accuracies for choice, accuracies in done.items() if len(accuracies)}
        tuning = "seed" in table and (table.seed == TUNING_SEED).all()
        figure, self.text, self.places = runs_figure(self.done, "validation accuracy" if tuning else "accuracy")
        self.static = figure_html(figure, self.text)
        start = next(iter(self.done))
        strategies, labels, found = (list(dict.fromkeys(choice[i] for choice in self.runs)) for i in range(3))
        # Sliders rather than menus: in JupyterLab a menu didn't answer the arrow keys, a slider does.
        self.strategy = _slider("Strategy", [(str(name), name) for name in strategies], start[0])
        self.labels = _slider("Labels", [(str(n), n) for n in sorted(labels)], start[1])
        self.rate = _slider("Rate", [(f"{rate:g}", rate) for rate in sorted(found)], start[2]) if by_rate else None
        sliders = [slider for slider in (self.strategy, self.labels, self.rate) if slider]
        self.shown = widgets.HTML()
        self.box = widgets.VBox([*sliders, self.shown])
        self._show()
        for slider in sliders:
            slider.observe(self._show, "value")

    def _show(self, change: object = None) -> None:
        choice = self.strategy.value, self.labels.value, self.rate.value if self.rate else None
        self.result = self._sentence(choice)
        places = [self.places[choice]] if choice in self.places else []
        ring = [mark_html(left, top, "20px", "20px", _RING) for left, top in places]
        self.shown.value = status_html(self.result) + marked_html(self.static, ring)

    def _sentence(self, choice: Choice) -> str:
        name = name_of(choice)
        if choice not in self.runs:
            return f"{name}: not run."
        runs = self.runs[choice]
        if choice not in self.done:
            return f"{name}: every run failed{_reason(runs)}."
        accuracies = self.done[choice]
        mean, half = spread(accuracies)
        n = len(accuracies)
        told = (
            f"{said(mean, half)} over {n} runs"
            if half is not None
            else f"{said(mean, half)} in one run, so no interval"
        )
        failed = f" ({len(runs) - n} more failed)" if n < len(runs) else ""
        rate = f", rate {runs.lr.iloc[0]:g}" if self.rate is None and "lr" in runs and runs.lr.nunique() == 1 else ""
        rivals = {other: spread(values) for other, values in self.done.items() if other[1] == choice[1]}
        best = max(rivals, key=lambda other: rivals[other][0])
        if best == choice or len(rivals) == 1:
            rank = "the highest mean there" if len(rivals) > 1 else "the only one there"
        else:
            rank = f"the highest mean there is {best[0]}"
            rank += ("" if best[2] is None else f", rate {best[2]:g}") + f", with {said(*rivals[best])}"
        return f"{name}{rate}: {told}{failed}; {rank}."

    def _ipython_display_(self) -> None:
        show_control(self.box, self.static, self.text)


def strategy_explorer(table: pd.DataFrame) -> StrategyExplorer:
    """Let the learner pick a strategy, a number of labels and a learning rate, and find their accuracy among all runs.

    `table`: what `Experiment.run()` or its `tuning` gives, one row a run, with the columns strategy, labels and
    accuracy (0 to 1); lr, seed and error are used if there. There is one for the rate where a strategy was run with
    several at one number of labels. Failed runs (without accuracy) are left out, and the sentence says so. Raises
    CourseError for a table without rows, without one finished run, or with tuning runs among those of the comparison.
    """
    return StrategyExplorer(table)


def _slider(description: str, options: list[tuple[str, object]], value: object) -> widgets.SelectionSlider:
    layout = widgets.Layout(width="520px")
    return widgets.SelectionSlider(options=options, value=value, description=description, layout=layout)


def _check(table: pd.DataFrame) -> None:
    if missing := [column for column in ("strategy", "labels", "accuracy") if column not in table]:
        raise CourseError(f"The table lacks the column {', '.join(missing)}: give what Experiment.run() returns.")
    if table.empty:
        raise CourseError("The table has no runs: give what Experiment.run() returns.")
    if table.accuracy.isna().all():
        raise CourseError(f"All {len(table)} runs of the table failed{_reason(table)}: mend that and run them again.")
    if "seed" in table and (table.seed == TUNING_SEED).any() and not (table.seed == TUNING_SEED).all():
        raise CourseError(
            "The table mixes runs that chose rates (validation accuracy) with those of the comparison (test accuracy): "
            "give Experiment.run() or its tuning, not both."
        )


def _reason(runs: pd.DataFrame) -> str:
    """The first error of some failed runs, as the end of a clause."""
    reasons = runs.loc[runs.accuracy.isna(), "error"].dropna() if "error" in runs else []
    return f" ({' '.join(str(reasons.iloc[0]).split()).rstrip('.')})" if len(reasons) else ""
