"""Conformal sets: the threshold by hand, the promise over many draws, and refusals."""

import re

import numpy as np
import pytest
from support.errors import refused

from course_utils.shipping import conformal_sets


def drawn(images, seed, classes=4):
    random = np.random.default_rng(seed)
    scores = np.exp(2 * random.normal(size=(images, classes)))
    probabilities = scores / scores.sum(1, keepdims=True)
    return probabilities, np.array([random.choice(classes, p=each) for each in probabilities])


def test_the_threshold_is_the_quantile_of_the_held_out_doubts():
    (held, labels), (new, _) = drawn(99, 0), drawn(50, 1)
    doubts = np.sort(1 - held[np.arange(99), labels])
    expected = 1 - new <= doubts[int(np.ceil(100 * 0.9)) - 1]
    assert np.array_equal(conformal_sets(held, labels, new, coverage=0.9), expected)


@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize("coverage", [0.7, 0.9])
def test_the_promise_is_kept_on_average(method, coverage):
    kept = []
    for seed in range(60):
        (held, labels), (new, truth) = drawn(200, seed), drawn(200, 1000 + seed)
        sets = conformal_sets(held, labels, new, coverage=coverage, method=method)
        kept.append(sets[np.arange(200), truth].mean())
    error = np.std(kept, ddof=1) / 60**0.5
    assert np.mean(kept) > coverage - 4 * error
    if method == "lac":  # sets of the other kind include the class that crosses the threshold, and so hold more
        assert np.mean(kept) < coverage + 0.01 + 4 * error


def test_a_network_that_is_wrong_about_its_doubts_still_keeps_the_promise_with_larger_sets():
    (held, labels), (new, truth) = drawn(2000, 0), drawn(2000, 1)

    def sharpened(each):
        return each**6 / (each**6).sum(1, keepdims=True)

    sets = conformal_sets(sharpened(held), labels, sharpened(new))
    assert sets[np.arange(2000), truth].mean() == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("shipping.bad-probabilities", {"held": np.ones((30, 4))}),
        ("shipping.bad-probabilities", {"new": np.full((5, 3), 1 / 3)}),
        ("shipping.bad-probabilities", {"labels": np.zeros(29)}),
        ("shipping.bad-probabilities", {"labels": np.full(30, 4)}),
        ("shipping.bad-probabilities", {"labels": np.full(30, -1)}),
        ("shipping.bad-probabilities", {"new": np.tile([1.5, -0.5, 0, 0], (5, 1))}),
        ("shipping.too-few-images", {"coverage": 0.99}),
        ("shipping.too-few-images", {"coverage": 0.02}),
        ("shipping.too-few-images", {"held": np.full((19, 4), 0.25), "labels": np.zeros(19)}),
        ("shipping.bad-setting", {"coverage": 1}),
        ("shipping.bad-setting", {"method": "raps"}),
    ],
)
def test_what_cant_be_is_refused(code, changes):
    held, labels = drawn(30, 0)
    given = {"held": held, "labels": labels, "new": held[:5], "coverage": 0.9, "method": "lac"} | changes
    with refused(code):
        conformal_sets(given["held"], given["labels"], given["new"], coverage=given["coverage"], method=given["method"])


@pytest.mark.parametrize("coverage", [0.01, 0.05, 0.5, 0.9, 0.95, 0.98, 0.99])
def test_a_refusal_names_the_fewest_images_that_will_do(coverage):
    held, labels = drawn(200, 0)
    with refused("shipping.too-few-images") as told:
        conformal_sets(held[:1], labels[:1], held[:5], coverage=coverage)
    fewest = int(re.search(r"give (\d+) or more", str(told.value))[1])
    assert conformal_sets(held[:fewest], labels[:fewest], held[:5], coverage=coverage).shape == (5, 4)
    with refused("shipping.too-few-images"):
        conformal_sets(held[: fewest - 1], labels[: fewest - 1], held[:5], coverage=coverage)
