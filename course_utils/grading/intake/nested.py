"""Zips within what was handed in: a student's own zip is opened where it lies, in memory and within limits.

Its files come as those of a folder of the zip's name would, so that layouts and readers need not know of it.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from course_utils.errors import CourseError
from course_utils.grading.intake.archives import Entry, Folder, Unreadable, Zip

LARGEST = 256 * 2**20  # bytes of a zip within a zip
LARGEST_LIST = 8 * 2**20  # bytes of a zip's list of files, some 80,000 of them
MOST_BYTES = 2**30  # of all zips together within one
DEEPEST = 3  # zips around a file
ZIP = re.compile(r"\.zip$", re.I)
OTHERS = {
    "7z": "a 7-Zip archive",
    "rar": "a RAR archive",
    "tar": "a tar archive",
    "tgz": "a tar archive",
    "gz": "a gzip file",
    "bz2": "a bzip2 file",
    "xz": "an xz file",
}
END, END_64 = b"PK\x05\x06", b"PK\x06\x07"


class Nested:
    """A folder or zip, with the files of the zips in it."""

    def __init__(self, outer: Folder | Zip):
        self._outer = outer
        self._within: dict[Entry, tuple[Entry, Entry]] = {}  # an entry → (the zip around it, its own entry there)
        self._last: tuple[Entry, Zip] | None = None  # the zip that was opened last: files are read student by student

    @property
    def path(self) -> Path:
        """Of the folder or zip."""
        return self._outer.path

    def close(self) -> None:
        """Free the files."""
        if self._last:
            self._last[1].close()
        self._outer.close()

    def entries(self) -> Iterator[Entry]:
        """Its files; those of a zip within it have `zips`, and an archive that stays closed says `why`."""
        for entry in self._outer.entries():
            yield from self._opened_up(entry, [MOST_BYTES])

    def read(self, entry: Entry, most: int) -> bytes:
        """A file's bytes, at most one more than `most`. Unreadable when that fails."""
        if entry not in self._within:
            return self._outer.read(entry, most)
        around, own = self._within[entry]
        return self._zip(around).read(own, most)

    def _opened_up(self, entry: Entry, left: list[int]) -> Iterator[Entry]:
        """The entry, or what is in it when it is a zip. left: bytes that zips within this one may still have."""
        ending = entry.parts[-1].rpartition(".")[2].lower()
        if ending in OTHERS:
            entry = self._closed(entry, f"{OTHERS[ending]}, which isn't opened: ask for a zip or the notebook")
        if ending != "zip" or not entry.plain:
            yield entry
            return
        try:
            if len(entry.zips) == DEEPEST:
                raise Unreadable(f"it lies in {DEEPEST} zips, and no more are opened")
            inside = list(self._zip(entry, left).entries())
            if not inside:
                raise Unreadable("it is empty")
        except Unreadable as error:
            yield self._closed(entry, str(error))
            return
        for own in inside:
            parts, around = entry.parts + own.parts, (*entry.zips, len(entry.parts))
            # number: unlike any other's, since two zips of one name may lie side by side
            there = Entry(parts, entry.when + own.when, len(self._within) + 2**32, own.plain, around)
            self._within[there] = (entry, own)
            yield from self._opened_up(there, left)

    def _closed(self, entry: Entry, why: str) -> Entry:
        """The entry with what is to be said of it; it can be read as before."""
        told = replace(entry, why=why)
        if entry in self._within:
            self._within[told] = self._within.pop(entry)
        return told

    def _zip(self, entry: Entry, left: list[int] | None = None) -> Zip:
        """The zip that the entry is. Unreadable when it is none, too large, or would take more than is `left`."""
        if self._last and self._last[0] == entry:
            return self._last[1]
        if isinstance(self._outer, Folder) and not entry.zips:
            file: BinaryIO = self._outer.open(entry)
        else:
            most = LARGEST if left is None else min(LARGEST, left[0])
            data = self.read(entry, most)
            if len(data) > most:
                raise Unreadable(f"it is larger than {LARGEST >> 20} MB, or too much lies around it: unpack it")
            if left is not None:
                left[0] -= len(data)
            file = io.BytesIO(data)
        try:
            _check_list(file)
            opened = Zip(self.path.joinpath(*entry.parts), file)
        except (CourseError, OSError):
            file.close()
            raise Unreadable("it is no zip that can be read") from None
        except Unreadable:
            file.close()
            raise
        if self._last:
            self._last[1].close()
        self._last = (entry, opened)
        return opened


def _check_list(file: BinaryIO) -> None:
    """Unreadable when a zip's list of files, which is held in memory as a whole, is too long."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 2**16 - 22 - 20))
    tail = file.read()
    sizes = [int.from_bytes(tail[one.start() + 12 : one.start() + 16], "little") for one in re.finditer(END, tail)]
    if END_64 in tail or max(sizes, default=0) > LARGEST_LIST:
        raise Unreadable("it holds too many files")
