"""The data sets that lessons load by name; each module is imported when its data set is first asked for."""

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from course_utils.errors import CourseError

if TYPE_CHECKING:
    from course_utils.data.images.digits import digits
    from course_utils.data.images.pets import pets
    from course_utils.data.images.scans import scans
    from course_utils.data.images.store import StoreLoaders
    from course_utils.data.images.vehicles import vehicles

DATA_SETS = ("digits", "vehicles", "pets", "scans")
__all__ = ["DATA_SETS", "digits", "load", "pets", "scans", "vehicles"]


def load(name: str, **options) -> "StoreLoaders":
    """The data set of that name as fastai DataLoaders; the options are those of its own function.

    Errors: CourseError for an unknown name, and those of the data set.
    """
    if name not in DATA_SETS:
        near = get_close_matches(str(name), DATA_SETS, n=1, cutoff=0.5)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise CourseError(f"There is no data set {name!r}{meant}: choose one of {', '.join(DATA_SETS)}.")
    return _function(name)(**options)


def __getattr__(name: str):
    if name in DATA_SETS:
        return _function(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _function(name: str):
    return getattr(import_module(f"{__name__}.images.{name}"), name)
