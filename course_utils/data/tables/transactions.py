"""transactions: card payments of two banks, some of them fraud, divided by time; and payments of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from fastai.torch_basics import delegates

from course_utils.data.options import DivisionOptions, check_known
from course_utils.data.splits import SPLITS
from course_utils.data.tables.card_fraud import read_card_fraud
from course_utils.data.tables.options import WeekOptions, check_counts
from course_utils.data.tables.payments import BANKS, simulate
from course_utils.data.tables.windows import DELAY, WINDOWS, add_windows
from course_utils.errors import CourseError

CLASSES = ("genuine", "fraud")
HISTORY = WINDOWS[-1] // 7  # weeks that only fill the windows


@dataclass(frozen=True)
class Transactions:
    """Payments by card, divided into a training, a validation and a test set.

    Attributes
    ----------
    train, valid, test : DataFrame
        A row for each payment in the order of time, with the columns of `add_windows`, `name`, and, where code made
        them, the true `cause` of each fraud; of `card_fraud`, the columns that the public set has.
    classes : tuple of str
        "genuine" and "fraud".
    real : bool
        Whether people made them: a learner's own, or the public ones.
    about : str
        One line that says what they are, and how many are in each split.
    """

    train: pd.DataFrame = field(repr=False)
    valid: pd.DataFrame = field(repr=False)
    test: pd.DataFrame = field(repr=False)
    classes: tuple[str, ...]
    real: bool
    about: str

    def __str__(self) -> str:
        """Say what they are."""
        return self.about

    def targets(self, split: str) -> np.ndarray:
        """Give 1 for fraud, else 0, (n,) of the "train", "valid" or "test" set."""
        return getattr(self, split).fraud.to_numpy(np.int64)


@delegates(WeekOptions)
def transactions(
    n_weeks: int | None = None,
    *,
    bank: str = "B",
    by: str = "time",
    split: tuple[float, float] = (2, 4),
    **kwargs: Any,
) -> Transactions:
    """Load twenty weeks of card payments that code made, about 1% of them fraud of three kinds.

    Bank A is large: 1,600 customers, 500 terminals. Bank B is small, 500 and 160; its customers pay less often, smaller
    sums, and less of it online. The same thieves visit both. The first four weeks only fill the windows of
    `add_windows`; the others train, validate and test, in this order, with a week between sets, in which the bank
    learns which payments were fraud.

    Parameters
    ----------
    bank : str
        "A" or "B".
    by : "time" or "chance"
        By chance, the same weeks are thrown together and divided at random: sets as large as those by time, but not
        separated by time.
    split : (int, int)
        Weeks of the validation and of the test set.
    n_weeks, **kwargs
        The options of `WeekOptions`.

    Raises
    ------
    CourseError
        `data.unknown-bank`, `data.unknown-division`; those of `divide`.
    """
    check_known(kwargs, "transactions", WeekOptions)
    options = WeekOptions(n_weeks=n_weeks, split=split, **kwargs)
    if bank not in BANKS:
        raise CourseError(f"There is no bank {bank!r}: choose 'A' or 'B'.", code="data.unknown-bank")
    _check_division(by)
    parts = divide(_made(bank, options.chosen_seed), options)
    if by == "chance":
        parts = _shuffled(parts, options.chosen_seed)
    return _described(parts, f"payments at bank {bank}, made by code", real=False)


def payments(table: pd.DataFrame, n_weeks: int | None = None, *, split: tuple[int, int] = (2, 4)) -> Transactions:
    """Divide payments of your own by time, with what is known about each at its time.

    Parameters
    ----------
    table : DataFrame
        In the order of `time`, with `customer`, `terminal`, `category`, `channel`, `amount` and `fraud`.
    n_weeks, split
        As in `transactions`.

    Raises
    ------
    CourseError
        Those of `add_windows` and `divide`.
    """
    options = WeekOptions(n_weeks=n_weeks, split=split, seed=0)
    found = add_windows(table)
    found["name"] = [f"payment {number}" for number in range(len(found))]
    return _described(divide(found, options), "your payments", real=True)


def card_fraud(*, by: str = "time", split: tuple[int, int] = (12, 12), seed: int | None = None) -> Transactions:
    """Load the public card-fraud set: 284,807 real payments of two days in 2013, 492 of them fraud.

    Its publishers hid what would tell who paid whom for what: each payment has 28 principal components, `V1` to `V28`,
    its `amount`, and its `time` since the first payment. So there are no customers, no terminals, and no second bank.

    Parameters
    ----------
    by : "time" or "chance"
        By chance, the same payments are divided at random, into sets as large as those by time.
    split : (int, int)
        Hours of the validation and of the test set, the last ones; all before them train.
    seed : int, optional
        Of the division at random; None is the course's seed.

    Raises
    ------
    CourseError
        `data.unknown-division`, `data.bad-split`, `data.bad-number`, `data.too-few-items`; those of `read_card_fraud`.

    Notes
    -----
    There is no gap between the sets: two days are shorter than the week in which a bank learns what was fraud.
    """
    _check_division(by)
    check_counts("split", None, split, "hours")
    options = DivisionOptions(split=split, seed=seed)
    table = read_card_fraud()
    valid, test = (pd.Timedelta(hours=int(hours)) for hours in split)
    end = table.time.iloc[-1].ceil("h")
    if valid + test >= end:
        raise CourseError(
            f"split is {split!r}, and the payments cover {end / pd.Timedelta(hours=1):.0f} hours, so none are left to "
            "train on: give fewer hours.",
            code="data.too-few-items",
        )
    rows = {"train": table.time < end - test - valid, "test": table.time >= end - test}
    rows["valid"] = ~rows["train"] & ~rows["test"]
    parts = {part: table[rows[part]].reset_index(drop=True) for part in SPLITS}
    if by == "chance":
        parts = _shuffled(parts, options.chosen_seed)
    return _described(parts, "payments of the public card-fraud set", real=True)


def divide(table: pd.DataFrame, options: WeekOptions) -> dict[str, pd.DataFrame]:
    """Divide payments by time: the last weeks test, those before validate and train, a week apart.

    Parameters
    ----------
    table : DataFrame
        As `add_windows` gives it.
    options : WeekOptions
        What was asked for.

    Raises
    ------
    CourseError
        `data.too-few-items` where more weeks are asked for than there are, `data.missing-class` where the training
        weeks hold no fraud, or nothing else, or where a set holds no fraud.
    """
    gap = DELAY // 7
    valid, test = map(int, options.split)
    begin = table.time.iloc[0].normalize()
    week = ((table.time - begin) // pd.Timedelta(weeks=1)).to_numpy()
    weeks = int(((table.time.iloc[-1].normalize() - begin).days + 1) // 7)  # a broken last one isn't counted
    ends = {"test": weeks, "valid": weeks - test - gap, "train": weeks - test - valid - 2 * gap}
    left = ends["train"] - HISTORY
    wanted = 1 if options.n_weeks is None else options.n_weeks
    if wanted > left:
        raise CourseError(
            f"{wanted:,} or more weeks are needed for train, where {max(left, 0)} can be had: of {weeks} weeks "
            f"{HISTORY} fill the windows, {valid} validate, {test} test, and one lies between two sets. Give more "
            "weeks of payments, or a smaller n_weeks or split.",
            code="data.too-few-items",
        )
    sizes = {"test": test, "valid": valid, "train": options.n_weeks or left}
    parts = {
        part: table[(week >= ends[part] - sizes[part]) & (week < ends[part])].reset_index(drop=True) for part in SPLITS
    }
    for part, rows in parts.items():
        if rows.fraud.nunique() < 2:
            lacks = "nothing but fraud" if rows.fraud.any() else "no fraud"
            why, cure = ("learned", "a larger n_weeks") if part == "train" else ("measured", "more weeks in split")
            raise CourseError(
                f"The {sizes[part]} weeks of {part} hold {lacks}, so nothing can be {why} there: give {cure}.",
                code="data.missing-class",
            )
    return parts


def _check_division(by: Any) -> None:
    if by not in ("time", "chance"):
        raise CourseError(f"by is {by!r}: choose 'time' or 'chance'.", code="data.unknown-division")


@lru_cache(maxsize=4)  # a sweep over weeks asks for the same bank again and again
def _made(bank: str, seed: int) -> pd.DataFrame:
    table = add_windows(simulate(bank, seed))
    return table.assign(name=[f"{bank}-{seed}-{number}" for number in range(len(table))])


def _shuffled(parts: Mapping[str, pd.DataFrame], seed: int) -> dict[str, pd.DataFrame]:
    """Throw the sets together and deal them out again by chance, each as large as before."""
    everything = pd.concat(parts.values(), ignore_index=True)
    order = np.random.default_rng([seed, len(everything)]).permutation(len(everything))
    bounds = np.cumsum([len(parts[part]) for part in SPLITS])[:-1]
    return {
        part: everything.iloc[np.sort(rows)].sort_values("time", kind="stable", ignore_index=True)
        for part, rows in zip(SPLITS, np.split(order, bounds), strict=True)
    }


def _described(parts: Mapping[str, pd.DataFrame], what: str, *, real: bool) -> Transactions:
    counts = ", ".join(f"{len(parts[part]):,} {part}" for part in SPLITS)
    frauds = sum(int(parts[part].fraud.sum()) for part in SPLITS)
    return Transactions(**parts, classes=CLASSES, real=real, about=f"{what}: {counts}; {frauds:,} of them are fraud.")
