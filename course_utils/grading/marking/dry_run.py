"""A dry run for students: their notebook from the top, as it will be graded, without any key or sandbox.

It runs on the student's own machine, in a process of its own, which is ended when a cell takes too long.
"""

import ast
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError
from course_utils.grading.intake.archives import Folder, Unreadable
from course_utils.grading.intake.layouts import ENDING
from course_utils.grading.intake.notebooks import Block, Notebook, read_notebook
from course_utils.grading.names import shown

LARGEST = 10 * 2**20  # bytes of a notebook
IMPORTS = 120.0  # seconds for all imports together
CHILD = "from course_utils.grading.marking.dry_run import child; child()"


def dry_run(file: Path, seconds: float = 10.0) -> tuple[list[str], int]:
    """(a line for each answer and for what went wrong, how many things should be looked at).

    seconds: that one cell may take. CourseError when the file is no notebook that could be graded.
    """
    notebook = _read(file)
    code = [(n, block) for n, block in enumerate(notebook.blocks, 1) if block.code and block.source.strip()]
    told = _told([block.source for _, block in code], seconds)
    lines, troubles = [], 0
    for (number, block), came in zip(code, told, strict=False):
        if answer := _answer(block):
            said, fine = _of_answer(block, came)
            lines.append(f"{answer}: {said}")
            troubles += not fine
        elif came["error"] and not came["error"].startswith("AssertionError"):
            lines.append(f"cell {number}: stopped with {came['error']}")
            troubles += 1
    if len(told) < len(code):
        lines.append(f"cell {code[len(told)][0]}: takes longer than {seconds:g} seconds, or ends Python; stopped there")
        troubles += 1
    return lines, troubles


def _read(file: Path) -> Notebook:
    try:
        entry = next(one for one in Folder(file.parent, only=file.name).entries())
        notebook = read_notebook(Folder(file.parent).read(entry, LARGEST))
    except (StopIteration, OSError):
        raise CourseError(f"{file} isn't there: name your notebook.", code="grading.no-notebook") from None
    except Unreadable as error:
        raise CourseError(f"{file} can't be graded: {error}.", code="grading.no-notebook") from None
    if not any(_answer(block) for block in notebook.blocks) or not ENDING.search(file.name):
        raise CourseError(
            f"{file} holds no answer cells: name the notebook that was handed out to you, saved as .ipynb.",
            code="grading.no-answers",
        )
    return notebook


def _answer(block: Block) -> str:
    """The item that a cell answers, "04.2"; "" for any other cell."""
    for one in (block.grade_id, block.id):
        if one.endswith("-answer"):
            return one.removesuffix("-answer").replace("-", ".")
    return ""


def _of_answer(block: Block, came: dict[str, Any]) -> tuple[str, bool]:
    if came["error"]:
        return f"stopped with {came['error']}", False
    if not came["bound"]:
        return "its cell binds no answer", False
    name, value = next(iter(came["bound"].items()))
    if value in ("None", "Ellipsis", "''"):
        return f"{name} is blank", False
    return f"{name} is {shown(value)}", True


def _told(sources: list[str], seconds: float) -> list[dict[str, Any]]:
    """What the child says of each cell, until one takes too long."""
    with tempfile.TemporaryDirectory() as scratch:
        environment = os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=scratch,
            env=environment,
            text=True,
            encoding="utf-8",
        )
        assert process.stdin and process.stdout, "both are pipes"
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_forward, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            process.stdin.write(json.dumps(sources) + "\n")
            process.stdin.flush()
            told = []
            for number in range(len(sources) + 1):  # the first line says that the imports are done
                line = lines.get(timeout=seconds if number else IMPORTS)
                if not line:
                    break
                told.append(json.loads(line))
        except (queue.Empty, BrokenPipeError, ValueError):
            pass
        finally:
            process.kill()
            process.wait()
            reader.join()
            process.stdin.close()
            process.stdout.close()
    return told[1:]


def _forward(stream: Any, lines: queue.Queue) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def child() -> None:
    """Run the cells that come as one line of JSON, and tell of each as one line."""
    from course_utils.grading.sandbox.kernel import Kernel, import_ahead

    out, sources = os.fdopen(os.dup(1), "w", encoding="utf-8"), json.loads(sys.stdin.readline())
    kernel = Kernel()
    import_ahead(sources)

    def tell(**said: Any) -> None:
        out.write(json.dumps(said) + "\n")
        out.flush()

    tell(ready=True)
    for source in sources:
        began, error = time.monotonic(), ""
        try:
            kernel.run(source)
        except BaseException as raised:
            error = f"{type(raised).__name__}: {str(raised)[:200]}"
        bound = {name: _shown(kernel.names[name]) for name in _names(source) if name in kernel.names}
        tell(error=error, bound=bound, seconds=time.monotonic() - began)


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


def _shown(value: Any) -> str:
    if callable(value) and hasattr(value, "__name__"):
        return f"the function {value.__name__}"
    try:
        return repr(value)[:100]
    except Exception:
        return f"a {type(value).__name__}"
