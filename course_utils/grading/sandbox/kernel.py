"""What a notebook's cells find around them, as IPython has it: magics, shell lines, `await`, files in the scratch."""

import ast
import asyncio
import importlib
import inspect
import io
import os
import re
import sys
import types
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

# Cell magics whose body is no Python, or runs in a process of its own: nothing of it reaches the notebook's names.
FOREIGN = {"!", "sx", "system", "bash", "sh", "script", "cmd", "html", "HTML", "svg", "SVG", "latex", "markdown"}
FOREIGN |= {"javascript", "js", "perl", "ruby", "pypy", "python", "python2", "python3", "sql", "cython", "R", "timeit"}
WRITES = ("writefile", "file")
RUNS = ("time", "prun", "memit")  # line magics that run the statement that follows, in the notebook's names
OPTION = re.compile(r"(?:-[a-zA-Z]\b(?:\s*\d+)?\s+)*")  # "-n1 -r 3 ", before the statement
IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import|import[ \t]+([\w., \t]+))", re.M)
MOST_IMPORTS = 50


class Kernel:
    """The names that cells share, and the shell that their magics are called on.

    printed: whether something was printed since it was last set to False; what was printed is forgotten
    """

    def __init__(self) -> None:
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module  # classes and dataclasses look their module up
        self.names = module.__dict__
        self.names.update(display=_nothing, get_ipython=lambda: Shell(self))
        self.out = Nowhere()
        sys.stdout = sys.stderr = self.out
        sys.path.insert(0, "")  # what a cell wrote into the scratch can be imported, as in a notebook

    def run(self, source: str, label: str = "<cell>") -> None:
        """Run a cell; `await` may stand at its top."""
        code = compile(python(source), label, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        came = eval(code, self.names)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(came)

    def value(self, source: str) -> Any:
        """What a line magic's statement gives: the value of an expression, None of another statement."""
        source = python(source)
        try:
            code = compile(source, "<magic>", "eval", dont_inherit=True)
        except SyntaxError:
            self.run(source)
            return None
        return eval(code, self.names)


def python(source: str) -> str:
    """A cell as Python: magics and shell lines become calls of `get_ipython()`."""
    try:
        compile(source, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        return TransformerManager().transform_cell(source)
    return source


def import_ahead(sources: list[str]) -> None:
    """Import what cells will import and what is installed: how long that takes is no fault of theirs.

    What can't be imported is left to the cell itself, which then fails as it would have.
    """
    wanted: dict[str, None] = {}
    for source in sources:
        for origin, names in IMPORT.findall(source):
            wanted |= dict.fromkeys(
                [origin] if origin else [name.split()[0] for name in names.split(",") if name.strip()]
            )
    for name in [one for one in wanted if one not in sys.modules][:MOST_IMPORTS]:
        try:
            if find_spec(name.partition(".")[0]):
                importlib.import_module(name)
        except Exception:
            continue


def _nothing(*_: Any, **__: Any) -> None:
    return None


class Captured:
    """What `%%capture` binds: the output, which is thrown away here."""

    stdout = stderr = ""
    outputs: tuple = ()

    def show(self) -> None:
        """There is nothing to show."""


class Shell:
    """What magics are called on; those that run Python run it here, all others do nothing."""

    def __init__(self, kernel: Kernel):
        self._kernel = kernel
        self.user_ns = kernel.names

    def __getattr__(self, name: str) -> Callable:
        return _nothing

    def getoutput(self, *_: Any, **__: Any) -> list[str]:
        """Of `x = !command`: no command runs here."""
        return []

    def magic(self, line: str) -> Any:
        """The old form, `get_ipython().magic("time x = 1")`."""
        name, _, rest = line.lstrip("%").partition(" ")
        return self.run_line_magic(name, rest)

    def run_line_magic(self, name: str, line: str, *_: Any, **__: Any) -> Any:
        """`%time x = f()` and its kind run the statement; `%run file.py` runs a file of the scratch."""
        if name in RUNS:
            return self._kernel.value(line[OPTION.match(line).end() :])  # type: ignore[union-attr]  # it may be empty
        if name == "run" and line.split():
            with open(line.split()[0], encoding="utf-8") as file:
                self._kernel.run(file.read())
        if name == "env" and "=" in line:
            key, _sign, value = line.partition("=")
            os.environ[key.strip()] = value.strip()
        return None

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        """`%%time`, `%%capture` and other magics around Python run the body; `%%writefile` writes it."""
        if name in WRITES:
            words = line.split()
            with open(words[-1].strip("\"'"), "a" if "-a" in words else "w", encoding="utf-8") as file:
                file.write(cell)
            importlib.invalidate_caches()
        elif name not in FOREIGN:
            self._kernel.run(cell)
            if name == "capture" and (words := [word for word in line.split() if word.isidentifier()]):
                self._kernel.names[words[0]] = Captured()


class Nowhere(io.TextIOBase):
    """Takes what is printed, and forgets it."""

    printed = False

    def write(self, text: str) -> int:
        """Take it."""
        self.printed = True
        return len(text)
