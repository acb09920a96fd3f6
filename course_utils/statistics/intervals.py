"""Honest comparisons: means with 95% intervals over repeated runs, and differences between paired runs."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from course_utils.errors import CourseError


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of repeated runs and the half-width of its 95% interval.

    Parameters
    ----------
    values : sequence of float
        One number a run, in any unit; both results have that unit.

    Returns
    -------
    mean, half_width : float
        The interval is mean ± half_width, from Student's t with n - 1 degrees of freedom.

    Raises
    ------
    CourseError
        For a single run, which says nothing about its own variation, and for values that aren't finite.
    """
    runs = np.asarray(values, dtype=float)
    if runs.ndim != 1 or len(runs) < 2:
        raise CourseError(
            f"An interval needs a list of two or more runs but got shape {runs.shape}: repeat with more seeds.",
            code="statistics.too-few-runs",
        )
    if not np.isfinite(runs).all():
        raise CourseError(
            "An interval needs finite values but got NaN or infinity: look for the run that diverged and repeat it.",
            code="statistics.not-finite",
        )
    return float(runs.mean()), float(stats.t.ppf(0.975, len(runs) - 1) * stats.sem(runs))


def paired_difference(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Return the mean of a - b and the half-width of its 95% interval, where run i of both arms shares seed and split.

    Pairing takes the luck that both arms share out of the interval.

    Parameters
    ----------
    a, b : sequence of float
        One number a run; run i of both was made with the same seed.

    Returns
    -------
    mean, half_width : float
        As in `mean_interval`.

    Raises
    ------
    CourseError
        If the arms have different lengths, and as in `mean_interval`.
    """
    if len(a) != len(b):
        raise CourseError(
            f"Paired runs need one b for each a but got {len(a)} and {len(b)}: run both arms on the same seeds.",
            code="statistics.lengths-differ",
        )
    return mean_interval(np.asarray(a, dtype=float) - np.asarray(b, dtype=float))
