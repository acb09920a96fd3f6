"""Values of any oddness: an honest answer's counts, a hostile one's is wrong, and nothing stops."""

import collections
import decimal
import fractions
import itertools
import json
import math
import random

import numpy as np
import pandas as pd
import pytest
import torch

from course_utils.grading.marking.comparing import Rules, incomparable, same, trouble
from course_utils.grading.marking.reading import number_of
from course_utils.grading.sandbox.values import NoValue, decode, encode
from course_utils.quiz.answers import judge
from course_utils.quiz.items import Number

NAN = float("nan")


def nested(times):
    one = []
    for _ in range(times):
        one = [one]
    return one


def holding_itself():
    one = {}
    one["one"] = [one]
    return one


class Odd(np.ndarray):
    """An array of a student's own class."""


VALUES = {
    "empties in a list": [[], []],
    "nothing": [],
    "an empty one": [[]],
    "an empty dict": {},
    "an empty set": set(),
    "rows of nothing": np.zeros((2, 0)),
    "no rows": np.zeros((0, 2), int),
    "an empty tensor": torch.zeros(0, 3),
    "an empty table": pd.DataFrame(),
    "a table of no columns": pd.DataFrame(index=[1, 2]),
    "a table of no rows": pd.DataFrame({"a": []}),
    "an empty series": pd.Series([], dtype=float),
    "NaN": NAN,
    "NaN as a key": {NAN: 1},
    "NaN in a key": {(NAN, 1): 1},
    "NaN in a set": {NAN, 1.0},
    "a count of a series": pd.Series([1.0, NAN, NAN]).value_counts(dropna=False).to_dict(),
    "True as a key": {True: 1},
    "a tuple as a key": {(1,): 1},
    "a whole number as a key": {1: 1},
    "a huge number": 10**5000,
    "its opposite": -(10**5000),
    "huge ones in a list": [10**5000, 1.5],
    "huge ones in a set": {10**400, 1.0},
    "half a character": "\ud800",
    "half a character as a key": {"\ud800": ["\udfff"]},
    "a deep list": nested(15),
    "a matrix": np.asmatrix([[1, 2]]),
    "a masked array": np.ma.array([1, 2], mask=[0, 1]),
    "an array of one's own class": np.arange(3).view(Odd),
    "backwards": np.arange(6.0).reshape(2, 3)[::-1, ::-2],
    "transposed": np.arange(6).reshape(2, 3).T,
    "a tensor transposed": torch.arange(6).reshape(2, 3).T,
    "bytes in other order": np.arange(3, dtype=">f8"),
    "many digits": np.longdouble(1.5),
    "an array of many digits": np.array([1.5, 2], np.longdouble),
    "a complex one of many digits": np.array([1.5j], np.clongdouble),
    "records": np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
    "objects": np.array([[1], None], object),
    "texts": np.array(["a"]),
    "a decimal": decimal.Decimal("1.5"),
    "a signalling one": decimal.Decimal("sNaN"),
    "a huge fraction": fractions.Fraction(10**400, 3),
    "a missing value": pd.NA,
    "categories": pd.Series(["a", "b"], dtype="category"),
    "a deep index": pd.Series([1], index=pd.MultiIndex.from_tuples([(1, 2)])),
    "twins among columns": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "counted": collections.Counter("aab"),
    "sets in a set": frozenset([frozenset([1]), frozenset()]),
    "a generator": (n for n in ()),
}
SENT = {name: json.dumps(encode(value)) for name, value in VALUES.items()}
RULES = [Rules(), Rules(exact=True), Rules(dtype=True), Rules(order=False), Rules(tolerance=0.1), Rules(index=False)]


@pytest.mark.parametrize("name", VALUES)
def test_an_odd_value_is_equal_to_itself(name):
    one, other = (decode(json.loads(SENT[name])) for _ in range(2))
    assert not incomparable(one)
    assert all(same(one, other, rules) for rules in RULES)
    assert not trouble(one, other)


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_any_two_values_can_be_compared(rules):
    known = {name: decode(json.loads(sent)) for name, sent in SENT.items()}
    for one, other in itertools.permutations(known.values(), 2):
        assert same(one, other, rules) in (True, False) and type(trouble(one, other)) is str


