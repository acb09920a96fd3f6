"""Honest comparisons: means with 95% intervals over repeated runs, and differences between paired runs."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from course_utils.errors import CourseError


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean of repeated runs and the half-width of its 95% interval (Student's t with n - 1 degrees of freedom).

    `values`: one number a run, in any unit; both results have that unit. One run, or a value that is not finite,
    raises CourseError: a single run says nothing about its own spread.
    """
    runs = np.asarray(values, dtype=float)
    if runs.ndim != 1 or len(runs) < 2:
        raise CourseError(
            f"An interval needs a list of two or more runs but got shape {runs.shape}: repeat with more seeds."
        )
    if not np.isfinite(runs).all():
        raise CourseError(
            "An interval needs finite values but got NaN or infinity: look for the run that diverged and repeat it."
        )
    return float(runs.mean()), float(stats.t.ppf(0.975, len(runs) - 1) * stats.sem(runs))


def paired_difference(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Mean of a - b and the half-width of its 95% interval, where run i of both arms shares its seed and its split.

    Pairing takes the luck that both arms share out of the interval. Arms of different lengths raise CourseError.
    """
    if len(a) != len(b):
        raise CourseError(
            f"Paired runs need one b for each a but got {len(a)} and {len(b)}: run both arms on the same seeds."
        )
    return mean_interval(np.asarray(a, dtype=float) - np.asarray(b, dtype=float))
