"""A search for settings that can be stopped anywhere: Optuna's trials, claimed one by one by any number of processes.

What counts, and what doesn't. A study of N trials is one in which N trials have ended by themselves: complete, pruned,
or diverged. Diverged ones count, since they were tried, and a space in which all diverge must come to an end, too. A
trial whose process died, or was interrupted, doesn't count: whoever next looks for work finds that process gone, marks
the trial failed, and its place is filled again from the same random numbers (so by the same settings, as long as the
trials finished before are the same).

How nothing is lost, nor done twice. A worker claims a trial under a lock of the machine: it counts what has ended and
what is running, and only then asks Optuna for one more. Workers on other machines share no lock; there, a trial that
turns out to be one too many by Optuna's own numbers is withdrawn before it begins. Optuna has a heartbeat for databases
but none for journals, so a trial carries the host, the process id and that process's start: a process of this machine
can be looked up. One of another machine is taken for dead after an hour.
"""

import multiprocessing
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import optuna
import torch
from filelock import Timeout
from optuna.exceptions import StorageInternalError
from optuna.pruners import BasePruner, MedianPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from course_utils.errors import CourseError
from course_utils.experiments.parallel import can_fork
from course_utils.experiments.studies import Place, Space, default_file, open_place, open_study, quiet
from course_utils.experiments.trials import Progress, at_work, counts, has_finished, progress_of, release_lost

STARTUP = 5  # random trials before TPE and the pruner begin to judge
POLL = 0.2  # seconds between two looks at what the others do
SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed, n_startup_trials=STARTUP),
    "random": lambda seed: RandomSampler(seed=seed),
}


class Diverged(CourseError):
    """A trial whose loss is no number any more: it is recorded as failed, and the search goes on."""


