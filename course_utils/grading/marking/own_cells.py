"""The cells of a student's own that an answer uses: a helper that stands elsewhere belongs to the answer.

Read from the text alone: nothing is run. Who moves code into a cell of their own has still written it, or copied it.
"""

import re
import symtable
from collections.abc import Iterator
from functools import lru_cache

from course_utils.grading.records import LONGEST_ANSWER, Submission

MOST_CELLS = 100  # of a student's own that are looked at
BEFORE = "# From cells of the student's own that it uses:"
WRITES = re.compile(r"%%(?:writefile|file)\s+(?:-a\s+)?[\"']?(\w+)\.py\b")
IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(\w+)[ \t]+import|import[ \t]+(\w+))", re.M)
NAME = re.compile(r"[^\W\d]\w*")
BINDING = re.compile(r"^(?:(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|([^\W\d][\w, \t]*)[ \t]*=(?!=))", re.M)


def with_used_cells(source: str, name: str, submission: Submission) -> str:
    """An answer cell's source and, below it, what it uses of the student's own cells, in the notebook's order.

    name: what the answer binds; a cell of the student's own that binds it too belongs to the answer
    """
    own = [cell.source for cell in submission.cells if cell.item is None and cell.source.strip()][:MOST_CELLS]
    if not own:
        return source
    used: set[int] = set()
    todo = [name, *_names(source[:LONGEST_ANSWER])[1]]
    seen: set[str] = set()
    while todo:
        if (one := todo.pop()) in seen:
            continue
        seen.add(one)
        for number, cell in enumerate(own):
            if number not in used and one in cell:
                bound, needed = _names(cell[:LONGEST_ANSWER])
                if one in bound:
                    used.add(number)
                    todo += needed
    return "\n\n".join([source, BEFORE, *(own[number] for number in sorted(used))]) if used else source


def bound_by(source: str) -> frozenset[str]:
    """The names that a cell binds at its top."""
    return _names(source[:LONGEST_ANSWER])[0]


@lru_cache(256)  # cells are asked for by several answers
def _names(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """(the names that a cell binds at its top, the names that it takes from other cells)."""
    module = WRITES.match(source.lstrip())
    modules = {name for found in IMPORT.findall(source) for name in found if name}
    body = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))
    try:
        table = symtable.symtable(body, "<cell>", "exec")
        top = {symbol.get_name(): symbol for symbol in table.get_symbols()}
        bound = {name for name, symbol in top.items() if symbol.is_assigned() or symbol.is_imported()}
        needed = {name for name, symbol in top.items() if symbol.is_referenced()} | set(_globals(table))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # as far as the words tell
        bound = {name for found in BINDING.findall(body) for one in found for name in NAME.findall(one)}
        needed = set(NAME.findall(body))
    if module:
        bound = {module[1]}
    return frozenset(bound), frozenset(needed - bound | modules)


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    """The names that functions and classes read of the notebook."""
    for inner in table.get_children():
        yield from (symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global())
        yield from _globals(inner)
