"""Averages of weights: exact on known numbers, whole numbers kept whole, and robust ones deaf to one poisoner."""

import math

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
    with refused("training.nothing-to-average", "[0, 0]"):
        weighted_average(states(1.0, 2.0), [0, 0])
    for trim in (0.5, -0.1, math.nan, "0.2"):
        with refused("training.bad-trim", str(trim)):
            trimmed_mean(states(1.0, 2.0), [1, 1], trim=trim)


@pytest.mark.parametrize("average", [coordinate_median, trimmed_mean])
def test_a_poisoner_that_sends_nan_moves_robust_averages_no_further_than_one_that_sends_much(average):
    one, other = (average(states(1.0, 2.0, 3.0, 4.0, sent), [1] * 5)["w"].tolist() for sent in (math.nan, 1e30))
    assert one == other and 1 <= one[0] <= 4


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_the_median_is_torchs_to_the_bit(count):
    stacked = torch.randn(count, 1000, generator=torch.Generator().manual_seed(count))
    found = coordinate_median([{"w": own} for own in stacked], [1] * count)["w"]
    assert torch.equal(found, stacked.quantile(0.5, dim=0))


def test_the_median_takes_layers_of_large_networks_and_half_precision():
    large = [{"w": torch.full((2, 3 * 2**20), value)} for value in (1.0, 2.0, 9.0)]
    assert coordinate_median(large, [1] * 3)["w"].eq(2).all(), "torch.quantile stops at 16 million numbers"
    assert coordinate_median(states(1.0, 2.0, dtype=torch.float16), [1, 1])["w"].tolist() == [1.5, 3.0]


@pytest.mark.parametrize(("count", "expected"), [(4, (1 + 2 + 3 + 1000) / 4), (5, 3.0)])
def test_with_fewer_clients_than_one_in_the_share_nobody_is_trimmed(count, expected):
    values = [*map(float, range(1, count)), 1000.0]
    assert trimmed_mean(states(*values), [1] * count, trim=0.2)["w"][0] == expected


def test_sizes_that_are_none_and_other_networks_are_refused():
    for sizes in ([3, -1], [1, math.nan]):
        with refused("training.nothing-to-average", str(sizes[1])):
            weighted_average(states(1.0, 2.0), sizes)
    for other in ({"v": torch.ones(2)}, {"w": torch.ones(3)}):
        with refused("training.other-weights", "client 3 of 3"):
            weighted_average([*states(1.0, 2.0), other], [1] * 3)
