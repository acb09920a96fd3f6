"""The helper package that the lessons import; heavy libraries load only when a module that needs them does."""

import sys

# pip refuses an older Python by itself; a clone opened with one gets this sentence. Keep to syntax that it can read.
if sys.version_info < (3, 11):  # noqa: UP036
    raise ImportError(
        f"The course needs Python 3.11, 3.12 or 3.13, and this is Python {sys.version_info[0]}.{sys.version_info[1]}: "
        "install one of them and set the course up with it."
    )

# A notebook that runs in another Python than the course's, and installed the course alone, gets this advice.
INSTALL = (
    "choose the kernel of the course's own .venv, which `make lab` makes, or install the course with all it needs, "
    'some gigabytes: `%pip install "fine-tuning-course @ git+https://github.com/fine-tuning-course/fine-tuning-course"`.'
)
try:
    import lazy_loader
except ModuleNotFoundError:
    raise ImportError(f"This Python ({sys.executable}) lacks what the course needs: {INSTALL}") from None

# What there is stands in __init__.pyi, for type checkers too. `course_utils.data` loads when first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
