"""The most memory that a block of code takes."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

STATUS = Path("/proc/self/status")


@dataclass
class Memory:
    """Bytes over those at the start."""

    peak: int = 0


@contextmanager
def peak_memory(interval: float = 0.02) -> Iterator[Memory]:
    """Measure the most memory that a block of code takes.

    On a CUDA device it is the device's, as torch counts it; else what this process itself allocated (see `allocated`),
    sampled every `interval` seconds.
    """
    memory = Memory()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        start = torch.cuda.memory_allocated()
        yield memory
        memory.peak = torch.cuda.max_memory_allocated() - start
        return
    ended, start = threading.Event(), allocated()

    def sample() -> None:
        while True:
            memory.peak = max(memory.peak, allocated() - start)
            if ended.wait(interval):
                return

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield memory
    finally:
        ended.set()
        sampler.join()


def allocated() -> int:
    """Count the bytes that this process has allocated and used, wherever they are now.

    Its resident size would fall whenever a system that is short of memory moves some of it to disk, or drops pages of
    libraries, which it can read again. So on Linux the anonymous memory is counted, in RAM and swapped out; on Windows
    the private bytes. Elsewhere it is the resident size.
    """
    try:
        status = STATUS.read_text(encoding="ascii")
    except OSError:
        status = ""
    sizes = dict(re.findall(r"^(RssAnon|VmSwap):\s+(\d+) kB$", status, re.MULTILINE))
    if "RssAnon" in sizes:
        return 1024 * sum(map(int, sizes.values()))
    taken = psutil.Process().memory_info()
    return getattr(taken, "private", taken.rss)
