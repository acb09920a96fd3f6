"""The process in which a dry run runs a student's cells, and what it says of each."""

import ast
import json
import os
import sys
from typing import Any

from course_utils.grading.marking.reading import number_of, reads_as_letters


def child() -> None:
    """Run the cells that come as one line of JSON, and tell of each as one line."""
    from course_utils.grading.sandbox.kernel import Kernel, import_ahead

    out, cells = os.fdopen(os.dup(1), "w", encoding="utf-8"), json.loads(sys.stdin.readline())
    kernel = Kernel()
    import_ahead([source for source, _ in cells])

    def tell(*said: str) -> None:
        out.write(json.dumps(said) + "\n")
        out.flush()

    tell()
    for source, asked in cells:
        error = missing = ""
        try:
            kernel.run(source)
        except BaseException as raised:
            error = f"stopped with {type(raised).__name__}: {str(raised)[:200]}"
            if isinstance(raised, ModuleNotFoundError):
                missing = (raised.name or "").partition(".")[0]
        name = next((one for one in _names(source) if one in kernel.names), "")
        value = kernel.names.get(name)
        tell(error, name, _shown(value) if name else "", _unfit(value, asked) if name else "", missing)


def _names(source: str) -> list[str]:
    """The names that a cell binds at its top, as far as its text tells: its last first."""
    from course_utils.grading.sandbox.kernel import python

    if source.startswith("%%"):
        source = source.partition("\n")[2]
    try:
        body = ast.parse(python(source)).body
    except (SyntaxError, ValueError, RecursionError):
        return []
    names = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [one.id for one in node.targets if isinstance(one, ast.Name)]
    return names[::-1]


def _unfit(value: Any, asked: dict[str, Any]) -> str:
    """What the item asks for, where the value can't be read as that; "" where it can, or nobody knows."""
    kind, options = asked.get("kind"), asked.get("options")
    if kind in ("number", "varied number"):
        try:
            number = number_of(value)
        except Exception:
            return "a number is asked for"
        return "" if isinstance(number, (int, float)) and not isinstance(number, bool) else "a number is asked for"
    if kind in ("one choice", "several choices", "order") and type(options) is int:
        said = "one letter is asked for" if kind == "one choice" else "letters are asked for"
        return "" if reads_as_letters(value, options, alone=kind == "one choice") else said
    return "a text is asked for" if kind == "short text" and not isinstance(value, str) else ""


def _shown(value: Any) -> str:
    if callable(value) and hasattr(value, "__name__"):
        return f"the function {value.__name__}"
    try:
        return repr(value)[:100]
    except Exception:
        return f"a {type(value).__name__}"
