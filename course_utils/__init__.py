"""The helper package that the lessons import; heavy libraries load only when a module that needs them does."""

import sys

# pip refuses an older Python by itself; a clone opened with one gets this sentence. Keep to syntax that it can read.
if sys.version_info < (3, 11):  # noqa: UP036
    raise ImportError(
        f"The course needs Python 3.11, 3.12 or 3.13, and this is Python {sys.version_info[0]}.{sys.version_info[1]}: "
        "install one of them and set the course up with it."
    )

import lazy_loader

# What there is stands in __init__.pyi, for type checkers too. `course_utils.data` loads when first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
