"""The house keeps its form: refusals have a code of their room, and files and folders stay small enough to be read."""

import ast
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES, MOST_FILES = 400, 15
# Rooms whose refusals may be those of another one: a command of `course quiz` speaks for the grading behind it.
OTHER_PREFIXES = {"cli": {"tools"}, "cli/quiz": {"quiz", "grading"}, "settings": {"environment"}}


def tracked() -> list[Path]:
    try:
        found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no clone: git lists no files")
    return [path for name in found.split("\0") if name and (ROOT / (path := Path(name))).is_file()]


def refusals(source: str) -> Iterator[ast.Call]:
    """Every construction of a CourseError."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "CourseError":
            yield node


def code_of(call: ast.Call) -> str | None:
    """The literal code, or None where it is missing or computed."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}.get("code")
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None


def test_every_refusal_has_a_code_of_its_room():
    wrong = []
    for path in tracked():
        if path.parts[0] != "course_utils" or path.suffix != ".py":
            continue
        room = path.with_suffix("").parts[1]
        known = {room} | OTHER_PREFIXES.get("/".join(path.parts[1:3]), OTHER_PREFIXES.get(room, set()))
        for call in refusals((ROOT / path).read_text(encoding="utf-8")):
            code = code_of(call)
            if code is None or code.partition(".")[0] not in known:
                wrong.append(f"{path}:{call.lineno}: {code}")
    assert not wrong, "\n".join(["a literal code, prefixed by the room:", *wrong])


def test_no_file_is_too_long():
    long = {
        path.as_posix()
        for path in tracked()
        if path.suffix == ".py"
        and path.parts[0] != "lessons"
        and len((ROOT / path).read_text(encoding="utf-8").splitlines()) > MOST_LINES
    }
    assert not long, f"over {MOST_LINES} lines: {sorted(long)}"


def test_no_folder_is_too_full():
    folders = Counter(path.parent for path in tracked() if path.parts[0] != "lessons")
    full = {folder.as_posix() for folder, count in folders.items() if count > MOST_FILES}
    assert not full, f"over {MOST_FILES} files: {sorted(full)}"
