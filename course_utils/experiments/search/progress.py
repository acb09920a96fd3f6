"""Which trials of a study count, and where the search stands."""

import math
from dataclasses import dataclass, field
from statistics import mean

import pandas as pd
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState


def has_finished(trial: FrozenTrial) -> bool:
    """Whether a trial has ended by itself: it is complete, pruned, or has diverged."""
    if trial.state == TrialState.FAIL:
        return "diverged" in trial.user_attrs
    return trial.state.is_finished()


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial has ended by itself, or may still do so."""
    return has_finished(trial) or not trial.state.is_finished()


@dataclass(frozen=True)
class Progress:
    """Where a search stands. Trials that failed, or were lost with their process, are in none of these numbers.

    Parameters
    ----------
    wanted, complete, pruned, diverged, running : int
        Numbers of trials.
    best : float or None
        The highest value of a complete trial.
    settings : dict
        Those of the best trial.
    seconds : float or None
        What a trial took on average.
    """

    wanted: int
    complete: int
    pruned: int
    diverged: int
    running: int
    best: float | None
    settings: dict = field(default_factory=dict)
    seconds: float | None = None

    @property
    def finished(self) -> int:
        """How many trials count."""
        return self.complete + self.pruned + self.diverged

    def seconds_left(self, workers: int) -> float | None:
        """How long so many workers need for the rest, at the pace so far; None before the first trial has ended."""
        return None if self.seconds is None else self.seconds * max(self.wanted - self.finished, 0) / workers


def progress_of(study: Study, wanted: int) -> Progress:
    """The state of a study that shall have `wanted` finished trials."""
    trials = study.get_trials(deepcopy=False)
    ended = [trial for trial in trials if has_finished(trial)]
    scored = [(trial.value, trial) for trial in ended if trial.state == TrialState.COMPLETE and trial.value is not None]
    durations = [trial.duration.total_seconds() for trial in ended if trial.duration is not None]
    best, best_trial = max(scored, key=lambda pair: pair[0], default=(None, None))
    return Progress(
        wanted=wanted,
        complete=len(scored),
        pruned=sum(trial.state == TrialState.PRUNED for trial in ended),
        diverged=sum(trial.state == TrialState.FAIL for trial in ended),
        running=sum(trial.state == TrialState.RUNNING for trial in trials),
        best=best,
        settings=dict(best_trial.params) if best_trial else {},
        seconds=mean(durations) if durations else None,
    )


def trials_table(study: Study) -> pd.DataFrame:
    """The finished trials of an Optuna study as a table, one row each.

    Returns
    -------
    DataFrame
        Columns `number` (counts the rows from 0), `state` ("complete", "pruned", or "failed" for a trial that
        diverged), `value`, `reports` (how many values the trial reported on its way), and one for each setting. Trials
        that were lost with their process have no row.
    """
    names = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
    rows = [
        {
            "state": names[trial.state],
            "value": math.nan if trial.value is None else trial.value,
            "reports": len(trial.intermediate_values),
            **trial.params,
        }
        for trial in study.get_trials(deepcopy=False)
        if has_finished(trial)
    ]
    table = pd.DataFrame(rows, columns=None if rows else ["state", "value", "reports"])
    table.insert(0, "number", range(len(rows)))
    return table
