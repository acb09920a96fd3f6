"""Scores for lists of alerts, against counts by hand."""

import numpy as np
import pandas as pd
import pytest
from support.errors import refused

from course_utils.tasks.tables.alerts import average_precision, card_precision, cards_by_day


@pytest.fixture
def payments():
    """Two days: cards 1 and 2 on the first, 1, 2 and 3 on the second."""
    time = pd.to_datetime(["2024-01-01 08:00", "2024-01-01 09:00", "2024-01-01 23:00"] + ["2024-01-02 10:00"] * 3)
    return pd.DataFrame(
        {"time": time, "customer": [1, 2, 1, 1, 2, 3], "fraud": [True, False, False, False, False, True]}
    )


def test_a_card_is_as_suspicious_as_its_most_suspicious_payment(payments):
    found = cards_by_day(payments, [0.1, 0.5, 0.9, 0.3, 0.2, 0.1])
    assert found.customer.tolist() == [1, 2, 1, 2, 3] and found.score.tolist() == [0.9, 0.5, 0.3, 0.2, 0.1]
    assert found.fraud.tolist() == [True, False, False, False, True], "one fraud of the day makes the card right"


def test_card_precision_counts_right_alarms_over_all_days(payments):
    scores = [0.1, 0.5, 0.9, 0.3, 0.2, 0.1]
    assert card_precision(payments, scores, 1) == 0.5
    assert card_precision(payments, scores, 2) == 0.25
    assert card_precision(payments, scores, 3) == pytest.approx(2 / 6)


def test_average_precision_is_the_mean_precision_at_each_fraud(payments):
    assert average_precision(payments, [5, 4, 3, 2, 1, 4.5]) == 1
    assert average_precision(payments, [6, 5, 4, 3, 2, 1]) == pytest.approx((1 + 2 / 6) / 2)
    assert average_precision(payments, np.zeros(6)) == pytest.approx(2 / 6), "without an order, the share of fraud"


def test_an_order_is_all_that_counts(payments):
    scores = np.array([0.1, 0.5, 0.9, 0.3, 0.2, 0.15])
    for score in (average_precision, lambda *args: card_precision(*args, 2)):
        assert score(payments, scores) == score(payments, np.exp(10 * scores))


def test_what_cannot_be_scored_is_refused(payments):
    with refused("tasks.lengths-differ", "for 6 payments"):
        average_precision(payments, [1, 2])
    with refused("tasks.bad-scores", "NaN"):
        average_precision(payments, [np.nan] * 6)
    with refused("tasks.missing-class", "None of these payments"):
        card_precision(payments.assign(fraud=False), np.arange(6))
    with refused("tasks.bad-number", "cards is 0"):
        card_precision(payments, np.arange(6), 0)
    for score, column in ((average_precision, "fraud"), (card_precision, "customer"), (card_precision, "time")):
        with refused("tasks.no-column", f"'{column}'"):
            score(payments.drop(columns=column), np.arange(6))


def test_equal_scores_share_a_place(payments):
    """Two frauds and two others, of which one of each is tied: half of the orders put the fraud first."""
    found = average_precision(payments.iloc[[0, 1, 5, 3]], [3, 2, 2, 1])
    assert found == pytest.approx((1 + 2 / 3) / 2), "the tied fraud stands in a group of three of which two are fraud"
    for scores in ([1.0, 0.5, 0.2, 0.5, 0.2, 0.5], [0.3] * 6):
        turned = payments.iloc[::-1]
        assert average_precision(payments, scores) == pytest.approx(average_precision(turned, scores[::-1]))


def test_infinite_scores_have_a_place(payments):
    scores = [np.inf, 3.0, 2.0, 1.0, -np.inf, 4.0]
    assert average_precision(payments, scores) == 1
    assert card_precision(payments, scores, 1) == 1


def test_customers_may_be_categories(payments):
    kinds = payments.assign(customer=payments.customer.astype("category"))
    scores = np.arange(6) / 7
    assert cards_by_day(kinds, scores).fraud.tolist() == cards_by_day(payments, scores).fraud.tolist()
    assert card_precision(kinds, scores, 2) == card_precision(payments, scores, 2)
