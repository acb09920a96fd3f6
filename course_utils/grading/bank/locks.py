"""Locks files of an item bank to the instructors' public keys, so that one repository can hold them for all to see.

The content is sealed with AES-256-GCM under a key of its own; that key is wrapped for each instructor by X25519, HKDF
and AES-256-GCM. A lock keeps a file secret and whole; it doesn't say who wrote it.
"""

import base64
import getpass
import hashlib
import json
import os
import re
import secrets
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError

FORM = 1
PASSPHRASE = "COURSE_KEY_PASSPHRASE"
ASSIGNMENT = re.compile(r"\d\d_\w+\.yaml")
LARGEST = 50 * 2**20  # bytes of a locked file


def keygen(folder: Path, name: str = "instructor", passphrase: str | None = None) -> tuple[Path, Path]:
    """Write a key pair: (NAME.private.pem, which its owner alone may read, NAME.public.pem). CourseError if there."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    if not re.fullmatch(r"[\w-]+", name):
        raise CourseError(f"{name!r} can't name a key: use letters, digits, - and _.")
    key = X25519PrivateKey.generate()
    secret = form.BestAvailableEncryption(passphrase.encode()) if passphrase else form.NoEncryption()
    private, public = folder / f"{name}.private.pem", folder / f"{name}.public.pem"
    folder.mkdir(parents=True, exist_ok=True)
    write_private(private, key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, secret))
    public.write_bytes(key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def lock(file: Path, public_keys: list[Path]) -> Path:
    """Write NN_slug.yaml.locked beside a file of the bank, for the holders of those keys; an older one is replaced."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not ASSIGNMENT.fullmatch(file.name):
        raise CourseError(f"{file.name} is no file of an item bank: lock files named NN_slug.yaml.")
    if not public_keys:
        raise CourseError("Nobody could open it again: name at least one public key.")
    holders = [_public(one) for one in public_keys]
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CourseError(f"{file} can't be read ({error.strerror}): name a file of the item bank.") from None
    key, nonce = AESGCM.generate_key(256), secrets.token_bytes(12)
    envelope = {
        "form": FORM,
        "file": file.name,
        "keys": [_wrapped(key, holder) for holder in holders],
        "nonce": _text(nonce),
        "content": _text(AESGCM(key).encrypt(nonce, content, _bound(file.name))),
    }
    locked = file.with_name(f"{file.name}.locked")
    half = locked.with_name(f".{locked.name}.{os.getpid()}")
    half.write_text(json.dumps(envelope, indent=1) + "\n", encoding="utf-8")
    os.replace(half, locked)
    return locked


def lock_bank(folder: Path, public_keys: list[Path]) -> list[Path]:
    """Lock every assignment of a folder. CourseError when it has none."""
    files = sorted(file for file in folder.glob("*.yaml") if ASSIGNMENT.fullmatch(file.name))
    if not files:
        raise CourseError(f"{folder} holds no file NN_slug.yaml: name the folder of the item bank.")
    return [lock(file, public_keys) for file in files]


def unlock(file: Path, key: Path | None) -> bytes:
    """What a locked file holds. CourseError when no key is given, when it is another's, when the file is damaged.

    A passphrase is taken from the environment variable COURSE_KEY_PASSPHRASE, or asked for.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if key is None:
        raise CourseError(f"{file.name} is locked: name your private key with --key.")
    envelope, damaged = _read(file), CourseError(f"{file.name} is damaged: take it again from where it is kept.")
    private = _private(_pem(key))
    own = _fingerprint(private.public_key())
    try:
        ours = [one for one in envelope["keys"] if one["holder"] == own]
        if not ours:
            raise CourseError(
                f"{file.name} is locked for other keys than {key.name}: name the right one, or ask a holder to lock it "
                "for you too."
            )
        sender, wrapped = _bytes(ours[0]["sender"]), _bytes(ours[0]["key"])
        opened = AESGCM(_shared(private, sender, own)).decrypt(bytes(12), wrapped, None)
        name = file.name.removesuffix(".locked")
        return AESGCM(opened).decrypt(_bytes(envelope["nonce"]), _bytes(envelope["content"]), _bound(name))
    except InvalidTag:
        raise CourseError(
            f"{file.name} is damaged, or was renamed from {_plainly(envelope.get('file'))}: take it again from "
            "where it is kept, under the name that it was locked by."
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise damaged from None


def write_private(file: Path, content: bytes) -> None:
    """Write a new file that its owner alone may read. CourseError when there is one: a lost key opens nothing."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CourseError(f"{file} is there already: keep it, or name another folder.") from None
    except OSError as error:
        raise CourseError(f"{file} can't be written ({error.strerror}): name a folder of your own.") from None
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > LARGEST:
            raise ValueError
        envelope = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CourseError(f"{file} can't be read ({error.strerror}): name a locked file.") from None
    except (ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict) or type(envelope.get("form")) is not int:
        raise CourseError(f"{file.name} is damaged, or no locked file: take it again from where it is kept.")
    if envelope["form"] != FORM:
        raise CourseError(f"{file.name} was locked by another version of the course: update it to open the file.")
    return envelope


def _pem(key: Path) -> bytes:
    try:
        return key.read_bytes()
    except OSError as error:
        raise CourseError(f"The key {key} can't be read ({error.strerror}): name a file that keygen made.") from None


@lru_cache(maxsize=8)  # by content: a passphrase is asked for once, however many files there are
def _private(pem: bytes) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        try:
            key = load_pem_private_key(pem, None)
        except TypeError:  # it needs a passphrase
            key = load_pem_private_key(pem, _passphrase().encode())
    except (ValueError, UnsupportedAlgorithm):
        if b"ENCRYPTED" in pem:
            raise CourseError("The passphrase doesn't open the private key: try again, or name another key.") from None
        raise CourseError("The key is no private key: name the file NAME.private.pem that keygen made.") from None
    if not isinstance(key, X25519PrivateKey):
        raise CourseError("The private key is of another kind: name the file NAME.private.pem that keygen made.")
    return key


def _passphrase() -> str:
    if said := os.environ.get(PASSPHRASE):
        return said
    if not sys.stdin.isatty():
        raise CourseError(f"The private key has a passphrase: set {PASSPHRASE}, or run this in a terminal.")
    return getpass.getpass("Passphrase of the private key: ")


def _public(file: Path) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_pem(file))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, X25519PublicKey):
        raise CourseError(f"{file.name} is no public key: name a file NAME.public.pem that keygen made.")
    return key


def _wrapped(key: bytes, holder: Any) -> dict[str, str]:
    """The content's key for one holder, by a sender's key that is used this once (and its nonce so, too)."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    sender, whose = X25519PrivateKey.generate(), _fingerprint(holder)
    public = sender.public_key().public_bytes_raw()
    shared = _derived(sender.exchange(holder), public, whose)
    return {"holder": whose, "sender": _text(public), "key": _text(AESGCM(shared).encrypt(bytes(12), key, None))}


def _shared(private: Any, sender: bytes, whose: str) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    return _derived(private.exchange(X25519PublicKey.from_public_bytes(sender)), sender, whose)


def _derived(secret: bytes, sender: bytes, whose: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, None, b"course lock 1" + sender + bytes.fromhex(whose)).derive(secret)


def _fingerprint(public: Any) -> str:
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()


def _bound(name: str) -> bytes:
    """What the seal holds beside the content: a file that was renamed to another lesson's doesn't open."""
    return f"course lock {FORM} {name}".encode()


def _plainly(name: Any) -> str:
    return repr(name)[:100] if isinstance(name, str) else "another name"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
