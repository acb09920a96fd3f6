"""The pages of the helper package: each room's public names, as their docstrings describe them."""

import importlib
import inspect
import warnings
from types import ModuleType

# In the order in which a learner meets them.
ROOMS = (
    "environment",
    "data",
    "backbones",
    "surgery",
    "training",
    "tasks",
    "experiments",
    "statistics",
    "display",
    "plots",
    "controls",
    "diagnostics",
    "quiz",
    "errors",
)
TABLE = """
```{{eval-rst}}
.. currentmodule:: course_utils.{room}

.. autosummary::

{names}

{entries}
```
"""


def index_page() -> str:
    """List the rooms, each with its first line."""
    rows = "\n".join(f"| [`course_utils.{room}`]({room}.md) | {_line(_module(room))} |" for room in ROOMS)
    menu = "\n".join(f"course_utils.{room} <{room}>" for room in ROOMS)
    return (
        "# The helper package\n\nThe lessons import these names from `course_utils`. Each lesson shows the plain "
        f"fastai or PyTorch line before it uses a helper.\n\n| room | what it is for |\n| --- | --- |\n{rows}\n\n"
        f"```{{toctree}}\n:hidden:\n\n{menu}\n```\n"
    )


def room_page(room: str) -> str:
    """Write the page of a room, for MyST: its first line, a table of its names, and each in full."""
    module = _module(room)
    names = public_names(room)
    table = "\n".join(f"   {name}" for name in names)
    entries = "\n\n".join(_entry(module, name) for name in names)
    return f"# course_utils.{room}\n\n{_line(module)}\n{TABLE.format(room=room, names=table, entries=entries)}"


def public_names(room: str) -> list[str]:
    """List the functions and classes that a room offers; those of its stub, or those that it defines."""
    module = _module(room)
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    names = getattr(module, "__all__", None) or [name for name in own if not name.startswith("_")]
    return [name for name in names if inspect.isroutine(value := getattr(module, name)) or inspect.isclass(value)]


def _entry(module: ModuleType, name: str) -> str:
    if inspect.isclass(getattr(module, name)):
        return f".. autoclass:: {name}\n   :members:"
    return f".. autofunction:: {name}"


def _module(room: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch and fastai say to each other
        return importlib.import_module(f"course_utils.{room}")


def _line(module: ModuleType) -> str:
    return (module.__doc__ or "").partition("\n")[0]