def tune(
    objective: Callable[[Trial], float],
    space: Space,
    trials: int,
    *,
    task: Mapping | None = None,
    storage: str | Path | None = None,
    name: str = "study",
    workers: int = 1,
    seed: int = 0,
    sampler: str = "tpe",
    pruner: BasePruner | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Study:
    """Search until the study has `trials` finished trials in all, those of earlier calls included; returns the study.

    objective: takes an Optuna trial, whose `params` hold a value for each setting, and returns what shall be high. It
        may report and raise optuna.TrialPruned; it raises Diverged, or returns NaN, where training broke down. Any
        other error ends the search. With several workers and no fork (Windows, macOS, a GPU) it must be importable
    space: a distribution of optuna.distributions for each setting
    task: what else a study must agree in to be continued: data, network, seed; anything that JSON can hold
    storage: a journal's file name, or a URL such as sqlite:///studies.db; a journal in the data folder if left out
    workers: processes that share the study; 1 works in this process
    seed: of the sampler. With one worker, a search that was stopped goes on as if it had never been
    sampler: "tpe", or "random"
    pruner: STARTUP trials unpruned, then those below the median of the earlier ones, if left out
    progress: called with the state whenever it has changed

    An interrupt (Ctrl-C) leaves a study that the same call continues. Raises CourseError for wrong arguments, for a
    storage that can't be used, for a study of another task or space, and when every worker ended before the search did.
    """
    _check(space, trials, workers, sampler)
    if storage is None:
        storage = default_file(name)
        storage.parent.mkdir(parents=True, exist_ok=True)
    search = Search(objective, dict(space), trials, dict(task or {}), storage, name, seed, sampler, pruner)
    with quiet():
        place, study = search.open()
        try:
            release_lost(place, study)
            teller = _Teller(progress, trials)
            teller.tell(study)
            if workers == 1:
                search.work(place, study, lambda: teller.tell(study))
            elif teller.state(study).finished < trials:
                _share(search, study, workers, teller)
        except (StorageInternalError, Timeout) as problem:
            raise CourseError(
                f"{place.called} failed during the search ({type(problem.__cause__ or problem).__name__}): what has "
                "finished is kept; search again to go on."
            ) from problem
    return study


def _check(space: Space, trials: int, workers: int, sampler: str) -> None:
    for what, value in (("trials", trials), ("workers", workers)):
        if not isinstance(value, int) or value < 1:
            raise CourseError(f"{what} is {value!r}: give a whole number of at least 1.")
    if sampler not in SAMPLERS:
        raise CourseError(f"There is no sampler {sampler!r}: choose one of {', '.join(SAMPLERS)}.")
    if not space:
        raise CourseError("The search space is empty: give at least one setting and its distribution.")


@dataclass(frozen=True)
class Search:
    """All that a worker needs to know."""

    objective: Callable[[Trial], float]
    space: Space
    trials: int
    task: Mapping
    storage: str | Path
    name: str
    seed: int
    sampler: str
    pruner: BasePruner | None

    def open(self) -> tuple[Place, Study]:
        place = open_place(self.storage)
        study = open_study(place, self.name, self.task, self.space)
        study.pruner = self.pruner or MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=1)
        return place, study

    def work(self, place: Place, study: Study, after: Callable[[], None] = lambda: None) -> None:
        """Run trials until there are enough; wait while others run the last ones, for they might die."""
        mother = multiprocessing.parent_process()
        with at_work() as worker:
            while mother is None or mother.is_alive():
                with place.lock:
                    release_lost(place, study)
                    found = study.get_trials(deepcopy=False)
                    if sum(map(has_finished, found)) >= self.trials:
                        return
                    trial = self._claim(study, [trial for trial in found if counts(trial)], worker)
                if trial is None:
                    time.sleep(POLL)
                else:
                    self._run(study, trial)
                    after()

    def _claim(self, study: Study, counting: list[FrozenTrial], worker: dict) -> Trial | None:
        """A trial to run, or None when those that count are enough if all of them end well."""
        if len(counting) >= self.trials:
            return None
        drawn = {trial.user_attrs.get("draw") for trial in counting}
        draw = next(number for number in count() if number not in drawn)
        # A sampler for each trial, or a search that goes on would begin with the same random settings as it did before.
        study.sampler = SAMPLERS[self.sampler](int(np.random.SeedSequence([self.seed, draw]).generate_state(1)[0]))
        trial = study.ask(self.space)
        trial.set_user_attr("draw", draw)
        trial.set_user_attr("worker", worker)
        earlier = [each for each in study.get_trials(deepcopy=False) if each.number < trial.number and counts(each)]
        if len(earlier) >= self.trials:  # another machine was faster
            study.tell(trial, state=TrialState.FAIL)
            return None
        return trial

    def _run(self, study: Study, trial: Trial) -> None:
        try:
            value = float(self.objective(trial))
            if not np.isfinite(value):
                raise Diverged(f"The objective became {value}")
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        except Diverged as problem:
            trial.set_user_attr("diverged", str(problem))
            study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        except BaseException:
            study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            raise
        else:
            study.tell(trial, value, skip_if_finished=True)


@dataclass
class _Teller:
    """Tells what has changed."""

    progress: Callable[[Progress], None] | None
    wanted: int
    told: Progress | None = None

    def state(self, study: Study) -> Progress:
        return progress_of(study, self.wanted)

    def tell(self, study: Study) -> None:
        if self.progress and (state := self.state(study)) != self.told:
            self.told = state
            self.progress(state)


def _share(search: Search, study: Study, workers: int, teller: _Teller) -> None:
    """Run the search in processes of their own, and watch it."""
    context = multiprocessing.get_context("fork" if can_fork() else "spawn")
    started = []
    for _ in range(workers):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_worker, args=(search, sender), daemon=True)
        process.start()
        sender.close()
        started.append((process, receiver))
    try:
        while any(process.is_alive() for process, _ in started):
            time.sleep(POLL)
            teller.tell(study)
    finally:  # nobody is left to work behind the back of an interrupted search
        for process, _ in started:
            process.terminate()
            process.join()
    if teller.state(study).finished >= search.trials:
        return
    for _, receiver in started:
        try:
            raise CourseError(receiver.recv())
        except EOFError:  # killed, without a word
            continue
    raise CourseError(
        f"All {workers} workers were ended from outside before the search was done, perhaps for lack of memory: search "
        "again to go on from here, with fewer workers."
    )


def _worker(search: Search, sender) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the first process's affair
    torch.set_num_threads(1)  # the other cores are busy
    with quiet():
        try:
            search.work(*search.open())
        except CourseError as problem:
            sender.send(str(problem))
        except Exception as problem:
            sender.send(f"A worker failed with {type(problem).__name__}: {problem}. The finished trials are kept.")