def test_keys_that_only_look_alike_differ():
    differ = ["True as a key", "a tuple as a key", "a whole number as a key", "NaN as a key", "NaN in a key"]
    for one, other in itertools.permutations(differ, 2):
        assert not same(*(decode(json.loads(SENT[name])) for name in (one, other)), Rules()), (one, other)
    assert same({NAN: 1, "a": 2}, {"a": 2, float("nan"): 1}, Rules())
    assert not same({NAN: 1}, {NAN: 2}, Rules()) and not same({NAN}, {1.0}, Rules())
    assert not same({NAN: 1, float("nan"): 2}, {NAN: 1, "a": 2}, Rules())
    assert not same([[], []], [[]], Rules()) and not same([[], []], [], Rules()) and same([[], []], ((), []), Rules())


@pytest.mark.parametrize("value", [nested(10**5), nested(25), holding_itself()], ids=["very deep", "deep", "in itself"])
def test_what_has_no_end_is_no_value(value):
    with pytest.raises(NoValue, match="deep"):
        encode(value)


def forged(rng, depth=0):
    """JSON of about the form of a value."""
    leaf = [None, True, "x", 1, -0.5, "\ud800", {"int": "0x1"}, {"int": "9" * 5000}, {"int": "zz"}, {"float": "nan"}]
    leaf += [{"float": "1e999"}, {"complex": ["1", "nan"]}, {"complex": [1]}, {"bytes": "AA=="}, {"bytes": "?"}, {}]
    leaf += [
        {"array": rng.choice([["int8", [2], "AAA=", "numpy"], ["O", [1], "", ""], ["int8", [-1], "", 1], [[]], 1])}
    ]
    leaf += [{"other": rng.choice(["x", 1, [], "x" * 1000])}, {"raised": [1]}, {"raised": ["ValueError"]}]
    if depth > 4 or rng.random() < 0.3:
        return rng.choice(leaf)
    kind = rng.choice(["list", "tuple", "set", "frozenset", "dict", "parts", "record", "table", "times", "odd"])
    inner = [forged(rng, depth + 1) for _ in range(rng.randrange(4))]
    pairs = [[one, forged(rng, depth + 1)] for one in inner]
    content = {"dict": pairs, "parts": ["map", inner], "record": ["P", {"dict": pairs}]}.get(kind, inner)
    if kind == "table":
        content = [rng.random() < 0.5, {"list": inner[:1]}, {"list": inner[:2]}, [{"list": inner[:2]}]]
    return {kind: content if rng.random() < 0.9 else rng.choice(leaf)}


def test_forged_values_are_values_or_none_and_can_be_compared():
    rng, known = random.Random(3), []
    for _ in range(4000):
        sent = json.loads(json.dumps(forged(rng)))
        try:
            known.append(decode(sent))
        except NoValue:
            continue
    assert len(known) > 500
    for _ in range(4000):
        one, other = rng.choice(known), rng.choice(known)
        for rules in RULES:
            assert same(one, other, rules) in (True, False)
        assert type(trouble(one, other)) is str and type(incomparable(one)) is str


def test_a_number_is_asked_for_and_anything_comes():
    fields = {
        "topic": "t",
        "section": "s",
        "difficulty": "easy",
        "hints": ["h"],
        "explanation": "e",
        "source": "measured",
    }
    mistakes = [{"answer": n, "feedback": "f"} for n in (1, 2, 3)]
    item = Number(id="01.1", kind="number", stem="?", answer=10, tolerance=0.5, unit="", mistakes=mistakes, **fields)
    for name, sent in SENT.items():
        assert judge(item, number_of(decode(json.loads(sent)))).right in (False, None), name
    for value in (10, 10.4, np.float64(10), np.array(10), 10 + 0j):
        assert judge(item, number_of(decode(encode(value)))).right is True
    for value in (math.inf, NAN, 10**5000, True, 10 + 1j, "1" * 10**6):
        assert judge(item, number_of(value)).right in (False, None)
