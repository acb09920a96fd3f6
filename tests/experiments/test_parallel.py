"""Runs in processes of their own give what they would give one after the other."""

import os
import sys
import threading
import time
from types import ModuleType

import numpy as np
import pytest
import torch
from support.errors import refused

from course_utils.experiments import parallel, run_parallel
from course_utils.experiments.parallel import can_fork, unordered


def where(number: int) -> tuple[int, int]:
    time.sleep(0.3)
    return number, os.getpid()


def draw(seed: int) -> float:
    torch.manual_seed(seed)
    return torch.nn.Linear(50, 50)(torch.randn(64, 50)).square().mean().item()


def fail(number: int) -> int:
    if number == 2:
        raise ValueError("number 2 can't be done")
    return number


def test_results_come_in_the_order_of_the_calls_from_two_processes():
    found = run_parallel(where, [(number,) for number in range(6)], jobs=2)
    assert [number for number, _ in found] == list(range(6))
    processes = {process for _, process in found}
    assert len(processes) == 2 and os.getpid() not in processes


def test_one_job_stays_in_this_process():
    assert {process for _, process in run_parallel(where, [(1,), (2,)], jobs=1)} == {os.getpid()}


def test_a_seeded_run_gives_the_same_wherever_it_runs():
    draw(0)  # this process has used its threads before the others are made
    calls = [(seed,) for seed in range(4)]
    assert run_parallel(draw, calls, jobs=2) == pytest.approx([draw(*call) for call in calls])


@pytest.mark.parametrize("jobs", (1, 2))
def test_an_error_reaches_the_caller(jobs):
    with pytest.raises(ValueError, match="number 2"):
        run_parallel(fail, [(number,) for number in range(4)], jobs=jobs)


def test_closing_drops_what_has_not_begun():
    runs = unordered(where, list(range(40)), jobs=2)
    next(runs)
    began = time.monotonic()
    runs.close()
    assert time.monotonic() - began < 3  # all of them would take six seconds


@pytest.mark.skipif(torch.cuda.is_available(), reason="a process that uses a GPU can't be forked")
def test_where_processes_cannot_be_forked_runs_go_one_by_one_unless_asked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert not can_fork()
    assert {process for _, process in run_parallel(where, [(1,), (2,)])} == {os.getpid()}
    monkeypatch.setattr(parallel, "ProcessPoolExecutor", None)
    assert sorted(unordered(lambda number: number + 1, [1, 2, 3], jobs=2)) == [2, 3, 4]


def test_an_empty_list_is_done_at_once():
    assert run_parallel(where, [], jobs=2) == []


def test_a_quota_of_one_core_leaves_all_calls_in_this_process(quota_of_one_core):
    assert {process for _, process in run_parallel(where, [(1,), (2,)])} == {os.getpid()}


# ------------------------------------------------------------------------- closures, and processes that can't be forked


def thirds(number: int) -> int:
    return number // 3


@pytest.fixture
def spawning(monkeypatch):
    """Processes are made anew, as on Windows and macOS: nothing of this one is in them but what they are sent."""
    monkeypatch.setattr(parallel, "can_fork", lambda: False)


def test_a_local_function_and_what_it_holds_run_in_copies_of_this_process():
    lock, offset = threading.Lock(), 10  # a lock can't be sent anywhere

    def add(number: int) -> int:
        with lock:
            return number + offset

    assert run_parallel(add, [(1,), (2,)], jobs=2) == [11, 12]
    assert sorted(unordered(lambda number: number * offset, [1, 2], jobs=2)) == [10, 20]


def test_a_local_function_runs_in_new_processes_too(spawning):
    offset = 10
    found = list(unordered(lambda number: (number + offset, os.getpid()), [1, 2], jobs=2))
    assert {number for number, _ in found} == {11, 12} and os.getpid() not in {process for _, process in found}


def test_what_can_not_be_sent_says_what_to_move_where(spawning):
    lock = threading.Lock()
    with refused("experiments.not-sent", "'_thread.lock'", "runs.py"):
        list(unordered(lambda number: lock.acquire(), [1, 2], jobs=2))


def test_a_function_of_a_module_that_new_processes_do_not_find_says_so(spawning, monkeypatch):
    hidden = ModuleType("not_on_the_path")
    exec("def double(number):\n    return 2 * number", vars(hidden))
    monkeypatch.setitem(sys.modules, "not_on_the_path", hidden)
    with refused("experiments.not-sent", "not_on_the_path"):
        list(unordered(hidden.double, [1, 2], jobs=2))


def test_a_process_that_is_ended_from_outside_is_told():
    with refused("experiments.workers-killed", "fewer jobs"):
        run_parallel(lambda number: os._exit(9), [(1,), (2,)], jobs=2)


@pytest.mark.parametrize("jobs", [0, -1, 1.5, "2", True])
def test_a_number_of_jobs_is_whole_and_at_least_one(jobs):
    with refused("experiments.argument", f"jobs is {jobs!r}"):
        run_parallel(thirds, [(1,)], jobs=jobs)
    assert run_parallel(thirds, [(7,)], jobs=np.int64(1)) == [2]
