"""implicit's recommenders beside the course's own, and what they refuse."""

import sys
import warnings

import numpy as np
import pytest
from support.errors import refused

from course_utils.tasks.tables.recommending import neighbours
from course_utils.tasks.tables.with_implicit import implicit_factors, implicit_neighbours

RATED = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 1, 0]], np.float32)
SOLD = np.ones(4, bool)


def test_all_neighbours_kept_it_agrees_with_the_courses_own():
    pytest.importorskip("implicit")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert implicit_neighbours(RATED, 4) == pytest.approx(neighbours(RATED), abs=1e-6)
    assert not implicit_neighbours(RATED, 1).any(), "the closest item is the item itself"


def test_factors_find_the_groups_without_a_warning_and_leave_out_what_isnt_sold():
    pytest.importorskip("implicit")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = implicit_factors(RATED, SOLD, factors=2, decay=0.01)
    assert scores[3, 1] > scores[3, 2:].max() and scores[4, 3] > scores[4, :2].max()
    closed = implicit_factors(RATED[:2], np.array([True, True, False, False]), factors=2, decay=0.01)
    assert np.isneginf(closed[:, 2:]).all() and np.isfinite(closed[:, :2]).all()


def test_a_missing_library_and_ratings_that_dont_fit_are_named(monkeypatch):
    with refused("tasks.lengths-differ"):
        implicit_factors(RATED, SOLD[:3])
    for name in ("implicit.als", "implicit.nearest_neighbours"):
        monkeypatch.setitem(sys.modules, name, None)
    for call in (lambda: implicit_neighbours(RATED), lambda: implicit_factors(RATED, SOLD)):
        with refused("tasks.extra-missing", "implicit"):
            call()
