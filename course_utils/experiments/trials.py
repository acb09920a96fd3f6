"""Which trials of a study count, which were lost with their process, and where the search stands."""

import math
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from statistics import mean
from uuid import uuid4

import pandas as pd
import psutil
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from course_utils.experiments.studies import Place

FOREIGN_DEAD = 3600  # seconds after which a trial of another machine is taken for dead
UNCLAIMED_DEAD = 30  # seconds after which a trial without a claim is, on a server


def has_finished(trial: FrozenTrial) -> bool:
    """Whether a trial has ended by itself."""
    failed = trial.state == TrialState.FAIL
    return "diverged" in trial.user_attrs if failed else trial.state.is_finished()


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial has ended by itself or may still do so."""
    return has_finished(trial) or (trial.state == TrialState.RUNNING and _is_alive(trial))


_at_work: set[str] = set()  # the searches of this process


@contextmanager
def at_work() -> Iterator[dict]:
    """What marks a trial as claimed by this search: its process, and the search, since a process may outlive it."""
    process, search = psutil.Process(), uuid4().hex
    _at_work.add(search)
    try:
        yield {"host": platform.node(), "pid": process.pid, "started": process.create_time(), "search": search}
    finally:
        _at_work.discard(search)


def _is_alive(trial: FrozenTrial) -> bool:
    worker, age = trial.user_attrs.get("worker"), _age(trial)
    if worker is None:
        return age < UNCLAIMED_DEAD
    if worker["host"] != platform.node():
        return age < FOREIGN_DEAD
    if worker["pid"] == os.getpid():
        return worker["search"] in _at_work
    try:
        process = psutil.Process(worker["pid"])
        same = abs(process.create_time() - worker["started"]) < 2  # the system's clock may have been set since
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _age(trial: FrozenTrial) -> float:
    """Seconds since a trial began."""
    return (datetime.now() - trial.datetime_start).total_seconds() if trial.datetime_start else 0


def release_lost(place: Place, study: Study) -> None:
    """Mark the trials of dead processes as failed, so that others take their places."""
    with place.lock:
        for trial in study.get_trials(deepcopy=False):
            # While we hold the lock of a file, nobody is just about to claim what he has asked for.
            unclaimed = place.is_file and "worker" not in trial.user_attrs
            if trial.state == TrialState.RUNNING and (unclaimed or not _is_alive(trial)):
                study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


@dataclass(frozen=True)
class Progress:
    """Where a search stands. Trials that were lost with their process are in none of these numbers."""

    wanted: int
    complete: int
    pruned: int
    diverged: int
    running: int
    best: float | None  # highest value of a complete trial
    settings: dict = field(default_factory=dict)  # of the best trial
    seconds: float | None = None  # that one trial took, on average

    @property
    def finished(self) -> int:
        return self.complete + self.pruned + self.diverged

    def seconds_left(self, workers: int) -> float | None:
        """What the rest takes so many workers, at the pace so far."""
        return None if self.seconds is None else self.seconds * max(self.wanted - self.finished, 0) / workers


def progress_of(study: Study, wanted: int) -> Progress:
    """The state of a study that shall have `wanted` finished trials."""
    trials = study.get_trials(deepcopy=False)
    states = [trial.state for trial in trials]
    ended = [trial for trial in trials if has_finished(trial)]
    complete = [trial for trial in ended if trial.state == TrialState.COMPLETE]
    best = max(complete, key=lambda trial: trial.value, default=None)
    return Progress(
        wanted=wanted,
        complete=len(complete),
        pruned=states.count(TrialState.PRUNED),
        diverged=sum(trial.state == TrialState.FAIL for trial in ended),
        running=states.count(TrialState.RUNNING),
        best=best and best.value,
        settings=dict(best.params) if best else {},
        seconds=mean(trial.duration.total_seconds() for trial in ended) if ended else None,
    )


def trials_table(study) -> pd.DataFrame:
    """The trials of an Optuna study that have ended, in a row each: number, state, value, reports and the settings.

    state: "complete", "pruned" or "failed". reports: how many values a trial reported on its way. number: counts the
    rows from 0; trials that were lost with their process have none.
    """
    rows = []
    for trial in study.get_trials(deepcopy=False):
        state = {"FAIL": "failed"}.get(trial.state.name, trial.state.name.lower())
        if has_finished(trial):
            value = math.nan if trial.value is None else trial.value
            rows.append(
                {"number": len(rows), "state": state, "value": value, "reports": len(trial.intermediate_values)}
            )
            rows[-1].update(trial.params)
    return pd.DataFrame(rows, columns=None if rows else ["number", "state", "value", "reports"])
