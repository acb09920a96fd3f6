"""A search by several processes, some of which are killed: exactly the trials asked for finish, and none is lost."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.trial import TrialState
from support.errors import refused
from support.searches import SPACE, broken, finished, height, slow

from course_utils.experiments import parallel
from course_utils.experiments.parallel import can_fork
from course_utils.experiments.search import storage, tune, worker
from course_utils.experiments.search.worker import GentleStop

needs_fork = pytest.mark.skipif(not can_fork(), reason="two workers of a test's function need a fork")


@needs_fork
def test_four_workers_share_a_study_without_one_trial_too_many():
    def note_process(trial):
        trial.set_user_attr("process", os.getpid())
        return slow(trial)

    told = []
    study = tune(note_process, SPACE, 11, storage="a.db", workers=4, progress=told.append)
    assert [trial.state for trial in finished(study)] == [TrialState.COMPLETE] * 11
    processes = {trial.user_attrs["process"] for trial in finished(study)}
    assert len(processes) > 1 and os.getpid() not in processes
    assert len({trial.params["lr"] for trial in finished(study)}) == 11
    assert told[-1].finished == 11 and max(state.running for state in told) <= 4
    assert len(finished(tune(slow, SPACE, 13, storage="a.db", workers=2))) == 13


@needs_fork
def test_two_searches_that_start_together_make_one_study():
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=tune, args=(slow, SPACE, 7), kwargs={"storage": "a.db"}) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    study = tune(broken, SPACE, 7, storage="a.db")
    assert len(finished(study)) == 7 and len({trial.params["lr"] for trial in finished(study)}) == 7


@needs_fork
def test_a_worker_that_is_killed_leaves_its_settings_to_the_other():
    def kill_itself_once(trial):
        if trial.number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return slow(trial)

    study = tune(kill_itself_once, SPACE, 6, storage="a.db", workers=2)
    assert len(finished(study)) == 6 and study.trials[3].state == TrialState.FAIL
    assert [trial.params for trial in finished(study)].count(study.trials[3].params) == 1


@needs_fork
def test_workers_that_are_all_killed_or_broken_are_told():
    with refused("experiments.workers-killed", "All 2 workers"):
        tune(lambda trial: os.kill(os.getpid(), signal.SIGKILL), SPACE, 4, storage="a.db", workers=2)
    with refused("experiments.worker-failed", "KeyError: 'no such image'"):
        tune(broken, SPACE, 4, storage="a.db", workers=2)
    assert len(finished(tune(height, SPACE, 4, storage="a.db"))) == 4


@pytest.fixture
def spawning(monkeypatch):
    """Processes are made anew, as on Windows and macOS: nothing of this one is in them but what they are sent."""
    monkeypatch.setattr(parallel, "can_fork", lambda: False)


def test_an_objective_of_a_notebook_goes_to_new_processes(spawning):
    middle = 0.01  # neither the function nor what it uses could be imported there

    def closeness(trial):
        trial.set_user_attr("process", os.getpid())
        return -abs(trial.params["lr"] - middle)

    study = tune(closeness, SPACE, 2, storage="a.db", workers=2)
    assert len(finished(study)) == 2 and os.getpid() not in {trial.user_attrs["process"] for trial in study.trials}


def test_what_can_not_be_sent_to_new_processes_says_what_to_move_where(spawning):
    lock = threading.Lock()
    with refused("experiments.not-sent", "lock", "runs.py"):
        tune(lambda trial: lock.acquire(), SPACE, 2, storage="a.db", workers=2)


@needs_fork
def test_an_interrupt_ends_all_workers_and_the_study_goes_on():
    def interrupt(state):
        if state.finished and state.running == 2:
            signal.raise_signal(signal.SIGINT)

    def soon_endless(trial):
        time.sleep(0.1 if trial.number < 2 else 60)
        return height(trial)

    with pytest.raises(KeyboardInterrupt):
        tune(soon_endless, SPACE, 100, storage="a.db", workers=2, progress=interrupt)
    assert not [
        child for child in multiprocessing.active_children() if "Loky" not in child.name
    ]  # joblib keeps its own
    study = tune(broken, SPACE, 1, storage="a.db")
    before = len(finished(study))
    assert 1 <= before <= 2
    # The workers have recorded the end of their trials: nobody has to wait for their heartbeats to end.
    assert not study.get_trials(states=(TrialState.RUNNING,))
    assert len(finished(tune(height, SPACE, before + 2, storage="a.db"))) == before + 2


@pytest.mark.parametrize("moment", ["a setting is drawn", "a trial has ended", "the objective runs"])
def test_a_stop_at_any_moment_leaves_no_trial_that_seems_to_run(moment, monkeypatch):
    stop, drawing = GentleStop(), worker.suggest

    def draw(*arguments):
        if moment == "a setting is drawn":
            stop()
        return drawing(*arguments)

    def objective(trial):
        if moment == "the objective runs":
            stop()
            pytest.fail("the objective went on")
        return height(trial)

    monkeypatch.setattr(worker, "suggest", draw)
    address = storage.find_address("a.db", "study")
    search = worker.Search(objective, SPACE, 9, {}, address, "study", 0, "random", optuna.pruners.NopPruner())
    rdb, study = search.open()
    with storage.quiet(), pytest.raises(KeyboardInterrupt):
        search.work(rdb, study, after=stop if moment == "a trial has ended" else lambda: None, stop=stop)
    assert len(study.trials) == 1 and not study.get_trials(states=(TrialState.RUNNING,))


SEARCH = """
from support.searches import SPACE, slow
from course_utils.experiments.search import storage, tune
storage.HEARTBEAT, storage.GRACE = 1, 2
tune(slow, SPACE, 12, storage="a.db", workers={workers}, seed=1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_search_killed_in_the_middle_finishes_exactly_the_remaining_trials(workers):
    script = SEARCH.format(workers=workers)
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    search = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        env=os.environ | {"PYTHONPATH": paths},
        start_new_session=True,
    )
    wait_for(lambda: finished_in("a.db") >= 3)
    processes = psutil.Process(search.pid).children(recursive=True)
    os.killpg(search.pid, signal.SIGKILL)  # the search and its workers
    search.wait()
    wait_for(lambda: not any(map(is_there, processes)))
    before = finished_in("a.db")
    assert 3 <= before < 12
    told = []
    study = tune(slow, SPACE, 12, storage="a.db", seed=1, progress=told.append)
    assert told[0].finished == before and told[-1].running == 0
    assert len(finished(study)) == 12
    lost = [trial for trial in study.trials if trial.state == TrialState.FAIL]
    assert len(lost) <= workers
    settings = [trial.params for trial in finished(study)]
    assert all(trial.params in settings for trial in lost if len(trial.params) == len(SPACE))


