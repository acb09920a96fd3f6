"""Images decoded once: tensors in a memory-mapped file of the data folder, checked when they are opened."""

import os
import zlib
from collections.abc import Callable
from contextlib import suppress

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from course_utils.environment import data_dir


def decoded(key: str, decode: Callable[[], dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The tensors that `decode` gives, from the file `key` in the data folder when a sound one is there.

    A damaged file is made anew. When the file can't be written, a sentence says so and the tensors come all the same.
    """
    path = data_dir() / "decoded" / f"{key}.safetensors"
    if path.is_file() and (found := _read(path)) is not None:
        return found
    tensors = decode()
    writing = path.with_name(f".{key}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, writing, metadata={"crc32": str(_crc32(tensors))})
        writing.replace(path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error  # without the folder's name, which is the machine's
        print(f"The decoded images can't be kept in the data folder ({reason}): the next start decodes them again.")
        with suppress(OSError):
            writing.unlink()
    return tensors


def _read(path) -> dict[str, torch.Tensor] | None:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
            return tensors if (file.metadata() or {}).get("crc32") == str(_crc32(tensors)) else None
    except (OSError, SafetensorError):
        return None


def _crc32(tensors: dict[str, torch.Tensor]) -> int:
    """One number for all the bytes, against a damaged disk and not against an enemy."""
    value = 0
    for _, tensor in sorted(tensors.items()):
        value = zlib.crc32(tensor.contiguous().numpy().data, value)
    return value
