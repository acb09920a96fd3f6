"""A dry run for students: their notebook from the top, as it will be graded, without any key or sandbox.

It runs on the student's own machine, in a process of its own; a cell that takes too long or ends Python is left out,
and the rest is run again. Nothing is imported here that the child doesn't need.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from course_utils.errors import CourseError
from course_utils.grading.intake.archives import Folder, Unreadable
from course_utils.grading.intake.layouts import ENDING
from course_utils.grading.intake.notebooks import Block, Notebook, read_notebook
from course_utils.grading.names import shown
from course_utils.grading.release.handout import blank_mark
from course_utils.grading.release.wording import TRIAL

LARGEST = 10 * 2**20  # bytes of a notebook
IMPORTS = 120.0  # seconds for all imports together
MOST_TIMES = 8  # that the notebook begins again without a cell that stopped it
CHILD = "from course_utils.grading.marking.dry_child import child; child()"
INSIDE = "COURSE_DRY_RUN"  # is set in the child, where the notebook's own cell must not begin another dry run
SAVED = ("JPY_SESSION_NAME",)  # where Jupyter says which notebook it runs


class Told(NamedTuple):
    """What came of a cell. error: the sentence it stopped with, or ""; name, value: what it binds, as it is shown.

    fit: what is asked for, where the value can't be read as that; missing: the package that isn't here
    """

    error: str = ""
    name: str = ""
    value: str = ""
    fit: str = ""
    missing: str = ""


def dry_run(file: Path, seconds: float = 10.0) -> tuple[list[str], int]:
    """(a line for each answer and for what went wrong, how many things should be looked at).

    seconds: that one cell may take. CourseError when the file is no notebook that could be graded.
    """
    notebook = _read(file)
    code = {
        number: block
        for number, block in enumerate(notebook.blocks, 1)
        if block.code and block.source.strip() and TRIAL not in (block.grade_id, block.id)
    }
    came = _run(code, seconds)
    lines, troubles = [], 0
    for number, block in enumerate(notebook.blocks, 1):
        said, fine = _of_cell(block, came.get(number))
        if said:
            lines.append(f"{_answer(block) or f'cell {number}'}: {said}")
            troubles += not fine
    for item in _gone(notebook):
        lines.append(f"{item}: its answer cell is gone")
        troubles += 1
    for package in sorted({one.missing for one in came.values()} - {""}):
        lines.append(f"package {package}: isn't installed here, so the grader may not have it either")
    return lines, troubles


def try_here(assignment: str, file: str = "") -> None:
    """Print the dry run of the notebook that this is called in, as it was saved; never raises.

    file: the notebook's file, where it isn't found by itself
    """
    if os.environ.get(INSIDE):
        return
    try:
        path = Path(file) if file else _this_notebook(assignment)
        lines, troubles = dry_run(path)
    except CourseError as error:
        print(error)
        return
    print(f"{path.name}, as saved at {time.strftime('%H:%M:%S', time.localtime(path.stat().st_mtime))}:")
    print("\n".join([*lines, summary(troubles)]))


def summary(troubles: int) -> str:
    """The last line of a dry run."""
    return f"{troubles} to look at before you hand in" if troubles else "every answer is found"


def _this_notebook(assignment: str) -> Path:
    """The file of the running notebook: the one that Jupyter or VS Code names, or the latest of the assignment here."""
    main = sys.modules["__main__"]
    named = [getattr(main, "__vsc_ipynb_file__", ""), getattr(main, "__session__", "")]
    for name in [*named, *map(os.environ.get, SAVED)]:
        if name and ENDING.search(name) and Path(name).is_file():
            return Path(name)
    found = []
    for path in Path().glob("*.ipynb"):
        try:
            if _read(path).assignment == assignment:
                found.append(path)
        except CourseError:
            continue
    if found:
        return max(found, key=lambda path: path.stat().st_mtime)
    raise CourseError(
        f'No notebook of {assignment} lies in {Path.cwd()}: save it there, or name its file with try_here("{assignment}'
        '", "FILE.ipynb").',
        code="grading.no-notebook",
    )


def _read(file: Path) -> Notebook:
    try:
        entry = next(one for one in Folder(file.parent, only=file.name).entries())
        notebook = read_notebook(Folder(file.parent).read(entry, LARGEST))
    except (StopIteration, OSError):
        raise CourseError(f"{file} doesn't exist: name your notebook.", code="grading.no-notebook") from None
    except Unreadable as error:
        large = file.stat().st_size > LARGEST
        why = f"it is larger than {LARGEST >> 20} MB, so clear its outputs" if large else str(error)
        raise CourseError(f"{file} can't be graded: {why}.", code="grading.no-notebook") from None
    if not any(_answer(block) for block in notebook.blocks) or not ENDING.search(file.name):
        raise CourseError(
            f"{file} has no answer cells: name the notebook that you were given, saved as .ipynb.",
            code="grading.no-answers",
        )
    return notebook


def _answer(block: Block) -> str:
    """The item that a cell answers, "04.2"; "" for any other cell."""
    return _item(block, "-answer")


def _item(block: Block, ending: str) -> str:
    found = next((one for one in (block.grade_id, block.id) if one.endswith(ending)), "")
    return found.removesuffix(ending).replace("-", ".")


def _gone(notebook: Notebook) -> list[str]:
    """The items whose question is there and whose answer cell isn't."""
    asked = dict.fromkeys(_item(block, "-question") for block in notebook.blocks)
    answered = {_answer(block) for block in notebook.blocks}
    return [item for item in asked if item and item not in answered]


