"""The data sets that lessons load by name; each module is imported when its data set is first asked for."""

from difflib import get_close_matches
from typing import TYPE_CHECKING

import lazy_loader

from course_utils.errors import CourseError

if TYPE_CHECKING:
    from course_utils.data.images.digits import digits as digits
    from course_utils.data.images.pets import pets as pets
    from course_utils.data.images.scans import scans as scans
    from course_utils.data.images.store import StoreLoaders
    from course_utils.data.images.vehicles import vehicles as vehicles

DATA_SETS = ("digits", "vehicles", "pets", "scans")
__getattr__, _, __all__ = lazy_loader.attach(__name__, submod_attrs={f"images.{name}": [name] for name in DATA_SETS})
__all__ += ["DATA_SETS", "load"]


def __dir__() -> list[str]:
    return list(__all__)


def load(name: str, **options) -> "StoreLoaders":
    """The data set of that name as fastai DataLoaders; the options are those of its own function.

    Errors: CourseError for an unknown name, and those of the data set.
    """
    if name not in DATA_SETS:
        near = get_close_matches(str(name), DATA_SETS, n=1, cutoff=0.5)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise CourseError(f"There is no data set {name!r}{meant}: choose one of {', '.join(DATA_SETS)}.")
    return __getattr__(name)(**options)
