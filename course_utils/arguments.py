"""The checks of numbers, for seeds, sizes, counts and rates in every room."""

import operator
from math import isfinite
from numbers import Real

LARGEST_SEED = 2**32 - 1  # NumPy's


def whole(value: object, least: int = 1, most: int | None = None) -> int | None:
    """Return a whole number as Python's own int, or None where the value is none, or lies outside of the range.

    Parameters
    ----------
    value : object
        An int, or one of NumPy's or torch's types of whole numbers. Neither True nor 3.0 is one.
    least, most : int
        The range, its ends included; without `most` there is no upper end.
    """
    if isinstance(value, bool):
        return None
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
    return number if number >= least and (most is None or number <= most) else None


def finite(value: object) -> bool:
    """Whether a value is a number, and neither NaN nor infinite; True is none."""
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
