"""Figures of what each threshold finds: curves, texts, refusals."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from support.errors import refused

from course_utils.plots import plot_detection


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


TRUTH = [0, 0, 0, 1, 0, 1]
SCORES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.9]


def test_both_curves_say_their_areas(drawn):
    plot_detection({"plain": SCORES, "coin": [0.5] * 6}, TRUTH, positive="lesion")
    figure, alt = drawn[0]
    # By hand: of the 8 pairs of a lesion and another, 7 are in order; the lesions come first and third.
    assert "plain: average precision 0.83, ROC AUC 0.88; coin: average precision 0.33, ROC AUC 0.50" in alt
    assert "33.3% of the images are lesion" in alt
    precision, roc = figure.axes
    assert precision.get_xlabel() == "recall: share of lesion found" and roc.get_title("left") == "ROC"
    guess = next(line for line in precision.lines if line.get_label() == "guessing 0.33")
    assert list(guess.get_ydata()) == pytest.approx([1 / 3, 1 / 3])


def test_tensors_are_taken_too(drawn):
    plot_detection({"plain": torch.tensor(SCORES)}, torch.tensor(TRUTH))
    assert "ROC AUC 0.88" in drawn[0][1]


@pytest.mark.parametrize(
    ("truth", "code", "fact"),
    [
        ([0] * 6, "plots.class-missing", "recall, precision and ROC AUC are undefined"),
        ([1] * 6, "plots.class-missing", "so ROC AUC is undefined"),
        ([0, 1], "plots.scores-do-not-fit", "(6,) and (2,)"),
        ([0, 1, 2, 0, 1, 2], "plots.scores-do-not-fit", "0 or 1"),
    ],
)
def test_undefined_curves_are_refused(truth, code, fact):
    with refused(code, fact):
        plot_detection({"plain": SCORES}, truth, positive="lesion")


def test_a_score_that_is_no_number_is_refused():
    with refused("plots.scores-do-not-fit"):
        plot_detection({"plain": [*SCORES[:5], np.nan]}, TRUTH)
