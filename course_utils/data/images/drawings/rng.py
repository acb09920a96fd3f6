"""Draws the random numbers of a batch of images, each image from its own seed, and keeps them by name."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def streams(seeds: Sequence[int | Sequence[int]], length: int) -> np.ndarray:
    """Return `length` raw 64-bit numbers for each seed: uint64 (n, length).

    PCG64's raw stream is the part of numpy's random numbers that is promised never to change (NEP 19); the
    distributions built on it are not.
    """
    return np.stack([np.random.PCG64(seed).random_raw(length) for seed in seeds])


class BatchRng:
    """Hands out one number per image at a time, always in the same order; `factors` keeps the named ones."""

    def __init__(self, raw: np.ndarray) -> None:
        self._units = (raw >> np.uint64(11)) * 2.0**-53  # 0 <= u < 1
        self._used = 0
        self.factors: dict[str, np.ndarray] = {}

    def between(self, low: ArrayLike, high: ArrayLike, name: str = "") -> np.ndarray:
        """Return a number (n,) between low and high."""
        value = np.asarray(low) + (np.asarray(high) - np.asarray(low)) * self._units[:, self._used]
        self._used += 1
        return self.keep(name, value)

    def chance(self, share: ArrayLike, name: str = "") -> np.ndarray:
        """Return True (n,) for about this share of the images."""
        return self.keep(name, self.between(0.0, 1.0) < share)

    def pick(self, options: Sequence[str] | Sequence[int], name: str = "") -> np.ndarray:
        """Return the index (n,) of one of the options; the option itself is kept."""
        index = self.between(0.0, len(options)).astype(int)
        self.keep(name, np.asarray(options)[index])
        return index

    def number(self, numbers: Sequence[int], name: str = "") -> np.ndarray:
        """Return one of the whole numbers (n,); one that is listed twice comes twice as often."""
        return self.keep(name, np.asarray(numbers)[self.pick(numbers)])

    def keep(self, name: str, value: Any) -> np.ndarray:
        """Keep a factor under a name ('' keeps nothing) and return it."""
        if name:
            self.factors[name] = value
        return value
