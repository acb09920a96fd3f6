"""Functions as inputs of an item: how an author's functions reach the worker of a student's code.

A function is sent by its compiled code, its defaults, and the names that it uses, each as a value; what can be imported
is sent by its name. Only a worker rebuilds them: where the keys are, a function is what it is made of, and equal to
nothing. The same version of Python reads and writes them, as everywhere in grading.
"""

import base64
import builtins
import dis
import functools
import importlib
import marshal
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

UFUNCS = ("numpy", "scipy.special")  # ufuncs don't say where they are from
MOST_CODE = 100_000  # bytes of a function's code
KINDS = ("function", "again", "module", "import", "partial")


@dataclass(eq=False)
class Function:
    """A function where none may be rebuilt: the values that it was sent with."""

    parts: list


class Packer:
    """Puts functions into JSON; `encode` does the same for the values that they need."""

    def __init__(self) -> None:
        self.known: list[types.FunctionType] = []  # functions that use each other come once

    def packed(self, value: Any, encode: Callable[[Any], Any]) -> Any:
        """What is sent of a function or module; None of what is neither."""
        if isinstance(value, types.ModuleType):
            return {"module": value.__name__}
        if type(value) is functools.partial:
            return {"partial": [encode(value.func), encode(value.args), encode(value.keywords)]}
        if (place := _place(value)) is not None:
            return {"import": place}
        if type(value) is not types.FunctionType:
            return None
        for number, one in enumerate(self.known):
            if one is value:
                return {"again": number}
        self.known.append(value)
        code = marshal.dumps(value.__code__)
        if len(code) > MOST_CODE:
            return None
        used = sorted(set(_names(value.__code__)) & set(value.__globals__))
        content = {
            "code": base64.b64encode(code).decode(),
            "name": value.__name__,
            "defaults": encode(value.__defaults__),
            "keywords": encode(value.__kwdefaults__),
            "cells": encode([cell.cell_contents for cell in value.__closure__ or ()]),
            "names": encode({name: value.__globals__[name] for name in used}),
        }
        return {"function": content}


class Unpacker:
    """Rebuilds functions from what a Packer sent, in a worker."""

    def __init__(self) -> None:
        self.known: list[types.FunctionType] = []

    def unpacked(self, kind: str, content: Any, decode: Callable[[Any], Any]) -> Any:
        """The function or module."""
        if kind == "again":
            return self.known[content]
        if kind == "module":
            return importlib.import_module(content)
        if kind == "import":
            return functools.reduce(getattr, content[1].split("."), importlib.import_module(content[0]))
        if kind == "partial":
            function, arguments, keywords = map(decode, content)
            return functools.partial(function, *arguments, **keywords)
        code = marshal.loads(base64.b64decode(content["code"]))
        names: dict[str, Any] = {"__builtins__": builtins, "__name__": "__main__"}
        cells = tuple(types.CellType() for _ in code.co_freevars)
        function = types.FunctionType(code, names, content["name"], None, cells)
        self.known.append(function)  # before what it needs is read: it may need itself
        function.__defaults__ = decode(content["defaults"])
        function.__kwdefaults__ = decode(content["keywords"])
        for cell, value in zip(cells, decode(content["cells"]), strict=True):
            cell.cell_contents = value
        names.update(decode(content["names"]))
        return function


def inside(kind: str, content: Any, decode: Callable[[Any], Any]) -> Function:
    """What a function was sent with, where none may be rebuilt: nothing of it is imported or run."""
    if kind == "function":
        return Function([decode(content[part]) for part in ("defaults", "keywords", "cells", "names")])
    return Function([decode(part) for part in content] if kind == "partial" else [])


def _place(value: Any) -> list[str] | None:
    """The module and name by which something callable can be imported; None when it can't."""
    owner = getattr(value, "__objclass__", value)  # of a method of a built-in class
    modules = UFUNCS if type(value).__name__ == "ufunc" else (str(getattr(owner, "__module__", "")),)
    name = getattr(value, "__qualname__", getattr(value, "__name__", ""))
    if not callable(value) or type(name) is not str:
        return None
    for module in modules:
        try:
            if module != "__main__" and functools.reduce(getattr, name.split("."), sys.modules[module]) is value:
                return [module, name]
        except (KeyError, AttributeError):
            continue
    return None


def _names(code: types.CodeType) -> Iterator[str]:
    """The global names that a function's code reads, and the functions' inside it."""
    yield from (one.argval for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
