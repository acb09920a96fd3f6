"""The data sets that lessons load by name; the module of each is imported when its data set is first asked for."""

import lazy_loader

from course_utils.data.registry import DATA_SETS, DataSet, find_data_set, load

_loaders = [entry.loader.removeprefix(f"{__name__}.").split(":") for entry in DATA_SETS.values()]
__getattr__, _, __all__ = lazy_loader.attach(__name__, submod_attrs={module: [name] for module, name in _loaders})
__all__ += ["DATA_SETS", "DataSet", "find_data_set", "load"]


def __dir__() -> list[str]:
    return list(__all__)
