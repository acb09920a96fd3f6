"""What a process of a search does: run trials with `study.optimize` as long as some are missing."""

import math
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection

import optuna
from optuna.exceptions import StorageInternalError
from optuna.pruners import BasePruner
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import Trial, TrialState
from sqlalchemy import text

from course_utils.errors import CourseError
from course_utils.experiments.search import storage
from course_utils.experiments.search.progress import counts, has_finished
from course_utils.experiments.search.sampling import SeededSampler, suggest
from course_utils.experiments.sending import unpack

POLL = 0.2  # seconds between two looks at what the others do


class Diverged(CourseError):
    """A trial whose loss is NaN or infinite: it is recorded as failed, and the search goes on."""


class _OneTooMany(Exception):
    """A trial that other workers' trials have made superfluous before it began."""


class GentleStop:
    """A handler of SIGTERM that stops a trial at once, but lets what is being written into the storage be written.

    An interrupt in the middle of a write would leave a trial that looks as if it ran, until its heartbeat is missed.
    """

    def __init__(self) -> None:
        self.asked = self.in_objective = False

    def __call__(self, *_: object) -> None:
        """Remember the signal, and interrupt the objective if one is running."""
        self.asked = True
        if self.in_objective:
            raise KeyboardInterrupt

    def check(self) -> None:
        """Raise KeyboardInterrupt if the signal has come."""
        if self.asked:
            raise KeyboardInterrupt

    def call(self, objective: Callable[[Trial], float], trial: Trial) -> float:
        """Call an objective that the signal may interrupt; Optuna records the trial as failed then."""
        self.in_objective = True
        try:
            self.check()
            return float(objective(trial))
        finally:
            self.in_objective = False


@dataclass(frozen=True)
class Search:
    """All that a worker needs to know; the arguments of `tune`."""

    objective: Callable[[Trial], float]
    space: storage.Space
    trials: int
    task: Mapping
    address: storage.Address
    name: str
    seed: int
    sampler: str
    pruner: BasePruner

    def open(self) -> tuple[RDBStorage, Study]:
        """Open the storage and, in it, the study."""
        rdb = storage.open_storage(self.address)
        study = storage.open_study(rdb, self.address, self.name, self.task, self.space)
        study.sampler = SeededSampler(self.sampler, self.seed)
        study.pruner = self.pruner
        return rdb, study

    def work(
        self,
        rdb: RDBStorage,
        study: Study,
        after: Callable[[], None] = lambda: None,
        stop: GentleStop | None = None,
    ) -> None:
        """Run trials until there are enough; wait while others run the last ones, for they might die.

        Parameters
        ----------
        rdb : RDBStorage
            The opened storage.
        study : Study
            A study in it.
        after : callable
            Called after each trial.
        stop : GentleStop, optional
            What may have been told to stop.
        """
        stop = stop or GentleStop()
        turns = _Turns(rdb, study, self.trials, stop)
        run = partial(self._run, stop=stop)
        while turns.wait():
            try:
                study.optimize(run, n_trials=1, catch=(Diverged, _OneTooMany))
            except (ValueError, AssertionError, UnboundLocalError) as problem:
                cause = _cause(problem)
                if isinstance(cause, StorageInternalError):
                    raise cause from problem
                if not str(cause).startswith("Cannot tell a "):
                    raise
                # Otherwise the trial was taken for dead while it ran (our computer slept), and is queued again.
            after()

    def _run(self, trial: Trial, stop: GentleStop) -> float:
        """Draw the settings and call the objective."""
        earlier = trial.study.get_trials(deepcopy=False)[: trial.number]
        if sum(map(counts, earlier)) >= self.trials:
            raise _OneTooMany
        for name, each in self.space.items():
            suggest(trial, name, each)
        try:
            value = stop.call(self.objective, trial)
            if not math.isfinite(value):
                raise Diverged(f"The objective became {value}", code="experiments.diverged")
        except Diverged as problem:
            trial.set_user_attr("diverged", str(problem))
            raise
        return value


def _cause(problem: Exception) -> BaseException:
    """What went wrong in `optimize`, whose clean-up hides an error behind one of its own (Optuna 5.0)."""
    hidden = isinstance(problem, (AssertionError, UnboundLocalError))
    return problem.__context__ if hidden and problem.__context__ is not None else problem


class _Turns:
    """Tells a worker when to start a trial."""

    def __init__(self, rdb: RDBStorage, study: Study, wanted: int, stop: GentleStop):
        self.rdb, self.study, self.wanted, self.stop = rdb, study, wanted, stop
        self.first_seen: dict[int, float] = {}  # by trial: when we first found it without a heartbeat

    def wait(self) -> bool:
        """Return True as soon as a trial is missing, False when enough have finished or the search itself is gone."""
        mother = multiprocessing.parent_process()
        while mother is None or mother.is_alive():
            self.stop.check()
            optuna.storages.fail_stale_trials(self.study)
            self._fail_without_heartbeat()
            trials = self.study.get_trials(deepcopy=False)
            if sum(map(has_finished, trials)) >= self.wanted:
                return False
            queued = any(trial.state == TrialState.WAITING for trial in trials)
            if queued or sum(map(counts, trials)) < self.wanted:
                return True
            time.sleep(POLL)
        return False

    def _fail_without_heartbeat(self) -> None:
        """Fail trials that have run for long and never had a heartbeat: their process died as it took them."""
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        if not running:
            return
        with self.rdb.engine.connect() as connection:
            beating = set(connection.execute(text("SELECT trial_id FROM trial_heartbeats")).scalars())
        for trial in running:
            if trial._trial_id in beating:
                continue
            seen = self.first_seen.setdefault(trial._trial_id, time.monotonic())
            if time.monotonic() - seen > storage.GRACE:
                self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def run_worker(parcel: Search | bytes, sender: Connection) -> None:
    """Work in a process of its own, and send the error that ended it; a new process gets the search packed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the first process's affair
    stop = GentleStop()
    signal.signal(signal.SIGTERM, stop)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)  # the other cores are busy
    with storage.quiet():
        try:
            search: Search = unpack(parcel) if isinstance(parcel, bytes) else parcel
            search.work(*search.open(), stop=stop)
        except KeyboardInterrupt:
            return
        except CourseError as problem:
            sender.send(problem)
        except Exception as problem:
            sender.send(
                CourseError(
                    f"A worker failed with {type(problem).__name__}: {problem}. The finished trials are kept.",
                    code="experiments.worker-failed",
                )
            )