def _of_cell(block: Block, came: Told | None) -> tuple[str, bool]:
    """(what is said of a cell, or "", whether it may stay so)"""
    answer = _answer(block)
    if answer and block.asked.get("blank") == blank_mark(block.source):
        return "is blank", False
    if answer and not block.code:
        return ("is written in words", True) if block.source.strip() else ("is blank", False)
    if came is None:
        return ("is blank", False) if answer else ("", True)
    if came.error:
        examples = not answer and came.error.startswith(
            "stopped with AssertionError"
        )  # these are asked of blank answers too
        return ("", True) if examples else (came.error, False)
    if not answer:
        return "", True
    if not came.name:
        return "its cell binds no answer", False
    if came.value in ("None", "Ellipsis", "''"):
        return f"{came.name} is blank", False
    if came.fit:
        return f"{came.name} is {shown(came.value)}, which can't be read: {came.fit}", False
    return f"{came.name} is {shown(came.value)}", True


def _run(code: dict[int, Block], seconds: float) -> dict[int, Told]:
    """What came of each cell, by its number."""
    stopped: dict[int, Told] = {}
    told: dict[int, Told] = {}
    for _ in range(MOST_TIMES):
        left = {number: block for number, block in code.items() if number not in stopped}
        came, late = _told(list(left.values()), seconds)
        told = dict(zip(left, came, strict=False))
        if len(came) == len(left):
            break
        why = f"takes longer than {seconds:g} seconds" if late else "ends Python"
        stopped[list(left)[len(came)]] = Told(error=f"{why}; the rest was run without it")
    return told | stopped


def _told(blocks: Sequence[Block], seconds: float) -> tuple[list[Told], bool]:
    """(what the child says of each cell, until one takes too long or ends it, whether it took too long)"""
    with tempfile.TemporaryDirectory() as scratch:
        path = os.pathsep.join(filter(None, sys.path))
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=scratch,
            env=os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": path, INSIDE: "1"},
            text=True,
            encoding="utf-8",
        )
        assert process.stdin and process.stdout, "both are pipes"
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_forward, args=(process.stdout, lines), daemon=True)
        reader.start()
        told, late = [], False
        try:
            process.stdin.write(json.dumps([[block.source, block.asked] for block in blocks]) + "\n")
            process.stdin.flush()
            for number in range(len(blocks) + 1):  # the first line says that the imports are done
                line = lines.get(timeout=seconds if number else IMPORTS)
                if not line:
                    break
                told.append(json.loads(line))
        except queue.Empty:
            late = True
        except (BrokenPipeError, ValueError):
            pass
        finally:
            process.kill()
            process.wait()
            reader.join()
            process.stdin.close()
            process.stdout.close()
    return [Told(*one) for one in told[1:]], late


def _forward(stream: Any, lines: queue.Queue) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")
