"""The data sets that lessons load by name, and `images` for your own; a module is imported when it is first used."""

from typing import TYPE_CHECKING

import lazy_loader

from course_utils.data.registry import DATA_SETS, DataSet, find_data_set, load

if TYPE_CHECKING:  # as what type checkers see: when the course runs, it is the package, which can be called
    from course_utils.data.images.own.loading import images as images

_loaders = [entry.loader.removeprefix(f"{__name__}.").split(":") for entry in DATA_SETS.values()]
__getattr__, _, __all__ = lazy_loader.attach(
    __name__, submodules={"images"}, submod_attrs={module: [name] for module, name in _loaders}
)
__all__ += ["DATA_SETS", "DataSet", "find_data_set", "load"]


def __dir__() -> list[str]:
    return list(__all__)
