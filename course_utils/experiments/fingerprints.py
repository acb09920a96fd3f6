"""Fingerprints of code: of the course's own, and of what a learner has written, wherever it stands."""

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

PACKAGE = Path(__file__).parents[1]
ROOMS = ("data", "backbones", "surgery", "training", "tasks", "experiments")  # what the score of a run depends on
INSTALLED = tuple(map(Path, {sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")}))


@cache
def digest_of_package() -> str:
    """Make a fingerprint of the course's own code, which doesn't change with comments, docstrings and layout."""
    found = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            named = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            if named and ast.get_docstring(node, clean=False) is not None:  # type: ignore[arg-type]
                node.body = node.body[1:]  # type: ignore[attr-defined]
        found.update(ast.dump(tree).encode())
    return found.hexdigest()[:16]


def digest_of_code(objects: Sequence[Any]) -> str:
    """Make a fingerprint of classes and functions of one's own, and of what these use of their own modules.

    What is installed counts with its name alone: it changes with the libraries' versions. Compiled code is compared,
    since a notebook's classes have no source that can be read.
    """
    seen: set[int] = set()
    found = hashlib.sha256(f"Python {sys.version_info[:2]}".encode())
    for part in (part for each in objects for part in _parts(each, seen)):
        found.update(part.encode() + b"\0")
    return found.hexdigest()[:16]


def _parts(value: Any, seen: set[int]) -> Iterator[str]:
    """What the fingerprint of an object is made of."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, partial):
        yield repr((value.args, sorted(value.keywords.items())))
        yield from _parts(value.func, seen)
    elif isinstance(value, MethodType):
        yield from _parts(value.__func__, seen)
        yield from _parts(type(value.__self__), seen)
    elif isinstance(value, ModuleType) or not isinstance(value, type | FunctionType):
        yield getattr(value, "__name__", repr(type(value)))
        yield from _parts(type(value), seen) if not isinstance(value, ModuleType) else ()
    elif _is_installed(value.__module__):
        yield f"{value.__module__}.{value.__qualname__}"
    elif isinstance(value, type):
        yield value.__qualname__
        for base in value.__bases__:
            yield from _parts(base, seen)
        for name, member in sorted(vars(value).items()):
            function = getattr(member, "fget", None) or getattr(member, "__func__", member)
            if isinstance(function, FunctionType):
                yield from _parts(function, seen)
            elif not name.startswith("__") and _is_plain(member):
                yield f"{name} {member!r}"
    else:
        yield from _function_parts(value, seen)


def _function_parts(function: FunctionType, seen: set[int]) -> Iterator[str]:
    closed = [cell.cell_contents for cell in function.__closure__ or ()]
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    yield from _code_parts(function.__code__)
    used = [function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__]
    for value in (*closed, *defaults, *used):
        if _is_plain(value):
            yield repr(value)
        elif isinstance(value, type | FunctionType | partial):
            yield from _parts(value, seen)


def _code_parts(code: CodeType) -> Iterator[str]:
    yield f"{code.co_name} {code.co_code.hex()} {code.co_names} {code.co_varnames}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_parts(constant)
        else:  # the order of a set differs from one process to the next
            yield repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)


def _names(code: CodeType) -> Iterator[str]:
    """Names that the code, and functions within it, may look up in their module."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_plain(value: Any) -> bool:
    """Whether a value is written out in full by `repr`, the same in every process."""
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | bytes)


@cache
def _is_installed(module: str) -> bool:
    """Whether a module belongs to Python, to an installed library or to the course; a notebook's doesn't."""
    if module.partition(".")[0] in ("builtins", PACKAGE.name) or module in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and any(Path(file).is_relative_to(folder) for folder in INSTALLED)
