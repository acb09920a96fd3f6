"""Names in zips as they were meant: many programs write UTF-8, or a code page, and say the other or nothing."""

import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

UTF_8 = 0x800  # the flag of a name in UTF-8
PAGES = ("cp437", "cp850", "cp1252")  # the zip format's own, and those of European Windows, old and new
LISTED, LISTED_SIZE = b"PK\x01\x02", 46  # what stands before a name in the zip's list, and before the member itself
MEMBER, MEMBER_SIZE = b"PK\x03\x04", 30
UNICODE_PATH = 0x7075  # the extra field in which Info-ZIP and others write a name again, in UTF-8


class _Unflagged:
    """A zip's file that doesn't say UTF-8 of a name that is none: zipfile would give up there."""

    def __init__(self, file: BinaryIO):
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if data.startswith(LISTED):
            return _without_flags(data)
        if size == MEMBER_SIZE and data.startswith(MEMBER):
            here = self._file.tell()
            name = self._file.read(int.from_bytes(data[26:28], "little"))
            self._file.seek(here)
            if not _is_utf_8(name):
                return data[:7] + bytes([data[7] & ~(UTF_8 >> 8)]) + data[8:]
        return data


def unflagged(file: BinaryIO) -> Any:
    """The file of a zip, as zipfile can read it whatever its names are said to be."""
    return _Unflagged(file)


def _without_flags(data: bytes) -> bytes:
    changed, at = bytearray(data), 0
    while data[at : at + 4] == LISTED:
        sizes = [int.from_bytes(data[at + n : at + n + 2], "little") for n in (28, 30, 32)]
        if not _is_utf_8(data[at + LISTED_SIZE : at + LISTED_SIZE + sizes[0]]):
            changed[at + 9] &= ~(UTF_8 >> 8)
        at += LISTED_SIZE + sum(sizes)
    return bytes(changed)


def _is_utf_8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeError:
        return False
    return True


def named(members: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The members' names. One that doesn't say what it is in is UTF-8 if it can be; all others are read in one page."""
    names = [member.filename for member in members]
    raw = {}
    for number, member in enumerate(members):
        if member.flag_bits & UTF_8:
            continue
        said = member.orig_filename.encode("cp437")  # zipfile has read it so
        if again := _again(member, said):
            names[number] = again
        elif not said.isascii():
            raw[number] = said
    for number in [number for number, said in raw.items() if _is_utf_8(said)]:
        names[number] = raw.pop(number).decode("utf-8")
    page = max(PAGES, key=lambda page: _letters(raw.values(), page))
    for number, said in raw.items():
        names[number] = said.decode(page, "replace")
    return names


def _again(member: zipfile.ZipInfo, said: bytes) -> str:
    """The name that stands a second time, in UTF-8, where it belongs to the first; else ""."""
    rest = member.extra
    while len(rest) >= 4:
        kind, size = int.from_bytes(rest[:2], "little"), int.from_bytes(rest[2:4], "little")
        field, rest = rest[4 : 4 + size], rest[4 + size :]
        if kind == UNICODE_PATH and field[:1] == b"\1" and int.from_bytes(field[1:5], "little") == zlib.crc32(said):
            return field[5:].decode("utf-8", "replace")
    return ""


def _letters(names: Iterable[bytes], page: str) -> int:
    """How many letters of our alphabet the names have, read in that code page."""
    try:
        signs = [sign for name in names for sign in name.decode(page) if not sign.isascii()]
    except UnicodeError:
        return -1
    return sum(unicodedata.name(sign, "").startswith("LATIN") for sign in signs)
