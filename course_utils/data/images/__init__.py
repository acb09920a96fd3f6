"""The images of the course, one module for each data set; called, it loads your own: `data.images("folder")`."""

import inspect
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_utils.data.images.store import StoreLoaders

__all__: list[str] = []


class _CallablePackage(ModuleType):
    """A package that is called like the function `images` of its `own` images, and shows that function's help.

    `data.images` has to be both: the import system sets the attribute to this package whenever one of its modules is
    imported, so a function of the same name would vanish. Giving a module a class of its own is Python's documented
    way; imports, pickles and patches of the package's modules work as before. Type checkers read the function in
    `course_utils.data`.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> "StoreLoaders":
        return _images()(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(_images())

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return _images().__doc__


def _images() -> Any:
    from course_utils.data.images.own.loading import images  # here, since the data sets don't need it

    return images


sys.modules[__name__].__class__ = _CallablePackage
