"""What experiments and searches ask of their arguments, before anything is made or opened."""

from collections.abc import Iterable
from numbers import Real
from typing import Any

from course_utils.arguments import LARGEST_SEED, whole
from course_utils.errors import CourseError


def whole_number(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """Return a whole number of any type as an int; CourseError `experiments.argument` for anything else."""
    number = whole(value, least, most)
    if number is None:
        between = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise CourseError(f"{name} is {value!r}: give a whole number {between}.", code="experiments.argument")
    return number


def seed_number(value: Any) -> int:
    """Return a seed as an int; CourseError `experiments.argument` for what can't be one."""
    return whole_number("seed", value, 0, LARGEST_SEED)


def different(name: str, values: Any) -> list:
    """Return a list of values of which none comes twice.

    Raises
    ------
    CourseError
        `experiments.argument` for what is no list, `experiments.repeated` for values that come twice: a repeated seed
        gives the same run again, which would count as another one, and make intervals too narrow.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise CourseError(f"{name} is {values!r}: give a list, also of one.", code="experiments.argument")
    found = list(values)
    if twice := [value for index, value in enumerate(found) if value in found[:index]]:
        raise CourseError(
            f"{name} has {twice[0]!r} more than once, and the same run again is no further evidence: give each once.",
            code="experiments.repeated",
        )
    return found


def rates(name: str, values: Any) -> list[float]:
    """Return learning rates as floats, each once; CourseError `experiments.argument` for what isn't above 0."""
    found = []
    for value in different(name, values):
        rate = float(value) if isinstance(value, Real) and not isinstance(value, bool) else 0.0
        if not 0 < rate < float("inf"):
            raise CourseError(f"One of the {name} is {value!r}: give numbers above 0.", code="experiments.argument")
        found.append(rate)
    return found


def whole_numbers(name: str, values: Any, least: int = 1, most: int | None = None) -> list[int]:
    """Return whole numbers of any type as ints, each once; raises as `different` and `whole_number` do."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return different(name, values)  # refuses it
    return different(name, [whole_number(f"One of the {name}", value, least, most) for value in values])
