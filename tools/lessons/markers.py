"""The markers around a solution: each is one of a pair, to the letter, or the lesson isn't built.

A marker that no pair encloses would stay in the learners' notebook, and its solution with it. So whatever looks like
a marker and isn't one of a pair is refused, with file and line.
"""

import re
from collections.abc import Callable
from difflib import SequenceMatcher

from nbformat import NotebookNode

from course_utils.errors import CourseError

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
MARKER = re.compile(rf" *({BEGIN}|{END})")
TEXT = re.compile(r"(BEGIN|END)[\W_]*SOLUTION|#\W*(begin|end)[\W_]*solution")
COMMENT = re.compile(r"\s*#+\W*(?P<words>[^#]{1,30})#*\s*$")
ALIKE = 0.86  # "begin soluton" has 0.96 of "begin solution", "the solution" 0.83 of "end solution"


def looks_like_marker(line: str, code: bool = True) -> bool:
    """Whether a line is a marker, or may have been meant as one; in code, three hashes are for markers only."""
    if TEXT.search(line) or (code and line.lstrip().startswith("###")):
        return True
    comment = COMMENT.match(line)
    if not comment:
        return False
    words = comment["words"].strip().casefold()
    wanted = ("begin solution", "end solution")
    return words.startswith(wanted) or any(SequenceMatcher(None, words, one).ratio() >= ALIKE for one in wanted)


def check_markers(notebook: NotebookNode, locate: Callable[[int, int], str]) -> None:
    """Refuse a lesson whose markers don't pair up.

    Parameters
    ----------
    notebook : NotebookNode
        The lesson with its solutions.
    locate : callable
        Names a line for people ("lessons/text/04_freezing.py:312"), from a cell's index and the line's index in it.

    Raises
    ------
    CourseError
        With the first line that is wrong: an unclosed, nested, stray, misspelt or oddly indented marker, or a cell
        tagged `solution` in which nothing is marked.
    """
    for index, cell in enumerate(notebook.cells):
        if found := _fault(cell):
            line, problem, message = found
            raise CourseError(f"{locate(index, line)}: {message}.", code=f"tools.{problem}")


def pairs(source: str) -> list[tuple[int, int]]:
    """The indices of the lines (BEGIN, END) of each pair in a cell whose markers were checked."""
    found = [index for index, line in enumerate(source.split("\n")) if MARKER.fullmatch(line)]
    return list(zip(found[::2], found[1::2], strict=True))


Fault = tuple[int, str, str]  # the line's index, the problem, the message


def _fault(cell: NotebookNode) -> Fault | None:
    """The first fault of a cell."""
    is_code, is_solution = cell.cell_type == "code", "solution" in cell.metadata.get("tags", [])
    lines = cell.source.split("\n")
    marked = [index for index, line in enumerate(lines) if looks_like_marker(line, is_code)]
    if is_solution and not marked:
        return 0, "no-solution", f"a cell tagged solution has no lines between {BEGIN!r} and {END!r}: mark them"
    for index in marked:
        given = lines[index].strip()
        if not is_code:
            return index, "stray-marker", f"{given!r} stands in a text cell: only code cells hold solutions"
        if not MARKER.fullmatch(lines[index]):
            return index, "misspelt-marker", f"{given!r} should be {BEGIN!r} or {END!r}, alone on its line"
        if not is_solution:
            return index, "stray-marker", f"{given!r} stands in a cell that isn't tagged solution: tag it"
    return _unpaired(lines, marked) or _misaligned(lines, list(zip(marked[::2], marked[1::2], strict=True)))


def _unpaired(lines: list[str], marked: list[int]) -> Fault | None:
    """The first marker that isn't where its turn is: they come as BEGIN, END, BEGIN, END."""
    begin = None
    for index in marked:
        begins = lines[index].strip() == BEGIN
        if begins and begin is not None:
            return index, "nested-marker", f"another {BEGIN!r} before {END!r}: close the first, or remove this one"
        if not begins and begin is None:
            return index, "stray-marker", f"{END!r} without {BEGIN!r} before it: add that, or remove this one"
        begin = index if begins else None
    if begin is not None:
        return begin, "unclosed-marker", f"{BEGIN!r} is never closed in its cell: put {END!r} after the solution"
    return None


def _misaligned(lines: list[str], found: list[tuple[int, int]]) -> Fault | None:
    """The first pair that encloses nothing, or whose markers and first line don't begin in the same column."""
    for begin, end in found:
        enclosed = [line for line in lines[begin + 1 : end] if line.strip()]
        if not enclosed:
            return begin, "empty-solution", f"nothing stands between {BEGIN!r} and {END!r}: write the solution there"
        if _indent(lines[end]) != _indent(lines[begin]):
            return end, "odd-indent", f"{END!r} isn't indented as its {BEGIN!r} is: line the two up"
        if _indent(enclosed[0]) != _indent(lines[begin]):
            return begin, "odd-indent", f"{BEGIN!r} isn't indented as the line after it is: line the two up"
    return None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
