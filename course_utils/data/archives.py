"""Reads zip and tar archives safely, and computes a digest of what is in them."""

import hashlib
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from course_utils.errors import CourseError

Entry = tuple[str, int, bool, Callable[[], bytes]]  # name, bytes, whether it is a regular file, how to read it


def read_files(archive: Path, limit: int) -> Iterator[tuple[str, bytes]]:
    """Yield every file of a zip or tar archive as (name, content), in the archive's order.

    Parameters
    ----------
    archive : Path
        A zip or tar file.
    limit : int
        The most bytes that all files together may have.

    Raises
    ------
    CourseError
        `data.unsafe-archive` for a file that would be written outside the archive's own folder, for a link or a device,
        and for more bytes than the limit.
    """
    total = 0
    for name, size, is_file, read in _entries(archive):
        total += size
        fault = _find_fault(name, is_file, total, limit)
        if fault:
            raise CourseError(
                f"{archive.name} {fault}: it is not the file that the course knows, so don't use it.",
                code="data.unsafe-archive",
            )
        yield name, read()


def content_digest(files: Iterable[tuple[str, bytes]], counted: str) -> str:
    """Return the sha256 over the sorted lines "sha256-of-the-content  name" of the files whose names `counted` finds.

    Parameters
    ----------
    files : iterable of (str, bytes)
        Name in the archive and content.
    counted : str
        A regular expression that is searched in the names.
    """
    lines = sorted(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files if re.search(counted, name)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _find_fault(name: str, is_file: bool, total: int, limit: int) -> str:
    path = PurePosixPath(name)
    if "\\" in name or ":" in name or path.is_absolute() or ".." in path.parts:
        return f"holds '{name}', which points outside its folder"
    if not is_file:
        return f"holds '{name}', which is a link or a device and no file"
    if total > limit:
        return f"unpacks to more than the {limit / 1e6:.0f} MB that it should"
    return ""


def _entries(archive: Path) -> Iterator[Entry]:
    return _zip_entries(archive) if zipfile.is_zipfile(archive) else _tar_entries(archive)


def _zip_entries(archive: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if not info.is_dir():
                is_file = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)
                yield info.filename, info.file_size, is_file, partial(opened.read, info)


def _tar_entries(archive: Path) -> Iterator[Entry]:
    with tarfile.open(archive) as opened:
        for info in opened:
            if not info.isdir():
                yield info.name, info.size, info.isreg(), partial(_read_member, opened, info)


def _read_member(opened: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = opened.extractfile(info)
    return file.read() if file is not None else b""
