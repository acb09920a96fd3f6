"""What a payment looks like beside earlier ones: the customer's and the terminal's last days, as numbers.

The windows are those of Le Borgne et al. 2022, "Reproducible Machine Learning for Credit Card Fraud Detection:
Practical Handbook", chapter 3.5: counts and mean amounts of a customer, counts and the share of fraud of a terminal,
the latter with a delay, since a fraud is known only after some days.
"""

from typing import Any

import numpy as np
import pandas as pd

from course_utils.arguments import whole
from course_utils.errors import CourseError

DELAY = 7  # days until the bank knows whether a payment was fraud
WINDOWS = (1, 7, 28)  # days
COLUMNS = ("time", "customer", "terminal", "category", "channel", "amount", "fraud")
KINDS = ["category", "channel", "hour", "weekday"]  # the columns of a payment that hold no number but a kind
NUMBERS = [
    *("amount", "ratio", "since"),
    *(f"customer {what} {days}" for what in ("count", "mean") for days in WINDOWS),
    *(f"terminal {what} {days}" for what in ("count", "risk") for days in WINDOWS),
]


def add_windows(table: pd.DataFrame, delay: int = DELAY) -> pd.DataFrame:
    """Add what is known about a payment at its time, in columns named by KINDS and NUMBERS.

    A window of a customer ends with the payment itself; one of a terminal ends `delay` days before, when the bank has
    learned which payments were fraud. Amounts become logarithms of 1 + amount. `ratio` is the payment's, minus the mean
    over the customer's last 28 days; `since` is the logarithm of 1 + hours since the customer's last payment, or of 1 +
    28 days where there is none in that time.

    Parameters
    ----------
    table : DataFrame
        Payments in the order of `time`, with `customer`, `terminal`, `category`, `channel`, `amount` and `fraud`.
    delay : int
        Days until a fraud is known.

    Returns
    -------
    DataFrame
        A copy with the new columns; `paid` keeps the amount itself.

    Raises
    ------
    CourseError
        `data.bad-number`; `data.no-column`, `data.bad-times`, `data.bad-amount` and `data.bad-label` for a table that
        isn't as described; `data.has-windows` for one that this function made, whose amounts are logarithms already.
    """
    if whole(delay, 0) is None:
        raise CourseError(f"delay is {delay!r}: give a whole number of days, 0 or more.", code="data.bad-number")
    check_payments(table)
    if "paid" in table and not np.array_equal(table.paid, table.amount):
        raise CourseError(
            "This table has its windows already, and its amounts are logarithms: use it as it is, or begin with "
            "table.assign(amount=table.paid).",
            code="data.has-windows",
        )
    found = table.reset_index(drop=True).copy()
    found["paid"], found["amount"] = found.amount, np.log1p(found.amount)
    found["hour"], found["weekday"] = found.time.dt.hour, found.time.dt.day_of_week
    seconds = ((found.time - found.time.iloc[0]) // pd.Timedelta(seconds=1)).to_numpy()
    customers = _Past(found.customer.to_numpy(), seconds)
    terminals = _Past(found.terminal.to_numpy(), seconds)
    for days in WINDOWS:
        found[f"customer count {days}"], total = customers.sums(found.amount.to_numpy(), days)
        found[f"customer mean {days}"] = total / found[f"customer count {days}"]
        count, frauds = terminals.sums(found.fraud.to_numpy(float), days, delay)
        found[f"terminal count {days}"], found[f"terminal risk {days}"] = count, frauds / np.maximum(count, 1)
    found["ratio"] = found.amount - found[f"customer mean {WINDOWS[-1]}"]
    found["since"] = np.log1p(np.minimum(customers.hours_since(), 24 * WINDOWS[-1]))
    return found


class _Past:
    """Finds, for each row, the rows of the same key within days before; one sort serves all windows."""

    def __init__(self, keys: np.ndarray, seconds: np.ndarray):
        codes = pd.factorize(keys)[0].astype(np.int64)
        self.span = int(seconds.max()) + 86400 * 400
        # a key's rows lie together, in the order of time and at equal times of the table
        self.order = np.lexsort((np.arange(len(keys)), seconds, codes))
        self.at = (codes * self.span + seconds)[self.order]
        self.first = (codes * self.span)[self.order]
        self.rows = np.arange(len(keys))

    def sums(self, values: np.ndarray, days: int, delay: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Count rows in (time - delay - days, time - delay], without a delay up to the row itself; sum their values."""
        total = np.concatenate([[0.0], np.cumsum(values[self.order])])
        end = np.searchsorted(self.at, self.at - 86400 * delay, "right") if delay else self.rows + 1
        end = np.maximum(end, np.searchsorted(self.at, self.first, "left"))
        earliest = np.maximum(self.at - 86400 * (delay + days), self.first - 1)
        start = np.searchsorted(self.at, earliest, "right")
        return self._back((end - start).astype(float)), self._back(total[end] - total[start])

    def hours_since(self) -> np.ndarray:
        gap = np.diff(self.at, prepend=-1) / 3600
        fresh = np.diff(self.first, prepend=-1) != 0
        return self._back(np.where(fresh, np.inf, gap))

    def _back(self, ordered: np.ndarray) -> np.ndarray:
        found = np.empty_like(ordered)
        found[self.order] = ordered
        return found


def check_payments(table: Any) -> None:
    """Raise CourseError for a table that isn't one of payments in the order of time; `add_windows` says which."""
    if not isinstance(table, pd.DataFrame) or (missing := [name for name in COLUMNS if name not in table]):
        lacks = "" if not isinstance(table, pd.DataFrame) else f", and yours lacks {', '.join(missing)}"
        raise CourseError(f"A table of payments has the columns {', '.join(COLUMNS)}{lacks}.", code="data.no-column")
    if table.empty:
        raise CourseError("The table has no payments: give at least one row.", code="data.too-few-items")
    if holes := [name for name in COLUMNS if table[name].isna().any()]:
        raise CourseError(
            f"The column {holes[0]} has empty cells: fill them, or leave these rows out.", code="data.no-column"
        )
    if not pd.api.types.is_datetime64_any_dtype(table.time):
        raise CourseError(
            "The column time holds no times: turn it into some with pandas.to_datetime.", code="data.bad-times"
        )
    if not table.time.is_monotonic_increasing:
        row = int((table.time.diff() < pd.Timedelta(0)).to_numpy().argmax())
        raise CourseError(
            f"Payments are not in the order of time, since row {row} is earlier than the row before it: sort the table "
            'with table.sort_values("time").',
            code="data.bad-times",
        )
    if not pd.api.types.is_numeric_dtype(table.amount) or (table.amount < 0).any() or np.isinf(table.amount).any():
        raise CourseError(
            "An amount is negative, infinite or no number: leave refunds out, or give them a column of their own.",
            code="data.bad-amount",
        )
    if not set(table.fraud.unique()) <= {True, False}:
        raise CourseError(
            "The column fraud holds something else than True and False, or 1 and 0.", code="data.bad-label"
        )
