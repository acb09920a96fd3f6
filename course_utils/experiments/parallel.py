"""Independent runs at the same time, each in a process of its own."""

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import joblib
import torch

from course_utils.machine import observe


def run_parallel(function: Callable, calls: Iterable[tuple], jobs: int | None = None) -> list:
    """Return `[function(*call) for call in calls]`, computed several at a time.

    A call that draws random numbers must set its own seed: which of the processes it runs in is left to chance.

    Parameters
    ----------
    function : callable
        Where processes can't be forked and `jobs` is above 1, it must be importable.
    calls : iterable of tuple
        Arguments.
    jobs : int, optional
        How many at a time; if left out, two where a second core is free and processes can be forked, else one.
    """
    jobs = jobs or (min(2, observe().cores) if can_fork() else 1)
    runs = [(index, function, call) for index, call in enumerate(calls)]
    return [result for _, result in sorted(unordered(_index_and_result, runs, jobs), key=lambda pair: pair[0])]


def unordered(function: Callable, items: list, jobs: int) -> Iterator[Any]:
    """Yield `function(item)` of each item, in the order in which they end.

    Closing the generator drops those that have not begun.
    """
    if jobs == 1:
        yield from map(function, items)
    elif can_fork():
        # Copies of this process share all that it has imported, which for torch and fastai is most of their memory.
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork"), _prepare) as pool:
            try:
                for done in as_completed([pool.submit(function, item) for item in items]):
                    yield done.result()
            finally:
                pool.shutdown(cancel_futures=True)
    else:
        runs = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
        yield from runs(joblib.delayed(function)(item) for item in items)


def can_fork() -> bool:
    """Return whether a copy of this process can train: on Linux, without a GPU, whose state can't be copied."""
    return multiprocessing.get_start_method() == "fork" and not torch.cuda.is_available()


def _prepare() -> None:
    """In a new process."""
    torch.set_num_threads(1)  # the first process's threads were not copied; and the other cores are busy
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the first process's affair


def _index_and_result(run: tuple[int, Callable, tuple]) -> tuple[int, Any]:
    index, function, call = run
    return index, function(*call)
