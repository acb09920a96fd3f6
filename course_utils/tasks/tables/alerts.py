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
        `tasks.no-column`, `tasks.lengths-differ`, `tasks.bad-scores`; `tasks.missing-class` for payments without a
        fraud.

    Notes
    -----
    Payments with equal scores take their places together, so no order among them is made up.
    """
    from sklearn.metrics import average_precision_score

    places = np.unique(_checked(table, scores, "fraud"), return_inverse=True)[1]  # scores may be infinite, and only
    return float(average_precision_score(table.fraud.to_numpy(bool), places))  # their order counts


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
        `tasks.no-column`, `tasks.lengths-differ`, `tasks.bad-scores`, `tasks.missing-class`, `tasks.bad-number`.

    Notes
    -----
    Of equally suspicious cards, the one with the lower number comes first.
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
    checked = _checked(table, scores, "time", "customer", "fraud")
    day = table.time.dt.normalize()
    listed = pd.DataFrame({"day": day, "customer": table.customer, "score": checked, "fraud": table.fraud})
    by_card = listed.groupby(["day", "customer"], as_index=False, sort=True, observed=True)
    cards = by_card.agg({"score": "max", "fraud": "max"})
    return cards.sort_values(["day", "score"], ascending=[True, False], kind="stable", ignore_index=True)


def _checked(table: pd.DataFrame, scores: Any, *columns: str) -> np.ndarray:
    if missing := [name for name in columns if name not in table]:
        raise CourseError(
            f"These payments lack the column {missing[0]!r}: give a table of payments, such as bank.test.",
            code="tasks.no-column",
        )
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
