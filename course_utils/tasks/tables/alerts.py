"""Scores for lists of alerts: how good the order is, and how many of the cards checked each day were right."""

from typing import Any

import numpy as np
import pandas as pd

from course_utils.arguments import whole
from course_utils.errors import CourseError


def average_precision(table: pd.DataFrame, scores: Any) -> float:
    """Give the average precision of an order of payments: the mean precision over all frauds, each at its place.

    Parameters
    ----------
    table : DataFrame
        Payments, with `fraud`.
    scores : (n,) array
        The higher, the more suspicious; of any scale.

    Raises
    ------
    CourseError
        `tasks.lengths-differ`, `tasks.bad-scores`; `tasks.missing-class` for payments without a fraud.
    """
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(table.fraud.to_numpy(bool), _checked(table, scores)))


def card_precision(table: pd.DataFrame, scores: Any, cards: int = 5) -> float:
    """Give the share of right alarms when the most suspicious cards of each day are checked.

    A card is as suspicious as its most suspicious payment of that day, and an alarm is right if one of the card's
    payments of that day is fraud. Days with fewer cards are divided by `cards` all the same.

    Parameters
    ----------
    table : DataFrame
        Payments, with `time`, `customer` and `fraud`.
    scores : (n,) array
        The higher, the more suspicious.
    cards : int
        How many can be checked a day.

    Raises
    ------
    CourseError
        `tasks.lengths-differ`, `tasks.bad-scores`, `tasks.missing-class`, `tasks.bad-number`.

    Notes
    -----
    Source: Le Borgne et al. 2022, "Reproducible Machine Learning for Credit Card Fraud Detection: Practical Handbook",
    chapter 4.4, where cards leave the list once their fraud was found; here they stay.
    """
    if whole(cards) is None:
        raise CourseError(f"cards is {cards!r}: give a whole number of at least 1.", code="tasks.bad-number")
    days = cards_by_day(table, scores)
    first = days.groupby("day", sort=False).head(cards)
    return float(first.fraud.sum() / (cards * days.day.nunique()))


def cards_by_day(table: pd.DataFrame, scores: Any) -> pd.DataFrame:
    """List each day's cards from the most suspicious down, with `day`, `customer`, `score` and `fraud`."""
    day = table.time.dt.normalize()
    listed = pd.DataFrame(
        {"day": day, "customer": table.customer, "score": _checked(table, scores), "fraud": table.fraud}
    )
    cards = listed.groupby(["day", "customer"], as_index=False, sort=True).agg({"score": "max", "fraud": "max"})
    return cards.sort_values(["day", "score"], ascending=[True, False], kind="stable", ignore_index=True)


def _checked(table: pd.DataFrame, scores: Any) -> np.ndarray:
    found = np.asarray(scores, float)
    if found.shape != (len(table),):
        raise CourseError(
            f"There are scores of the shape {found.shape} for {len(table):,} payments: give one number for each.",
            code="tasks.lengths-differ",
        )
    if np.isnan(found).any():
        raise CourseError(
            "A score is NaN, which has no place in an order: look for it in the inputs.", code="tasks.bad-scores"
        )
    if not table.fraud.any():
        raise CourseError(
            "None of these payments is fraud, so no order of them is better than another: take more weeks.",
            code="tasks.missing-class",
        )
    return found
