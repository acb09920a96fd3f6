"""Division among clients: nothing lost, nothing twice, the skew that was asked for, and bad input in a sentence."""

import math

import numpy as np
import pytest
from support.errors import refused

from course_utils.data.clients import label_counts, split_among_clients

LABELS = np.repeat(np.arange(6), 40)


@pytest.mark.parametrize("alpha", [0.1, 1, 100, math.inf])
@pytest.mark.parametrize("clients", [1, 3, 10])
def test_each_example_has_one_client_and_nobody_is_empty(alpha, clients):
    parts = split_among_clients(LABELS, clients, alpha, seed=4)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(LABELS)))
    assert len(parts) == clients and min(map(len, parts)) >= 2
    assert all(np.array_equal(part, np.sort(part)) for part in parts)


def test_infinite_alpha_gives_equal_shares_of_each_class():
    counts = label_counts(LABELS, split_among_clients(LABELS, 10), [*"abcdef"])
    assert (counts == 4).all(axis=None)
    uneven = label_counts(LABELS[:-3], split_among_clients(LABELS[:-3], 7), [*"abcdef"])
    assert (uneven.max() - uneven.min()).max() <= 1 and np.ptp(uneven.sum(axis=1)) <= 1


def test_the_seed_decides():
    first, again, other = (np.concatenate(split_among_clients(LABELS, 10, 1, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_smaller_alphas_are_more_skewed():
    """The largest class's share in a client, averaged over clients and seeds, falls from almost 1 to a sixth."""

    def skew(alpha):
        shares = []
        for seed in range(10):
            counts = label_counts(LABELS, split_among_clients(LABELS, 10, alpha, seed=seed), [*"abcdef"]).to_numpy()
            shares.append((counts.max(1) / counts.sum(1)).mean())
        return np.mean(shares)

    measured = [skew(alpha) for alpha in (0.05, 0.3, 3, 100, math.inf)]
    assert measured == sorted(measured, reverse=True)
    assert measured[0] > 0.7 and measured[-1] == pytest.approx(1 / 6)


def test_the_shares_of_a_class_are_those_of_a_dirichlet_distribution():
    """Its marginals are Beta(alpha, (clients - 1) * alpha), so the variance of a share is known."""
    labels, clients, alpha = np.zeros(2000, int), 4, 2.0
    draws = [[len(part) for part in split_among_clients(labels, clients, alpha, seed=s, least=1)] for s in range(400)]
    shares = np.array(draws) / len(labels)
    known = (1 / clients) * (1 - 1 / clients) / (clients * alpha + 1)
    assert shares.mean(0) == pytest.approx(np.full(clients, 1 / clients), abs=0.03)
    assert shares.var() == pytest.approx(known, rel=0.15)


def test_counts_have_a_row_for_each_client():
    counts = label_counts([0, 0, 1, 1, 1], [np.array([0, 2]), np.array([1, 3, 4])], ["glass", "metal"])
    assert counts.to_numpy().tolist() == [[1, 1], [1, 2]]
    assert list(counts.columns) == ["glass", "metal"] and list(counts.index) == [1, 2] and counts.index.name == "client"


@pytest.mark.parametrize("alpha", [0, -1, math.nan, "much", None, True])
def test_an_alpha_that_is_no_positive_number_is_refused(alpha):
    with refused("data.bad-alpha", repr(alpha), "above 0"):
        split_among_clients(LABELS, 10, alpha)


@pytest.mark.parametrize("clients", [0, -2, 2.5, "ten", True])
def test_a_number_of_clients_that_is_none_is_refused(clients):
    with refused("data.bad-clients", repr(clients)):
        split_among_clients(LABELS, clients)


def test_more_clients_than_examples_are_refused():
    with refused("data.too-many-clients", "100 clients", "50"):
        split_among_clients(LABELS[:50], 100, least=1)
    assert len(split_among_clients(LABELS[:50], 50, least=1)) == 50


def test_a_client_that_would_stay_empty_is_refused():
    """A single class is given whole to one client, as alpha goes to 0."""
    with refused("data.empty-client", "0.001", "10 clients"):
        split_among_clients(np.zeros(40, int), 10, 0.001)


@pytest.mark.parametrize(
    ("labels", "fact"), [(np.eye(6)[LABELS], "(240, 6)"), ([0, 1, math.nan, 1], "example 2 is NaN")]
)
def test_what_is_no_list_of_classes_is_refused(labels, fact):
    with refused("data.bad-labels", fact):
        split_among_clients(labels, 2, 0.5)


@pytest.mark.parametrize("seed", [None, -1, 1.5])
def test_a_seed_that_is_none_is_refused(seed):
    with refused("data.bad-number", f"seed is {seed!r}"):
        split_among_clients(LABELS, 2, 0.5, seed=seed)


@pytest.mark.parametrize(("labels", "wrong"), [([0, 1, 2], "2"), ([0, -1], "-1"), (["glass", "metal"], "'glass'")])
def test_labels_that_vocab_does_not_name_are_refused(labels, wrong):
    with refused("data.bad-labels", f"a label {wrong}", "2 classes"):
        label_counts(labels, [np.arange(len(labels))], ["glass", "metal"])
