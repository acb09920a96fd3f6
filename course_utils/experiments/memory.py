"""The most memory that a block of code takes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch


@dataclass
class Memory:
    """Bytes over those at the start."""

    peak: int = 0


@contextmanager
def peak_memory(interval: float = 0.02) -> Iterator[Memory]:
    """Measure the most memory that a block of code takes.

    On a CUDA device it is the device's, as torch counts it; else this process's, sampled every `interval` seconds.
    """
    memory = Memory()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        start = torch.cuda.memory_allocated()
        yield memory
        memory.peak = torch.cuda.max_memory_allocated() - start
        return
    process, ended = psutil.Process(), threading.Event()
    start = process.memory_info().rss

    def sample() -> None:
        while True:
            memory.peak = max(memory.peak, process.memory_info().rss - start)
            if ended.wait(interval):
                return

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield memory
    finally:
        ended.set()
        sampler.join()
