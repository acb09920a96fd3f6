"""`tune`: a search of exactly so many trials, by one process or several, that can be stopped anywhere.

What counts. A study of N trials is one in which N trials have ended by themselves: complete, pruned, or diverged.
Diverged ones count, since they were tried, and a space in which all diverge must come to an end, too. A trial that
failed, was interrupted, or died with its process doesn't count, and another one is run for it.

What Optuna does. Each worker calls `study.optimize`. While a trial runs, a thread of its process writes a heartbeat
into the database; when that stops, Optuna fails the trial and queues its settings again.

What Optuna doesn't do, so that it stands in `worker.py` and `sampling.py`:

- the exact number: `MaxTrialsCallback` stops a worker when enough trials have finished, but those of the other workers
  still run and finish, too. With 4 workers, 20 of 20 searches had too many, and 16 of them 3 too many. A worker of ours
  starts a trial only while too few have finished or run, and gives it up before it trains if others took a number
  before it at the same moment. Given-up trials stay on record as failed;
- a process that dies after it has taken a trial and before its first heartbeat leaves a trial that Optuna never fails;
- a trial that was taken for dead, since its computer slept, ends `optimize` with an error; we go on with the next;
- one seed for several processes: each would draw the same settings.

Two workers that find a dead trial in the same moment may both queue it on SQLite, which has no row locks. Then its
settings are tried twice; the number of trials stays exact.
"""

import multiprocessing
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from filelock import Timeout
from optuna.exceptions import StorageInternalError
from optuna.pruners import BasePruner, MedianPruner
from optuna.study import Study
from optuna.trial import Trial

from course_utils.display.steps import Steps
from course_utils.errors import CourseError
from course_utils.experiments.arguments import seed_number, whole_number
from course_utils.experiments.search.progress import Progress, progress_of
from course_utils.experiments.search.sampling import SAMPLERS, STARTUP
from course_utils.experiments.search.storage import Space, find_address, quiet
from course_utils.experiments.search.worker import POLL, Search, run_worker
from course_utils.experiments.sending import pack

PATIENCE = 10  # seconds that a worker has to record the end of its trial when a search is stopped


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
    """Search until the study has `trials` finished trials in all, those of earlier calls included.

    An interrupt (Ctrl-C) leaves a study that the same call continues.

    Parameters
    ----------
    objective : callable
        Takes an Optuna trial, whose `params` hold a value for each setting, and returns the value to maximise. It may
        report and raise optuna.TrialPruned; it raises Diverged, or returns NaN, where training broke down. Any other
        error ends the search. With several workers and no fork (Windows, macOS, a GPU) it must be importable.
    space : Mapping
        A distribution of optuna.distributions for each setting.
    trials : int
        How many finished trials the study shall have: complete, pruned and diverged ones.
    task : Mapping, optional
        What else a study must agree in to be continued: data, network, seed; anything that JSON can hold.
    storage : str or Path, optional
        A SQLite file's name, or a URL such as ``sqlite:///studies.db``; a file in the data folder if left out.
    name : str
        The study's name in the storage.
    workers : int
        Processes that share the study; 1 works in this process.
    seed : int
        Of the sampler, from 0 to 4294967295. With one worker the settings depend on nothing else, also where a search
        goes on after trials that all ended by themselves.
    sampler : str
        "tpe" or "random".
    pruner : BasePruner, optional
        If left out, five trials run unpruned, then those below the median of the earlier ones are pruned.
    progress : callable, optional
        Called with the state whenever it has changed; a bar shows it if left out.

    Returns
    -------
    Study
        Besides the finished trials it may hold failed ones: lost with their process, or given up before they began.

    Raises
    ------
    CourseError
        For wrong arguments, for a storage that can't be used, for a study of another task or space, and when every
        worker ended before the search did.
    """
    trials, workers, seed = whole_number("trials", trials), whole_number("workers", workers), seed_number(seed)
    _check(space, sampler)
    address = find_address(storage, name)
    pruner = pruner or MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=1)
    search = Search(objective, dict(space), trials, dict(task or {}), address, name, seed, sampler, pruner)
    with quiet(), Steps(trials, "trials") as bar:
        try:
            rdb, study = search.open()
            teller = _Teller(progress or partial(_show, bar), study, trials)
            teller.tell()
            if teller.state().finished < trials:
                if workers == 1:
                    search.work(rdb, study, after=teller.tell)
                else:
                    # A connection that is open while we fork would be shared, and break.
                    rdb.engine.dispose()
                    _share(search, workers, teller)
        except (StorageInternalError, Timeout) as problem:
            raise CourseError(
                f"{address.label} failed during the search ({type(problem.__cause__ or problem).__name__}): what has "
                "finished is kept; search again to go on.",
                code="experiments.storage-failed",
            ) from problem
    return study


def _check(space: Space, sampler: str) -> None:
    """Refuse what no search can begin with."""
    if sampler not in SAMPLERS:
        raise CourseError(
            f"There is no sampler {sampler!r}: choose one of {', '.join(SAMPLERS)}.", code="experiments.argument"
        )
    if not space:
        raise CourseError(
            "The search space is empty: give at least one setting and its distribution.", code="experiments.argument"
        )


def _show(bar: Steps, state: Progress) -> None:
    bar.tell(min(state.finished, state.wanted), "" if state.best is None else f"best {state.best:.3g}")


@dataclass
class _Teller:
    """Tells what has changed."""

    progress: Callable[[Progress], None]
    study: Study
    wanted: int
    told: Progress | None = None

    def state(self) -> Progress:
        return progress_of(self.study, self.wanted)

    def tell(self) -> None:
        state = self.state()
        if state != self.told:
            self.told = state
            self.progress(state)


def _share(search: Search, workers: int, teller: _Teller) -> None:
    """Run the search in processes of their own, and watch it."""
    from course_utils.experiments.parallel import can_fork  # brings torch

    forks = can_fork()
    context: Any = multiprocessing.get_context("fork" if forks else "spawn")
    parcel = search if forks else pack(search)
    started: list[tuple[BaseProcess, Connection]] = []
    try:
        for _ in range(workers):
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=run_worker, args=(parcel, sender), daemon=True)
            process.start()
            sender.close()
            started.append((process, receiver))
        while any(process.is_alive() for process, _ in started):
            time.sleep(POLL)
            teller.tell()
    finally:  # nobody is left to work behind the back of an interrupted search
        for process, _ in started:
            process.terminate()
        for process, _ in started:
            process.join(PATIENCE)
            process.kill()
            process.join()
    if teller.state().finished >= search.trials:
        return
    for _, receiver in started:
        try:
            problem = receiver.recv()
        except EOFError:  # killed, without a word
            continue
        raise problem
    reason = "for lack of memory" if forks else "for lack of memory, or of a script's `if __name__ == '__main__':`"
    raise CourseError(
        f"All {workers} workers were ended from outside before the search was done, perhaps {reason}: search again to "
        "go on from here, with fewer workers.",
        code="experiments.workers-killed",
    )
