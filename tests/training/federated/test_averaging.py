"""Averages of weights: exact on known numbers, whole numbers kept whole, and robust ones deaf to one poisoner."""

import pytest
import torch
from support.errors import refused

from course_utils.training.federated import coordinate_median, trimmed_mean, weighted_average

AVERAGES = [weighted_average, coordinate_median, trimmed_mean]


def states(*values, dtype=torch.float32):
    return [{"w": torch.tensor([value, 2 * value], dtype=dtype)} for value in values]


def test_examples_weigh():
    found = weighted_average(states(1.0, 5.0), [3, 1])
    assert found["w"].tolist() == [2.0, 4.0]


@pytest.mark.parametrize("average", AVERAGES)
def test_one_client_is_returned_to_the_bit_and_equal_ones_too(average):
    torch.manual_seed(0)
    one = {"w": torch.randn(50), "half": torch.randn(4, dtype=torch.float64)}
    alone = average([one], [7])
    same = average([one] * 4, [1, 2, 3, 4])
    for name, tensor in one.items():
        assert torch.equal(alone[name], tensor) and alone[name].dtype == tensor.dtype
        torch.testing.assert_close(same[name], tensor, rtol=1e-6, atol=0)


@pytest.mark.parametrize("average", AVERAGES)
def test_counters_stay_whole_numbers(average):
    found = average([{"seen": torch.tensor(3)}, {"seen": torch.tensor(8)}, {"seen": torch.tensor(5)}], [1, 1, 1])
    assert found["seen"].dtype == torch.int64 and found["seen"].item() == 8


def test_the_median_and_the_trimmed_mean_on_known_numbers():
    five = states(1.0, 2.0, 3.0, 4.0, 1000.0)
    assert coordinate_median(five, [1] * 5)["w"].tolist() == [3.0, 6.0]
    assert trimmed_mean(five, [1] * 5)["w"].tolist() == [3.0, 6.0], "one of five left out at each end"
    assert trimmed_mean(five, [1] * 5, trim=0)["w"].tolist() == [202.0, 404.0]
    assert coordinate_median(states(1.0, 2.0, 3.0, 1000.0), [1] * 4)["w"].tolist() == [2.5, 5.0]


@pytest.mark.parametrize("average", [coordinate_median, trimmed_mean])
@pytest.mark.parametrize("sent", [-1e9, 1e9])
def test_one_poisoner_of_ten_cannot_leave_the_honest_range(average, sent):
    honest = [float(value) for value in range(9)]
    found = average(states(*honest, sent), [1] * 9 + [10**6])["w"]
    assert 0 <= found[0] <= 8 and 0 <= found[1] <= 16
    assert abs(weighted_average(states(*honest, sent), [1] * 10)["w"][0]) > 1e7


def test_bad_input_is_refused():
    for average in AVERAGES:
        with refused("training.nothing-to-average", "0 clients"):
            average([], [])
        with refused("training.nothing-to-average"):
            average(states(1.0, 2.0), [1])
    with refused("training.nothing-to-average", "sum to 0"):
        weighted_average(states(1.0, 2.0), [0, 0])
    for trim in (0.5, -0.1):
        with refused("training.bad-trim", str(trim)):
            trimmed_mean(states(1.0, 2.0), [1, 1], trim=trim)
