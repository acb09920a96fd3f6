"""Names as people write them: which are one, and which are none."""

from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest

from course_utils.data.names import as_text, comparable, is_missing, one_of_each, rough


@pytest.mark.parametrize("nothing", [None, np.nan, float("nan"), pd.NA, pd.NaT, "", "  ", "nan", "NaN", "<NA>"])
def test_what_is_missing(nothing):
    assert is_missing(nothing)


@pytest.mark.parametrize("name", ["None", "none", "na", 0, 0.0, False, "0", (1, None)])
def test_what_may_be_a_name(name):
    assert not is_missing(name)


@pytest.mark.parametrize("value", [1, 1.0, "1", " 1", np.int64(1), np.float32(1), b"1"])
def test_one_number_has_one_name(value):
    assert as_text(value) == "1"


def test_other_values_keep_their_name():
    assert [as_text(value) for value in (True, np.True_, 0.5, "1.0", (1, "a"))] == [
        "True",
        "True",
        "0.5",
        "1.0",
        "(1, 'a')",
    ]
    assert comparable(normalize("NFD", " Läsion ")) == "Läsion"


def test_groups_written_in_two_ways_are_the_first_of_them():
    assert one_of_each([1, "1", 1.0, "p", " p", (2, 3)]) == [1, 1, 1, "p", "p", (2, 3)]


@pytest.mark.parametrize(
    "one, other",
    [("hot dog", "Hot_Dog"), ("a-b", "a b"), ("ﬁr", "fir"), ("cat\u200b", "cat"), ("1", "1.0"), ("01", "1")],
)
def test_names_that_people_take_for_one(one, other):
    assert rough(one) == rough(other)


@pytest.mark.parametrize("one, other", [("A+", "A-"), ("1-2", "12"), ("-1", "1"), ("1.5", "15"), ("C", "C#")])
def test_names_that_differ(one, other):
    assert rough(one) != rough(other)
