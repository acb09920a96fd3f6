"""Locks files of an item bank to the instructors' public keys, so that one repository can hold them for all to see.

A locked file is an age file (age-encryption.org/v1, ASCII armor), which `age` and `rage` open as well. Its content
begins with a line that names the file. A lock keeps a file secret and whole; it doesn't say who wrote it.
"""

import getpass
import os
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError

PASSPHRASE = "COURSE_KEY_PASSPHRASE"
ASSIGNMENT = re.compile(r"\d\d_\w+\.yaml")
LARGEST = 50 * 2**20  # bytes of a locked file
SECRET = "AGE-SECRET-KEY-1"
ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"


def keygen(folder: Path, name: str = "instructor", passphrase: str | None = None) -> tuple[Path, Path]:
    """Write a key pair: (NAME.private.key, which its owner alone may read, NAME.public.key). CourseError if there.

    Both are what age's own tools write: an identity, encrypted where there is a passphrase, and a recipient.
    """
    from pyrage import passphrase as by_passphrase
    from pyrage import x25519

    if not re.fullmatch(r"[\w-]+", name):
        raise CourseError(f"{name!r} can't name a key: use letters, digits, - and _.", code="grading.key-name")
    identity = x25519.Identity.generate()
    public_line = f"{identity.to_public()}\n"
    content = f"# public key: {public_line}{identity}\n".encode()
    if passphrase:
        content = by_passphrase.encrypt(content, passphrase, armored=True)
    private, public = folder / f"{name}.private.key", folder / f"{name}.public.key"
    folder.mkdir(parents=True, exist_ok=True)
    write_private(private, content)
    public.write_text(public_line, encoding="ascii")
    return private, public


def lock(file: Path, public_keys: list[Path]) -> Path:
    """Write NN_slug.yaml.locked beside a file of the bank, for the holders of those keys; an older one is replaced."""
    import pyrage

    if not ASSIGNMENT.fullmatch(file.name):
        raise CourseError(
            f"{file.name} isn't a file of an item bank: lock files named NN_slug.yaml.", code="grading.file-name"
        )
    if not public_keys:
        raise CourseError(
            "Nobody could open the locked file: name at least one public key with --for.", code="grading.no-holder"
        )
    holders = [holder for one in public_keys for holder in _public(one)]
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CourseError(
            f"{file} can't be read ({error.strerror}): name a file of the item bank.", code="grading.unreadable"
        ) from None
    locked = file.with_name(f"{file.name}.locked")
    half = locked.with_name(f".{locked.name}.{os.getpid()}")
    half.write_bytes(pyrage.encrypt(_first_line(file.name) + content, holders, armored=True))
    os.replace(half, locked)
    return locked


def lock_bank(folder: Path, public_keys: list[Path]) -> list[Path]:
    """Lock every assignment of a folder. CourseError when it has none."""
    files = sorted(file for file in folder.glob("*.yaml") if ASSIGNMENT.fullmatch(file.name))
    if not files:
        raise CourseError(
            f"{folder} holds no file NN_slug.yaml: name the folder of the item bank.", code="grading.no-items"
        )
    return [lock(file, public_keys) for file in files]


def unlock(file: Path, key: Path | None) -> bytes:
    """What a locked file holds. CourseError when no key is given, when it is another's, when the file is damaged.

    A passphrase is taken from the environment variable COURSE_KEY_PASSPHRASE, or asked for.
    """
    import pyrage

    if key is None:
        raise CourseError(f"{file.name} is locked: name your private key with --key.", code="grading.no-private-key")
    sealed, identity = _sealed(file), _identity(_key(key))
    try:
        opened = pyrage.decrypt(sealed, [identity])
    except pyrage.DecryptError as error:
        if "matching keys" in str(error):
            raise CourseError(
                f"{file.name} is locked for other keys than {key.name}: name the right one, or ask a holder to lock it "
                "for you too.",
                code="grading.other-holder",
            ) from None
        raise _damaged(file) from None
    first, newline, content = opened.partition(b"\n")
    if first + newline != _first_line(file.name.removesuffix(".locked")):
        said = first[:100].decode("utf-8", "replace")
        raise CourseError(
            f"{file.name} begins with {said!r}: give it back the name that it was locked by, or lock it again.",
            code="grading.renamed",
        )
    return content


def write_private(file: Path, content: bytes) -> None:
    """Write a new file that its owner alone may read. CourseError when there is one: a lost key opens nothing."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CourseError(
            f"{file} already exists: keep it, or name another folder.", code="grading.key-there"
        ) from None
    except OSError as error:
        raise CourseError(
            f"{file} can't be written ({error.strerror}): name a folder of your own.", code="grading.unwritable"
        ) from None
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)


def _first_line(name: str) -> bytes:
    """What stands before the content, as a comment of YAML: a file renamed to another lesson's doesn't pass for it."""
    return f"# locked by the name of {name}\n".encode()


def _sealed(file: Path) -> bytes:
    try:
        if file.stat().st_size <= LARGEST and (content := file.read_bytes().strip()).startswith(ARMOR):
            return content
    except OSError as error:
        raise CourseError(
            f"{file} can't be read ({error.strerror}): name a locked file.", code="grading.unreadable"
        ) from None
    raise _damaged(file)


def _damaged(file: Path) -> CourseError:
    return CourseError(
        f"{file.name} is damaged or isn't a locked file: restore it from a copy.", code="grading.damaged-lock"
    )


def _key(file: Path) -> bytes:
    try:
        return file.read_bytes().strip()
    except OSError as error:
        raise CourseError(
            f"The key {file} can't be read ({error.strerror}): name a file that keygen made.", code="grading.unreadable"
        ) from None


@lru_cache(maxsize=8)  # by content: a passphrase is asked for once, however many files there are
def _identity(content: bytes) -> Any:
    import pyrage

    if content.startswith(ARMOR):
        try:
            content = pyrage.passphrase.decrypt(content, _passphrase())
        except pyrage.DecryptError:
            raise CourseError(
                "The passphrase doesn't open the private key: try again, or name another key.",
                code="grading.passphrase",
            ) from None
    lines = content.decode("ascii", "replace").split()
    try:
        return pyrage.x25519.Identity.from_str(next(line for line in lines if line.startswith(SECRET)))
    except (StopIteration, pyrage.IdentityError):
        raise CourseError(
            "This isn't a private key: name the file NAME.private.key that keygen made.", code="grading.no-key-file"
        ) from None


def _passphrase() -> str:
    if said := os.environ.get(PASSPHRASE):
        return said
    if not sys.stdin.isatty():
        raise CourseError(
            f"The private key has a passphrase: set {PASSPHRASE}, or run this in a terminal.",
            code="grading.passphrase",
        )
    return getpass.getpass("Passphrase of the private key: ")


def _public(file: Path) -> list[Any]:
    """The recipients that a file lists, one a line, as age's own tools read them."""
    import pyrage

    lines = _key(file).decode("ascii", "replace").splitlines()
    try:
        found = [pyrage.x25519.Recipient.from_str(line.strip()) for line in lines if line.strip() and line[0] != "#"]
    except pyrage.RecipientError:
        found = []
    if not found:
        raise CourseError(
            f"{file.name} isn't a public key: name a file NAME.public.key that keygen made.", code="grading.no-key-file"
        )
    return found
