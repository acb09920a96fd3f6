"""Values are compared as a teacher would: what is the same to a person is the same here, and nothing else is."""

import collections
import dataclasses
import datetime
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from course_utils.grading.marking.comparing import Rules, incomparable, same, trouble
from course_utils.grading.sandbox.values import Raised, decode, encode

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Pair:
    one: int
    two: float


def judged(expected, given, **rules):
    return same(decode(encode(expected)), decode(encode(given)), Rules(**rules))


def tables():
    pd = pytest.importorskip("pandas")
    return pd.Series([2.0, 1.0], ["b", "a"]), pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        ([1, 4], (1, 4)),
        ([1, 4], range(1, 7, 3)),
        ([1, 4], map(int, "14")),
        ([1, 4], np.array([1, 4])),
        ([1, 4], (one for one in (1, 4))),
        ((1, 4), Point(1, 4)),
        ({"a": 1}, collections.Counter("a")),
        ({"a": [1]}, collections.defaultdict(list, a=[1])),
        ({"a": 1, "b": 2}, collections.OrderedDict(b=2, a=1)),
        (3, np.array(3)),
        (3.0, np.float32(3)),
        (0.5, Fraction(1, 2)),
        (0.5, Decimal("0.5")),
        (1 + 1e-9, 1.0),
        (1 + 2j, 1 + 1e-9 + 2j),
        (0.0, 1e-12),
        (math.nan, math.nan),
        ([math.inf], [math.inf]),
        ({0.3}, {0.1 + 0.2}),
        (Pair(1, 0.3), Pair(1, 0.1 + 0.2)),
        (datetime.date(2026, 1, 1), datetime.date(2026, 1, 1)),
        (np.array([[1.0, 2.0]], "float32"), np.array([[1.0, 2.0 + 1e-7]])),
        (np.array([1e3, 0.0], "float32"), np.array([1e3, 1e-5], "float32")),
        ("Ü", np.str_("Ü")),
        ([None, b"x"], [None, b"x"]),
    ],
)
def test_what_a_teacher_takes_as_the_same(expected, given):
    assert judged(expected, given)


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (0.0, 1e-7),
        ([0.0, 0.0], np.array([0.0, 1e-7])),
        (4000, 4001),
        (10**20, 10**20 + 1),
        (np.array([10**6, 1]), np.array([10**6, 2])),
        (True, 1),
        ([1, 4], [4, 1]),
        ([1, 4], {1, 4}),
        ([1, 4], "14"),
        (1, [1]),
        (1 + 2j, 1 - 2j),
        ({"a": 1}, {"a": 1, "b": 0}),
        ({1, 2}, {1, 3}),
        (math.inf, -math.inf),
        (Pair(1, 0.3), Pair(1, 0.4)),
        ([1, 2], [1, 2, 3]),
        (object(), object()),
    ],
)
def test_what_a_teacher_would_not(expected, given):
    assert not judged(expected, given)


def test_tables_are_compared_with_their_order_and_index():
    series, frame = tables()
    assert judged(series, series.copy()) and judged(frame, frame.copy())
    assert not judged(series, dict(series)) and not judged(series, list(series)) and not judged(series, series[::-1])
    assert not judged(frame, frame[::-1]) and not judged(frame, frame[["y", "x"]])
    assert not judged(frame, frame.set_axis([5, 6])) and judged(frame, frame.set_axis([5, 6]), index=False)
    assert judged(frame, frame[::-1], order=False) and judged(series, series[::-1], order=False)
    assert judged([2.0, 1.0], series), "where a list is asked for, a series counts by its values"
    assert not judged(frame.loc[[0, 0, 1]], frame.loc[[0, 1, 1]], index=False, order=False), "duplicates count"


def test_an_item_may_be_stricter_or_looser():
    assert not judged([1, 4], (1, 4), exact=True) and not judged([1], [1.0], exact=True)
    assert judged([1, 4], [4, 1], order=False) and not judged([1, 4, 4], [1, 1, 4], order=False)
    assert not judged(np.zeros(2), np.zeros(2, "float32"), dtype=True) and judged(np.zeros(2), np.zeros(2), dtype=True)
    assert judged(100.0, 104.0, tolerance=0.05) and judged(0.0, 0.05, absolute=0.1) and judged(100, 104, tolerance=0.05)


def test_an_error_is_the_same_as_one_of_its_kind():
    value, key = Raised(["ValueError", "Exception"]), Raised(["KeyError", "LookupError"])
    assert judged([1, value], [1, Raised(["JSONDecodeError", "ValueError", "Exception"])])
    assert not judged([value], [key]) and not judged([value], [None]) and not judged([None], [value])


def test_another_type_is_named():
    series, _ = tables()
    assert trouble(decode(encode(series)), {"a": 1}) == "a dict, and a Series is asked for"
    assert trouble([1], None) == "None, and a list is asked for"
    assert trouble([1], (1,)) == trouble(1, 2.0) == ""


def test_what_can_not_be_compared_is_told():
    assert incomparable(decode(encode([1, {"a": (Pair(1, 2), len)}]))) == "builtin_function_or_method"
    assert incomparable(decode(encode([1, {"a": (Pair(1, 2), np.zeros(3))}]))) == ""


def test_tables_and_tensors_travel_as_inputs():
    series, frame = tables()
    assert decode(encode(frame), native=True).equals(frame) and decode(encode(series), native=True).equals(series)


@pytest.mark.parametrize(
    "sent",
    [
        {"table": [False, {"list": ["x"]}, {"list": []}, [{"list": [None]}]]},
        {"table": [True, {"list": []}, {"list": []}, []]},
        {"table": [False, {"list": []}, "x", []]},
        {"record": ["x", {"list": []}]},
        {"parts": ["x"]},
        {"raised": "x"},
        {"raised": [{}]},
    ],
)
def test_forged_tables_and_records_are_no_values(sent):
    with pytest.raises(ValueError):
        decode(sent)
