"""What can be asked of any data set that is a table, and how rows are divided by time."""

from dataclasses import dataclass
from typing import Any

from course_utils.arguments import whole
from course_utils.data.options import DivisionOptions
from course_utils.errors import CourseError


@dataclass(frozen=True, kw_only=True)
class WeekOptions(DivisionOptions):
    """What can be asked of payments, besides a seed.

    Parameters
    ----------
    n_weeks : int, optional
        Weeks to train on, the last ones before the validation set; None takes all that are left.
    split : (int, int)
        Weeks of the validation and of the test set.
    """

    n_weeks: int | None = None
    split: tuple[float, float] = (2, 4)

    def __post_init__(self) -> None:
        """Check what can be checked without the data."""
        super().__post_init__()
        check_counts("n_weeks", self.n_weeks, self.split, "weeks")


@dataclass(frozen=True, kw_only=True)
class RatingOptions(DivisionOptions):
    """What can be asked of ratings, besides a seed.

    Parameters
    ----------
    n_ratings : int, optional
        Ratings of each user to train on, the last ones before those held out; None takes all.
    split : (int, int)
        How many of the last ratings of each user are in the validation and in the test set.
    """

    n_ratings: int | None = None
    split: tuple[float, float] = (1, 1)

    def __post_init__(self) -> None:
        """Check what can be checked without the data."""
        super().__post_init__()
        check_counts("n_ratings", self.n_ratings, self.split, "ratings")


def check_counts(name: str, value: Any, split: Any, what: str) -> None:
    """Raise CourseError `data.bad-number` or `data.bad-split` unless all are whole numbers from 1 on."""
    if value is not None and whole(value) is None:
        raise CourseError(
            f"{name} is {value!r}: give a whole number from 1 upwards, or None for all.", code="data.bad-number"
        )
    try:
        good = len(split) == 2 and all(whole(size) is not None for size in split)
    except TypeError:
        good = False
    if not good:
        raise CourseError(
            f"split is {split!r}: give two whole numbers of {what}, for the validation and the test set.",
            code="data.bad-split",
        )
