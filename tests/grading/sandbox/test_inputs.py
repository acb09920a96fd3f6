"""What an author's inputs are is what a student's function gets: tables as they were, functions, times."""

import datetime
import functools
import math
import operator

import numpy as np
import pandas as pd
import pytest

from course_utils.grading.marking.comparing import Rules, incomparable, same
from course_utils.grading.sandbox.functions import Function
from course_utils.grading.sandbox.values import NoValue, decode, encode

DAYS = pd.date_range("2026-01-30", periods=3, freq="D")
LEVELS = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["group", "n"])
SERIES = {
    "named": pd.Series([1, 2, 3], name="x"),
    "dates below": pd.Series([1.0, 2.0, 3.0], DAYS),
    "two levels": pd.Series([1, 2, 3], LEVELS),
    "missing": pd.Series([1.0, None, 3.0], ["a", "b", "a"]),
    "missing times": pd.Series([DAYS[0], pd.NaT, DAYS[2]]),
    "in a time zone": pd.Series(DAYS.tz_localize("Europe/Berlin")),
    "durations": pd.Series(pd.to_timedelta([1, 2, 90], "min")),
    "nullable": pd.Series([1, None, 3], dtype="Int64"),
    "words": pd.Series(["a", None, "c"]),
    "truth": pd.Series([True, False, True]),
    "categories": pd.Series(["a", "b", "a"], dtype="category"),
    "empty": pd.Series([], dtype=float),
    "tuples in it": pd.Series([(1, 2), (3, 4)]),
}
FRAMES = {
    "of all kinds": pd.DataFrame({"n": [1, 2, 3], "day": DAYS, "word": ["a", None, "c"], "x": [0.5, math.nan, 2]}),
    "two levels below": pd.DataFrame({"x": [1, 2, 3]}, LEVELS),
    "two levels above": pd.DataFrame([[1, 2, 3]] * 2, columns=LEVELS),
    "named index": pd.DataFrame({"x": [1, 2]}, pd.Index(["a", "b"], name="who")),
    "named columns": pd.DataFrame({"x": [1]}).rename_axis(columns="what"),
    "twice the same label": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "no rows": pd.DataFrame({"x": pd.Series([], dtype="int64"), "y": pd.Series([], dtype="datetime64[s]")}),
    "no columns": pd.DataFrame(index=[1, 2]),
    "float32": pd.DataFrame({"x": np.zeros(2, "float32")}),
    "numbers as labels": pd.DataFrame({0: [1], 2026: [2]}),
}


def there(value):
    return decode(encode(value, functions=True), native=True)


@pytest.mark.parametrize("name", SERIES)
def test_a_series_arrives_as_it_was(name):
    pd.testing.assert_series_equal(there(SERIES[name]), SERIES[name], check_freq=False, check_categorical=False)
    assert judged(SERIES[name], SERIES[name].copy())


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_arrives_as_it_was(name):
    pd.testing.assert_frame_equal(there(FRAMES[name]), FRAMES[name], check_freq=False, check_column_type=False)
    assert judged(FRAMES[name], FRAMES[name].copy())


@pytest.mark.parametrize(
    "value",
    [
        datetime.date(2026, 1, 2),
        datetime.datetime(2026, 1, 2, 3, 4, 5, 6),
        datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        datetime.time(3, 4),
        datetime.timedelta(days=-1, microseconds=5),
        pd.Timestamp("2026-01-02 03:04", tz="Europe/Berlin"),
        pd.Timedelta("90 min"),
        np.datetime64("2026-01-02"),
        np.timedelta64(90, "m"),
    ],
)
def test_a_time_arrives_as_it_was(value):
    came = there(value)
    assert came == value and type(came) is type(value)
    assert judged(value, value) and not judged(value, None)


def test_an_array_of_times_arrives_as_it_was():
    times = np.array([["2026-01-02", "NaT"], ["2026-01-03", "2026-01-04"]], "datetime64[D]")
    came = there(times)
    assert came.dtype == times.dtype and came.shape == (2, 2) and np.isnat(came[0, 1])
    assert judged(times, times.copy()) and not judged(times, times[::-1])
    assert judged(times[1].astype("datetime64[ns]"), [datetime.datetime(2026, 1, 3), datetime.datetime(2026, 1, 4)])


def judged(expected, given, **rules):
    return same(decode(encode(expected)), decode(encode(given)), Rules(**rules))


def test_tables_are_judged_by_their_dates_levels_and_missing_values():
    frame = FRAMES["of all kinds"]
    assert not judged(frame, frame.assign(day=DAYS[::-1])) and not judged(frame, frame.assign(x=[0.5, 0.0, 2]))
    assert judged(frame, frame.assign(word=["a", math.nan, "c"])), "None and NaN are both a missing value"
    assert judged(frame, frame.assign(day=frame["day"].astype("datetime64[s]"))), "whatever the unit"
    two = FRAMES["two levels below"]
    assert not judged(two, two.swaplevel()) and not judged(two, two.reset_index())
    assert judged(two, two.reset_index(drop=True), index=False)
    assert judged(SERIES["nullable"], pd.Series([1.0, math.nan, 3.0]))


def power(base, exponent=2):
    return base**exponent


def twice(function):
    return lambda x: function(function(x))


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (lambda x: x**2, (3,)),
        (power, (3,)),
        (lambda x, k=5, *, j=2: x * k + j, (3,)),
        (twice(lambda x: x + 1), (0,)),
        (even, (10,)),
        (lambda x: np.sin(x) + math.pi, (0.5,)),
        (lambda table: table["x"].sum(), (FRAMES["named index"],)),
        (np.sin, (0.5,)),
        (math.sqrt, (2.0,)),
        (len, ([1, 2],)),
        (sorted, ([2, 1],)),
        (functools.partial(power, exponent=3), (2,)),
        (operator.add, (1, 2)),
        (float, ("1.5",)),
        (np.linalg.norm, (np.array([3.0, 4.0]),)),
        (str.upper, ("a",)),
    ],
)
def test_a_function_arrives_and_gives_what_it_gave(function, arguments):
    assert there(function)(*arguments) == function(*arguments)
    assert not incomparable(decode(encode(function, functions=True)))


def test_functions_drawn_for_a_student_keep_what_was_drawn():
    made = [(lambda x, a=a: a * x, a) for a in (2.0, 3.0)] + [((lambda a: lambda x: a * x)(4.0), 4.0)]
    assert [f(10.0) / a for f, a in there(made)] == [10.0, 10.0, 10.0]
    assert there(lambda: math)().__name__ == "math"


def test_what_a_function_needs_and_can_not_be_sent_is_named():
    rng = np.random.default_rng(0)
    noisy = lambda x: x + rng.normal()  # noqa: E731  # as an author writes it
    assert incomparable(decode(encode([(noisy, 1.0)], functions=True))) == "Generator"
    assert incomparable(decode(encode([open], functions=True))) == ""  # io.open, which can be imported


def test_where_the_keys_are_no_function_is_rebuilt():
    sent = encode([lambda x: x, np.sin, functools.partial(power, exponent=3)], functions=True)
    found = decode(sent)
    assert all(type(one) is Function for one in found)
    assert not same(found, decode(sent), Rules())
    for forged in ({"import": ["os", "system"]}, {"module": "antigravity"}):
        assert type(decode(forged)) is Function
    for forged in ({"function": {"code": ""}}, {"function": 5}, {"partial": 5}, {"times": ["x", 5, 5]}, {"time": [1]}):
        with pytest.raises(NoValue):
            decode(forged)


def test_a_students_function_is_no_value():
    assert incomparable(decode(encode(lambda x: x))) == "function"
