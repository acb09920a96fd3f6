"""Temperatures against known ones, the calibration error against a count by hand."""

import pytest
import torch
from support.errors import refused

from course_utils.shipping import calibration_error, fit_temperature


def drawn(images=20_000, seed=0):
    """Scores, and labels drawn by their very softmax: calibrated by construction."""
    random = torch.Generator().manual_seed(seed)
    scores = 2 * torch.randn(images, 4, generator=random)
    return scores, torch.multinomial(scores.softmax(1), 1, generator=random)[:, 0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_spoiled_the_scores_is_found(temperature):
    scores, labels = drawn()
    assert fit_temperature(scores * temperature, labels) == pytest.approx(temperature, rel=0.05)


def test_the_error_of_calibrated_scores_is_small_and_grows_with_too_much_confidence():
    scores, labels = drawn()
    assert calibration_error(scores, labels) < 0.02
    assert calibration_error(scores * 5, labels) > 0.1


def test_the_error_is_the_mean_gap_between_probability_and_accuracy():
    # Two bins: four answers at 0.75, one of them right; six at 0.95, all right. 0.4 x 0.5 + 0.6 x 0.05 = 0.23
    probability = torch.tensor([0.75] * 4 + [0.95] * 6)
    scores = torch.stack([probability, 1 - probability], 1).log()
    labels = torch.tensor([0, 1, 1, 1] + [0] * 6)
    assert calibration_error(scores, labels, bins=10) == pytest.approx(0.23, abs=1e-5)


@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        (torch.zeros(3), torch.zeros(3)),
        (torch.zeros(3, 2), torch.zeros(2)),
        (torch.zeros(0, 2), torch.zeros(0)),
        (torch.full((2, 2), float("nan")), torch.zeros(2)),
    ],
)
def test_scores_that_dont_fit_are_refused(scores, labels):
    for function in (fit_temperature, calibration_error):
        with refused("shipping.bad-scores", "before the softmax"):
            function(scores, labels)


@pytest.mark.parametrize("label", [4, -1, -100])  # torch leaves out labels of -100
def test_a_class_that_isnt_there_is_refused(label):
    scores, labels = drawn(10)
    labels[3] = label
    for function in (fit_temperature, calibration_error):
        with refused("shipping.bad-scores", "from 0 to 3"):
            function(scores, labels)
