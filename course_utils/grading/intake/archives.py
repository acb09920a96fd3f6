"""Lists and reads the files of a folder or zip that others filled: nothing is extracted, and no link is followed."""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.names import shown

MOST_FILES = 200_000
DEEPEST = 8  # folders below the archive
IGNORED = {".ipynb_checkpoints", "__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", ".git", "__pycache__"}
PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the other methods unpack without a limit


class Unreadable(Exception):
    """Why a file can't be read, as a sentence's end: "it is a link"."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its path as parts, and when it was written, to be compared with others of the same archive alone.

    number: tells members of a zip from each other, which may share a name; plain: no link, pipe or closed folder
    """

    parts: tuple[str, ...]
    when: tuple[int, ...]
    number: int = 0
    plain: bool = True

    @property
    def name(self) -> str:
        """Its path below the archive."""
        return "/".join(self.parts)


class Folder:
    """A folder, or one file of it."""

    def __init__(self, path: Path, only: str | None = None):
        self.path = path
        self._only = only

    def close(self) -> None:
        """There is nothing to free."""

    def entries(self) -> Iterator[Entry]:
        """Its files, and also what is no plain file, which `read` refuses."""
        yield from self._below(())

    def _below(self, parts: tuple[str, ...]) -> Iterator[Entry]:
        with os.scandir(self.path.joinpath(*parts)) as found:
            inside = sorted(found, key=lambda one: one.name)
        for one in inside:
            if one.name in IGNORED or one.name.startswith("._") or (self._only and one.name != self._only):
                continue
            path = (*parts, one.name)
            if one.is_dir(follow_symlinks=False) and len(path) < DEEPEST:
                try:
                    yield from self._below(path)
                except OSError:
                    yield Entry(path, (0,), plain=False)  # not ours to enter: told when it is read
            else:
                plain = one.is_file(follow_symlinks=False)
                yield Entry(path, (one.stat(follow_symlinks=False).st_mtime_ns,), plain=plain)

    def read(self, entry: Entry, most: int) -> bytes:
        """A file's bytes, at most one more than `most`. Unreadable when it is no plain file, or closed to us."""
        path = self.path.joinpath(*entry.parts)
        # O_NOFOLLOW: no link; O_NONBLOCK: a pipe that nobody writes to doesn't hold us. Windows has neither.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            kind = os.lstat(path).st_mode
            if stat.S_ISLNK(kind):
                raise Unreadable("it is a link, which isn't followed")
            if stat.S_ISDIR(kind):
                raise Unreadable("the folder is closed to you, or too deep")
            if not stat.S_ISREG(kind):
                raise Unreadable("it is no plain file")
            with open(os.open(path, flags), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Unreadable("it is no plain file")
                return file.read(most + 1)
        except OSError as error:
            raise Unreadable(f"it can't be opened ({error.strerror or error})") from None


class Zip:
    """A zip, read where it lies."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self._file = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
            raise CourseError(f"{path} is neither a folder nor a zip that can be read ({error}): name one.") from None
        self._members: dict[Entry, zipfile.ZipInfo] = {}

    def close(self) -> None:
        """Free the file."""
        self._file.close()

    def entries(self) -> Iterator[Entry]:
        """Its files, under the names that they claim."""
        for number, member in enumerate(self._file.infolist()):
            parts = tuple(part for part in _name(member).split("/") if part not in ("", "."))
            if member.is_dir() or IGNORED.intersection(parts) or not parts or parts[-1].startswith("._"):
                continue
            entry = Entry(parts, member.date_time, number)
            self._members[entry] = member
            yield entry

    def read(self, entry: Entry, most: int) -> bytes:
        """A member's bytes, at most one more than `most`, whatever size it declares. Unreadable when that fails."""
        member = self._members[entry]
        if stat.S_ISLNK(member.external_attr >> 16):
            raise Unreadable("it is a link, which isn't followed")
        if member.flag_bits & 1:
            raise Unreadable("it is encrypted")
        if member.compress_type not in PLAIN:
            raise Unreadable("it is packed by another method than zip's usual one")
        try:
            with self._file.open(member) as file:
                return file.read(most + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            ValueError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise Unreadable(f"the zip is damaged there ({shown(str(error))})") from None


def _name(member: zipfile.ZipInfo) -> str:
    """A member's name; many programs write UTF-8 and don't say so, which is then read as an old code page."""
    if member.flag_bits & 0x800 or member.filename.isascii():
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def opened(path: Path) -> Folder | Zip:
    """The archive: a folder, a zip, or one notebook. CourseError when it is none."""
    if path.is_dir():
        return Folder(path)
    if path.suffix.lower() == ".ipynb" and path.is_file():
        return Folder(path.parent, only=path.name)
    if not path.exists():
        raise CourseError(f"{path} isn't there: name the folder or zip of the notebooks that were handed in.")
    return Zip(path)


def listed(archive: Folder | Zip, most: int = MOST_FILES) -> list[Entry]:
    """All files of a archive. CourseError when there are more than `most`, or the folder can't be read."""
    entries = []
    try:
        for entry in archive.entries():
            entries.append(entry)
            if len(entries) > most:
                raise CourseError(f"{archive.path} holds more than {most} files: see what fills it, and hand in parts.")
    except OSError as error:
        raise CourseError(f"{archive.path} can't be read ({error.strerror}): let yourself read it.") from None
    return entries