def is_there(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition, seconds: float = 60) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.05)


def finished_in(file: str) -> int:
    if not Path(file).exists():
        return 0
    try:  # with its lock: two processes that make the tables of one file collide
        rdb = storage.open_storage(storage.find_address(file, "study"))
        return len(finished(optuna.load_study(study_name="study", storage=rdb)))
    except Exception:  # the study is just being made
        return 0


@needs_fork
def test_workers_end_when_their_search_is_killed():
    script = SEARCH.format(workers=2)
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    search = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script.replace("12", "10_000")],
        env=os.environ | {"PYTHONPATH": paths},
        start_new_session=True,
    )
    try:
        wait_for(lambda: finished_in("a.db") >= 2)
        processes = psutil.Process(search.pid).children(recursive=True)
        search.kill()
        search.wait()
        wait_for(lambda: not any(map(is_there, processes)), 20)
    finally:
        if search.poll() is None:
            os.killpg(search.pid, signal.SIGKILL)


@needs_fork
def test_a_trial_that_runs_longer_than_the_grace_period_is_not_taken_for_dead():
    release = threading.Timer(3.5, Path("done").touch)
    release.start()

    def wait_once(trial):
        while trial.number == 0 and not Path("done").exists():
            time.sleep(0.1)
        return height(trial)

    study = tune(wait_once, SPACE, 3, storage="a.db", workers=2)
    assert len(study.trials) == 3 and not study.get_trials(states=(TrialState.FAIL,))
