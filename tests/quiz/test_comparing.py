"""A learner's value is compared with what was expected, part by part and by exact types."""

import copy
import math

import numpy as np
import pandas as pd
import pytest
from support.liars import Quoted, Sure, Yes

from course_utils.quiz.comparing import same

NESTED = {"a": [1.0, (2, None)], "b": {"c": {1, 2}, (1, "x"): math.nan}}
OTHERWISE = [
    {"a": [1.0, [2, None]], "b": {"c": {1, 2}, (1, "x"): math.nan}},
    {"a": [1.0, (2, None)], "b": {"c": {1, 3}, (1, "x"): math.nan}},
    {"a": [1.0, (2, None)], "b": {"c": {1, 2}, (1, "x"): 0.0}},
    {"a": [1.1, (2, None)], "b": {"c": {1, 2}, (1, "x"): math.nan}},
    {"a": [1.0, (2,)], "b": {"c": {1, 2}, (1, "x"): math.nan}},
    {"a": [1.0, (2, None)], "b": {"c": {True, 2}, (1, "x"): math.nan}},
    {"a": [1.0, (2, None)], "b": {"c": {1, 2}, (True, "x"): math.nan}},
    {"a": [1.0, (2, None)]},
]


@pytest.mark.parametrize("other", OTHERWISE, ids=range(len(OTHERWISE)))
def test_nested_values_are_compared_part_by_part(other):
    assert same(NESTED, copy.deepcopy(NESTED), 1e-6)
    assert not same(NESTED, other, 1e-6) and not same(other, NESTED, 1e-6)


@pytest.mark.parametrize(
    ("expected", "given", "alike"),
    [
        (1.0, 1.0 + 1e-7, True),
        (1.0, 1.0 + 1e-5, False),
        (1e9, 1e9 + 100, True),
        (0.1 + 0.2, 0.3, True),
        (1, 1.0, True),
        (1, True, False),
        (True, 1, False),
        (math.nan, math.nan, True),
        (math.nan, 0.0, False),
        (0.0, math.nan, False),
        (math.inf, math.inf, True),
        (math.inf, 5.0, False),
        (math.inf, -math.inf, False),
        (5.0, math.inf, False),
        (10**400, 10**400, True),
        (10**400, 1.0, False),
        (1.0, 10**400, False),
        ("a", Quoted("b"), False),
        (15.0, Sure(15), False),
        (None, Yes(), False),
        ({1}, {Yes()}, False),
        ({"a": 1}, {Quoted("a"): 1}, False),
        ([1, 2], (1, 2), False),
        ([1, 2], [1, 2, 3], False),
        (b"a", b"a", True),
        (1 + 2j, 1 + 2j, True),
    ],
)
def test_values_are_compared(expected, given, alike):
    assert same(expected, given, 1e-6) is alike


def test_arrays_tensors_and_tables_are_compared_by_their_values():
    import torch
    from fastai.torch_core import TensorImage

    class Array(np.ndarray):
        pass

    class Fake:
        __module__ = "numpy"

        def tolist(self):
            return [[1.0, 2.0], [3.0, math.nan]]

    values = [[1.0, 2.0], [3.0, math.nan]]
    array, tensor = np.array(values), torch.tensor(values)
    for given in (
        values,
        array,
        tensor,
        torch.nn.Parameter(tensor),
        TensorImage(tensor),
        list(array),
        [*map(list, tensor)],
    ):
        assert same(array, given, 1e-6) and same(values, given, 1e-6)
    for wrong in (
        array + 1,
        array.astype(str),
        array.tolist()[:1],
        array.view(Array),
        Fake(),
        pd.DataFrame(values),
        Yes(),
    ):
        assert not same(array, wrong, 1e-6)
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert same(table, table.copy(), 0) and same(table.a, table["a"].copy(), 0)
    assert not same(table, table.rename(columns={"a": "A"}), 0) and not same(
        table, table.iloc[::-1].reset_index(drop=True), 0
    )
    assert same([tensor, {"t": array}], [array, {"t": tensor}], 1e-6)
    assert same(np.int64(3), 3, 0) and not same(True, np.int64(1), 0) and same(True, np.bool_(True), 0)
