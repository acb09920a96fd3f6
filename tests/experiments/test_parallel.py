"""Runs in processes of their own give what they would give one after the other."""

import os
import time

import pytest
import torch

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
    assert sorted(number for number, _ in unordered(where, [1, 2, 3], jobs=2)) == [1, 2, 3]


def test_an_empty_list_is_done_at_once():
    assert run_parallel(where, [], jobs=2) == []


def test_a_quota_of_one_core_leaves_all_calls_in_this_process(quota_of_one_core):
    assert {process for _, process in run_parallel(where, [(1,), (2,)])} == {os.getpid()}
