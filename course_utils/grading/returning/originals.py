"""The notebooks that were handed in, for those who mark: read again where they lie, and shown as words alone."""

import html
from functools import cached_property
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.exports.cells import CONTROL
from course_utils.grading.intake import archives
from course_utils.grading.intake.archives import Entry, Unreadable
from course_utils.grading.intake.nested import Nested
from course_utils.grading.intake.notebooks import read_notebook
from course_utils.grading.names import shown

LARGEST = 10 * 2**20  # bytes of a notebook
LONGEST = 200_000  # characters that are shown of one


class Originals:
    """The folder or zip that was graded."""

    def __init__(self, path: Path):
        self.path = path / "submitted" if (path / "submitted").is_dir() else path  # as grading reads it

    @cached_property
    def _archive(self) -> Nested:
        return Nested(archives.opened(self.path))

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        archive = self._archive
        return {shown(f"{archive.path.name}/{entry.name}", 300): entry for entry in archives.listed(archive)}

    def read(self, source: str) -> bytes:
        """A notebook's bytes, by the source that its result names. Unreadable or CourseError when they can't be had."""
        if source not in self._entries:
            raise Unreadable("it isn't where it was graded any more")
        return self._archive.read(self._entries[source], LARGEST)

    def page(self, source: str) -> str:
        """A notebook's cells, folded up, by the source that its result names; a sentence when it can't be shown."""
        try:
            notebook = read_notebook(self.read(source))
        except (CourseError, Unreadable) as error:
            return f"<p>The notebook can't be shown: {html.escape(str(error), quote=False)}</p>"
        cells, left = [], LONGEST
        for number, block in enumerate(notebook.blocks, 1):
            text = CONTROL.sub("\N{REPLACEMENT CHARACTER}", block.source[:left].replace("\r", "\n"))
            left -= len(text)
            kind = "code" if block.code else "text"
            style = "white-space:pre-wrap;overflow-wrap:anywhere"
            cells.append(f"<p>Cell {number}, {kind}</p><pre dir='auto' style='{style}'>{html.escape(text)}</pre>")
            if left <= 0:
                cells.append("<p>The rest is left out.</p>")
                break
        return f"<details><summary>The student's whole notebook</summary>{''.join(cells)}</details>"
