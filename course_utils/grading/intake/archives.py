"""Lists and reads the files of a folder or zip that others filled: nothing is extracted, and no link is followed."""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from course_utils.errors import CourseError
from course_utils.grading.intake.zip_names import named, unflagged
from course_utils.grading.names import shown

MOST_FILES = 200_000
DEEPEST = 8  # folders below the archive
IGNORED = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", ".git", "__pycache__"}
PACKED = {  # how other archives begin
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x1f\x8b": "packed with gzip, a tar.gz say",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ\x00": "packed with xz",
}
PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the other methods unpack without a limit


class Unreadable(Exception):
    """Why a file can't be read, as a sentence's end: "it is a link"."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its path as parts, and when it was written, to be compared with others of the same archive alone.

    number: tells members of a zip from each other, which may share a name; plain: no link, pipe or closed folder
    zips: how many of its parts lead to each zip within the archive that it lies in, the outermost first
    why: of an archive that stays closed, the reason
    """

    parts: tuple[str, ...]
    when: tuple[int, ...]
    number: int = 0
    plain: bool = True
    zips: tuple[int, ...] = ()
    why: str = ""

    @property
    def name(self) -> str:
        """Its path below the archive."""
        return "/".join(self.parts)


class Archive(Protocol):
    """What holds files: a folder, a zip, or one of them with the zips in it."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        ...

    def entries(self) -> Iterator[Entry]:
        """Its files."""
        ...


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
        with self.open(entry) as file:
            try:
                return file.read(most + 1)
            except OSError as error:
                raise Unreadable(f"it can't be read ({error.strerror or error})") from None

    def open(self, entry: Entry) -> BinaryIO:
        """A file, to be read. Unreadable when it is no plain file, or closed to us."""
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
            file = os.fdopen(os.open(path, flags), "rb")
        except OSError as error:
            raise Unreadable(f"it can't be opened ({error.strerror or error})") from None
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise Unreadable("it is no plain file")
        return file


class Zip:
    """A zip, read where it lies, or from an open file, which it then closes."""

    def __init__(self, path: Path, file: BinaryIO | None = None):
        self.path = path
        try:
            self._source = file or path.open("rb")
            self._file = zipfile.ZipFile(unflagged(self._source))
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
            raise CourseError(
                f"{path} is neither a folder nor a readable zip ({error}): name one of these.",
                code="grading.no-archive",
            ) from None
        self._members = self._file.infolist()
        self._names = named(self._members)

    def close(self) -> None:
        """Free the file."""
        self._file.close()
        self._source.close()

    def entries(self) -> Iterator[Entry]:
        """Its files, under the names that they claim."""
        for number, (member, name) in enumerate(zip(self._members, self._names, strict=True)):
            parts = tuple(part for part in name.split("/") if part not in ("", "."))
            if name.endswith("/") or IGNORED.intersection(parts) or not parts or parts[-1].startswith("._"):
                continue
            yield Entry(parts, member.date_time, number)

    def read(self, entry: Entry, most: int) -> bytes:
        """A member's bytes, at most one more than `most`, whatever size it declares. Unreadable when that fails."""
        member = self._members[entry.number]
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


def opened(path: Path) -> Folder | Zip:
    """The archive: a folder, a zip, or one notebook. CourseError when it is none."""
    if path.is_dir():
        return Folder(path)
    if path.suffix.lower() == ".ipynb" and path.is_file():
        return Folder(path.parent, only=path.name)
    if not path.exists():
        raise CourseError(
            f"{path} isn't there: name the folder or zip of the notebooks that were handed in.",
            code="grading.not-there",
        )
    with path.open("rb") as file:
        start = file.read(265)
    kind = next((said for begins, said in PACKED.items() if start.startswith(begins)), "")
    if kind or start[257:262] == b"ustar":
        raise CourseError(
            f"{path} is {kind or 'a tar archive'}, and a folder or zip is asked for: unpack it, and name the folder.",
            code="grading.other-archive",
        )
    return Zip(path)


def listed(archive: Archive, most: int = MOST_FILES) -> list[Entry]:
    """All files of an archive. CourseError when there are more than `most`, or the folder can't be read."""
    entries = []
    try:
        for entry in archive.entries():
            entries.append(entry)
            if len(entries) > most:
                raise CourseError(
                    f"{archive.path} holds more than {most} files: see what fills it, and hand in parts.",
                    code="grading.too-many-files",
                )
    except OSError as error:
        raise CourseError(
            f"{archive.path} can't be read ({error.strerror}): give yourself permission to read it.",
            code="grading.unreadable",
        ) from None
    return entries
