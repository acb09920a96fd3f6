"""Intervals over repeated runs."""

import pytest
from support.errors import refused

from course_utils.statistics import mean_interval, paired_difference


def test_interval_is_students():
    mean, half_width = mean_interval([1, 2, 3, 4, 5])
    assert mean == 3
    # s = sqrt(2.5), n = 5, and 2.7764 is the 97.5% point of t with 4 degrees of freedom in any printed table
    assert half_width == pytest.approx(2.7764 * 2.5**0.5 / 5**0.5, rel=1e-4)


def test_equal_runs_have_no_width():
    assert mean_interval([0.9, 0.9, 0.9]) == (pytest.approx(0.9), pytest.approx(0))


def test_pairing_takes_out_the_luck_that_both_arms_share():
    luck = [0.0, 0.3, -0.2, 0.1]
    better = [0.8 + x for x in luck]
    worse = [0.7 + x for x in luck]
    assert paired_difference(better, worse) == (pytest.approx(0.1), pytest.approx(0, abs=1e-9))
    assert mean_interval(better)[1] > 0.1


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([0.9], "statistics.too-few-runs"),
        ([], "statistics.too-few-runs"),
        ([0.9, float("nan")], "statistics.not-finite"),
        ([[1, 2], [3, 4]], "statistics.too-few-runs"),
    ],
)
def test_what_has_no_interval_is_refused(values, code):
    with refused(code):
        mean_interval(values)


def test_unpaired_runs_are_refused():
    with refused("statistics.lengths-differ", "3 and 2"):
        paired_difference([1, 2, 3], [1, 2])
