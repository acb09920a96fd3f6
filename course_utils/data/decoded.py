"""Data decoded once: tensors in a file of the data folder, checked when they are opened."""

import os
import zlib
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from course_utils.environment import data_dir
from course_utils.errors import CourseError

Tensors = dict[str, torch.Tensor]


def decode_once(key: str, decode: Callable[[], Tensors], names: Collection[str]) -> Tensors:
    """Return the tensors that `decode` gives, from a file in the data folder when a sound one is there.

    A file that is damaged, or that holds other tensors than those named (an older version of the course wrote it), is
    made anew. When the file can't be written, a sentence says so and the tensors come all the same.

    Parameters
    ----------
    key : str
        The file's name, without its ending.
    decode : callable
        Makes the tensors.
    names : collection of str
        The names of the tensors that `decode` makes.
    """
    path = data_dir() / "decoded" / f"{key}.safetensors"
    found = read_tensors(path) if path.is_file() else None
    if found is not None and found.keys() == set(names):
        return found
    tensors = decode()
    try:
        write_tensors(path, tensors)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error  # without the folder's name, which is the machine's
        print(f"What was decoded can't be kept in the data folder ({reason}): the next start decodes it again.")
    return tensors


def decode_unless_missing(
    key: str, decode: Callable[[], Tensors], names: Collection[str], instead: str
) -> Tensors | None:
    """Do what `decode_once` does; where the images can't be had, say what is taken `instead`, and why: then None."""
    try:
        return decode_once(key, decode, names)
    except CourseError as error:
        print(f"{instead} {error}")
        return None


def write_tensors(path: Path, tensors: Tensors) -> None:
    """Write tensors into a file that other processes see whole or not at all; raises OSError, SafetensorError."""
    writing = path.with_name(f".{path.stem}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, writing, metadata={"crc32": str(_crc32(tensors))})
        writing.replace(path)
    finally:
        with suppress(OSError):
            writing.unlink()


def read_tensors(path: Path) -> Tensors | None:
    """Read what `write_tensors` wrote; None where that is damaged or can't be read."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
            return tensors if (file.metadata() or {}).get("crc32") == str(_crc32(tensors)) else None
    except (OSError, SafetensorError):
        return None


def _crc32(tensors: Tensors) -> int:
    """Return one number for all the bytes; it guards against a damaged disk and not against an enemy."""
    value = 0
    for _, tensor in sorted(tensors.items()):
        value = zlib.crc32(tensor.contiguous().numpy().data, value)
    return value
