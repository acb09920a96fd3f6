"""The options that every data set takes, defined and checked once; a modality adds its own in a subclass."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

import numpy as np

from course_utils import environment
from course_utils.arguments import whole
from course_utils.errors import CourseError


@dataclass(frozen=True, kw_only=True)
class DivisionOptions:
    """What can be asked of any data set; a subclass adds how many items there are to train on.

    Parameters
    ----------
    seed : int, optional
        Decides the split, and the order of batches; None is the course's seed.
    split : (float, float)
        The size of the validation set and of the test set; each a share of a class below 1, or a number of items of
        each class from 1 upwards.
    """

    seed: int | None = None
    split: tuple[float, float] = (0.2, 0.2)

    def __post_init__(self) -> None:
        """Check what can be checked without the data, and turn NumPy's numbers into Python's."""
        if self.seed is not None:
            object.__setattr__(self, "seed", check_whole_number("seed", self.seed, least=0))
        _check_no_empty_set(self.split)

    @property
    def chosen_seed(self) -> int:
        """The seed that was given, or else the course's."""
        return environment.seed() if self.seed is None else self.seed


@dataclass(frozen=True, kw_only=True)
class SplitOptions(DivisionOptions):
    """What can be asked of any data set whose items have one class each, besides `DivisionOptions`.

    Parameters
    ----------
    n_per_class : int, optional
        Training items of each class; None takes all that are left. Fewer are always among those of a larger number.
    """

    n_per_class: int | None = None


@dataclass(frozen=True, kw_only=True)
class LoaderOptions(SplitOptions):
    """What can be asked of any data set that comes as DataLoaders, besides `SplitOptions`.

    Parameters
    ----------
    bs : int
        Items in a batch.
    """

    bs: int = 64

    def __post_init__(self) -> None:
        """Check what can be checked without the data."""
        super().__post_init__()
        object.__setattr__(self, "bs", check_whole_number("bs", self.bs))


def check_whole_number(name: str, value: Any, least: int = 1) -> int:
    """Return the number as an int; raise CourseError `data.bad-number` unless it is whole and not below the least."""
    number = whole(value, least)
    if number is None:
        raise CourseError(f"{name} is {value!r}: give a whole number of at least {least}.", code="data.bad-number")
    return number


def check_labels(labels: Any) -> np.ndarray:
    """Return the class of each example as an array (n,); raise CourseError `data.bad-labels` where that isn't given."""
    found = np.asarray(labels.cpu() if hasattr(labels, "cpu") else labels)
    if found.ndim != 1:
        raise CourseError(
            f"labels have shape {found.shape}: give one class number for each example.", code="data.bad-labels"
        )
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise CourseError(
            f"The label of example {int(np.isnan(found).argmax()):,} is NaN: give each a class, or leave it out.",
            code="data.bad-labels",
        )
    return found


def _check_no_empty_set(split: Any) -> None:
    """Refuse a validation or test set of no items, on which nothing could be measured."""
    try:
        empty = [name for name, size in zip(("valid", "test"), split, strict=False) if size == 0]
    except TypeError:
        return  # what isn't two numbers is refused with the data
    if empty:
        raise CourseError(
            f"split is {split!r}, which leaves {' and '.join(empty)} empty: give each set a share, or a number of "
            "examples of each class.",
            code="data.bad-split",
        )


def check_n_per_class(n_per_class: object) -> None:
    """Raise CourseError `data.bad-number` unless it is None or a whole number of at least 1."""
    if n_per_class is None:
        return
    if whole(n_per_class) is None:
        raise CourseError(
            f"n_per_class is {n_per_class!r}: give a whole number from 1 upwards, or None for all.",
            code="data.bad-number",
        )


def check_known(given: Mapping[str, Any], data_set: str, *kinds: type) -> None:
    """Raise CourseError `data.unknown-option` for a name that none of these dataclasses has."""
    known = [field.name for kind in kinds for field in fields(kind)]
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            raise CourseError(
                f"{data_set} has no option {name!r}{meant}: `help(data.{data_set})` lists its options.",
                code="data.unknown-option",
            )


def select(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the given options that a dataclass has."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in given.items() if name in names}
