"""Whole numbers of any library are numbers; what only looks like one isn't."""

import numpy as np
import pytest
import torch

from course_utils.arguments import whole


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3), torch.tensor(3)])
def test_a_whole_number_of_any_type_becomes_an_int(value):
    assert whole(value) == 3 and type(whole(value)) is int


@pytest.mark.parametrize(
    "value", [True, np.True_, 3.0, np.float32(3), "3", None, [3], np.array([3, 4]), torch.tensor(3.0)]
)
def test_anything_else_is_none(value):
    assert whole(value) is None


def test_the_range_holds_its_ends():
    assert [whole(number, 0, 2) for number in (-1, 0, 2, 3)] == [None, 0, 2, None]
    assert whole(10**30) == 10**30
