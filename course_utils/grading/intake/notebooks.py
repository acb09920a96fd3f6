"""Reads the cells of a notebook that somebody else made: plain JSON, every type checked, nothing run or unpickled."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

from course_utils.grading.intake.archives import Unreadable
from course_utils.grading.names import shown, whole

KINDS = ("code", "markdown", "raw", "heading")
MOST_CELLS = 5_000
CONFLICT = (re.compile(rb"^<<<<<<< ", re.M), re.compile(rb"^>>>>>>> ", re.M))


class Block(NamedTuple):
    """A cell as it stands in the file; nothing of it is trusted.

    id: the cell's own, grade_id: nbgrader's; "" without one. grading: nbgrader's metadata
    asked: what the release noted of an answer cell for a dry run
    """

    code: bool
    source: str
    id: str
    grade_id: str
    grading: dict[str, Any]
    asked: dict[str, Any] = {}  # noqa: RUF012


@dataclass(frozen=True, slots=True)
class Notebook:
    """The cells in their order; `assignment` is the one that the notebook's metadata name, or ""."""

    blocks: tuple[Block, ...]
    assignment: str


def read_notebook(data: bytes) -> Notebook:
    """A notebook of nbformat 3 or 4 from a file's bytes. Unreadable when it is none.

    A name that comes twice in an object is refused: programs differ in which one counts. NaN, which Jupyter itself
    writes in outputs, is let pass: no number is read.
    """
    content = _table(_loaded(data), "the file")
    form = content.get("nbformat", 4)
    if type(form) is not int or not 3 <= form <= 4:
        raise Unreadable(f"its nbformat is {_said(form)}, and 3 and 4 are known")
    metadata = _table(content.get("metadata", {}), "its metadata")
    named = _table(metadata.get("course", {}), "its metadata `course`").get("assignment", "")
    cells = _list(content.get("cells") if form == 4 else _of_sheets(content), "`cells`")
    if len(cells) > MOST_CELLS:
        raise Unreadable(f"it has {len(cells)} cells, and at most {MOST_CELLS} are read")
    blocks = []
    for cell in cells:
        try:
            blocks.append(_block(cell))
        except Unreadable as error:
            raise Unreadable(f"in cell {len(blocks) + 1}, {error}") from None
    return Notebook(tuple(blocks), named if isinstance(named, str) else "")


def _loaded(data: bytes) -> Any:
    if not data.strip():
        raise Unreadable("it is empty")
    try:
        return json.loads(data.decode(json.detect_encoding(data)), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise Unreadable(f"it isn't text (byte {error.start})") from None
    except json.JSONDecodeError as error:
        if all(mark.search(data) for mark in CONFLICT):
            raise Unreadable("two versions of it were merged and the marks of that are left (<<<<<<<)") from None
        raise Unreadable(f"it is no notebook: line {error.lineno} isn't JSON") from None
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except ValueError:  # more digits than Python reads
        raise Unreadable("it holds a number of thousands of digits") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise Unreadable(f"the name {shown(twice, 40)!r} comes twice in one of its objects")
    return table


def _of_sheets(content: dict[str, Any]) -> list[Any]:
    sheets = _list(content.get("worksheets"), "`worksheets`")
    return [cell for sheet in sheets for cell in _list(_table(sheet, "a worksheet").get("cells"), "`cells`")]


def _block(cell: Any) -> Block:
    cell = _table(cell, "the cell itself")
    kind = cell.get("cell_type")
    if kind not in KINDS:  # a list there is none of them either
        raise Unreadable(f"the type is {_said(kind)}")
    code = kind == "code"
    source = _text(cell.get("input" if code and "source" not in cell else "source", ""))
    if kind == "heading":  # nbformat 3
        level = cell.get("level", 1)
        source = f"{'#' * level if type(level) is int and 0 < level < 7 else '#'} {source}"
    metadata = _table(cell.get("metadata", {}), "the metadata")
    grading = _table(metadata.get("nbgrader", {}), "nbgrader's metadata")
    own = cell.get("id", metadata.get("id", ""))  # Colab keeps it among the metadata
    named = grading.get("grade_id", "")
    asked = metadata.get("course")
    return Block(
        code,
        source,
        own if type(own) is str else "",
        named if type(named) is str else "",
        grading,
        asked if isinstance(asked, dict) else {},
    )


def _text(source: Any) -> str:
    try:
        source = source if type(source) is str else _joined(_list(source, "the source"))
    except TypeError:
        raise Unreadable("the source is no text") from None
    return whole(source.replace("\r\n", "\n").replace("\r", "\n") if "\r" in source else source)


def _joined(lines: list[Any]) -> str:
    """A source's lines, each of which ends itself; some programs leave all their ends out."""
    ended = any(line.endswith(("\n", "\r")) for line in lines[:-1] if type(line) is str)
    return ("" if ended else "\n").join(lines)


def _table(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(f"{what} should be a JSON object, and is {_said(value)}")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable(f"{what} should be a list, and is {_said(value)}")
    return value


def _said(value: Any) -> str:
    """A value in a sentence: short, and harmless on a terminal."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    return "missing" if value is None else shown(repr(value) if isinstance(value, str) else str(value), 40)
