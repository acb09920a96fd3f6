"""Independent runs at the same time, each in a process of its own."""

import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pickle import PicklingError
from typing import Any

import joblib
import torch

from course_utils.display.steps import steps
from course_utils.errors import CourseError
from course_utils.experiments.arguments import whole_number
from course_utils.experiments.sending import not_sent
from course_utils.machine import observe


def run_parallel(function: Callable, calls: Iterable[tuple], jobs: int | None = None) -> list:
    """Return `[function(*call) for call in calls]`, computed several at a time.

    A call that draws random numbers must set its own seed: which of the processes it runs in is left to chance.

    Parameters
    ----------
    function : callable
        Any, also one that was defined in a notebook or in another function. Where processes can't be forked (on
        Windows and macOS, and with a GPU) and `jobs` is above 1, it is sent to the other processes together with all
        that it uses, which an open file or a lock can't be.
    calls : iterable of tuple
        Arguments.
    jobs : int, optional
        How many at a time; if left out, two where a second core is free and processes can be forked, else one.

    Raises
    ------
    CourseError
        For a number of jobs below 1 (`experiments.argument`), for what can't be sent to other processes
        (`experiments.not-sent`), and when a process was ended from outside (`experiments.workers-killed`).
    """
    if jobs is None:
        jobs = min(2, observe().cores) if can_fork() else 1
    runs = [(index, function, call) for index, call in enumerate(calls)]
    with closing(unordered(_index_and_result, runs, jobs)) as ended:
        return [result for _, result in sorted(steps(ended, len(runs), "runs"), key=lambda pair: pair[0])]


def unordered(function: Callable, items: list, jobs: int) -> Generator[Any]:
    """Yield `function(item)` of each item, in the order in which they end.

    Closing the generator, or an interrupt, drops those that have not begun, and ends the processes of the others at
    once. Raises what `run_parallel` raises.
    """
    jobs = whole_number("jobs", jobs)
    if jobs == 1:
        yield from map(function, items)
        return
    try:
        yield from (_forked if can_fork() else _sent)(function, items, jobs)
    except PicklingError as problem:
        raise not_sent(problem) from problem
    except BrokenProcessPool as problem:
        if "un-serialize" in str(problem):  # loky: a process couldn't read what it was sent
            raise not_sent(problem.__cause__ or problem) from problem
        raise CourseError(
            f"One of {jobs} processes was ended from outside, perhaps for lack of memory: run again with fewer jobs.",
            code="experiments.workers-killed",
        ) from problem


def _forked(function: Callable, items: list, jobs: int) -> Iterator[Any]:
    """Compute in copies of this process, which share all that it has imported: for torch most of their memory.

    They have the function and the items as well, so only results need to be sent.
    """
    context = multiprocessing.get_context("fork")
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(jobs, context, _prepare, (function, items)) as pool:
        try:
            for done in as_completed([pool.submit(_compute, index) for index in range(len(items))]):
                yield done.result()
        except BaseException:  # an error, an interrupt, or nobody wants the rest, for which a pool would wait
            for process in set(multiprocessing.active_children()) - others:
                process.kill()
            raise


def _sent(function: Callable, items: list, jobs: int) -> Iterator[Any]:
    """Compute in new processes; joblib sends them functions of a notebook, and local ones, as code."""
    runs = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    yield from runs(joblib.delayed(function)(item) for item in items)


def can_fork() -> bool:
    """Return whether a copy of this process can train: on Linux, without a GPU, whose state can't be copied."""
    return multiprocessing.get_start_method() == "fork" and not torch.cuda.is_available()


_inherited: tuple[Callable, list]  # what a copy of the first process computes


def _prepare(function: Callable, items: list) -> None:
    """In a new process."""
    global _inherited
    _inherited = function, items
    torch.set_num_threads(1)  # the first process's threads were not copied; and the other cores are busy
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the first process's affair


def _compute(index: int) -> Any:
    function, items = _inherited
    return function(items[index])


def _index_and_result(run: tuple[int, Callable, tuple]) -> tuple[int, Any]:
    index, function, call = run
    return index, function(*call)
