"""Stored features on disk, so that a lesson's second start needn't compute them again.

A file's name is a digest of all that its features depend on: the frozen blocks (weights, statistics, layers and code),
the images as the network gets them (so the data, their transforms and their size), and torch's version. Other weights
or other images have another name, so nothing is ever out of date; the least recently used files are removed when the
folder is full (COURSE_FEATURES_GB).
"""

import hashlib
import inspect
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from course_utils.data.decoded import read_tensors, write_tensors
from course_utils.environment import data_dir, features_limit
from course_utils.surgery import Block

NAME = "features"  # of the folder, and of the tensor in each file


def folder() -> Path:
    """Name the folder, which need not exist."""
    return data_dir() / NAME


def is_on() -> bool:
    """Whether features are kept on disk."""
    return features_limit() > 0


def digest(parts: Iterable[str | Tensor]) -> str:
    """Make a fingerprint of texts and tensors; of tensors: their values, shapes and types."""
    found = hashlib.blake2b(digest_size=20)
    for part in parts:
        if isinstance(part, Tensor):
            values = part.detach().as_subclass(Tensor).cpu().contiguous()
            found.update(f"{values.dtype} {tuple(values.shape)} {part.device.type}".encode())
            found.update(values.flatten().view(torch.uint8).numpy().data)
        else:
            found.update(part.encode() + b"\0")
    return found.hexdigest()


def digest_of_weights(frozen: Sequence[Block]) -> str:
    """Make a fingerprint of all weights and statistics of some blocks."""
    statistics = (buffer for block in frozen for layer in block.layers.values() for buffer in layer.buffers())
    return digest([*(weight for block in frozen for weight in block.parameters()), *statistics])


def digest_of_code(model: nn.Module, frozen: Sequence[Block], later: Sequence[Block]) -> str:
    """Make a fingerprint of how the frozen blocks compute: layers, their settings, and the code of their classes.

    "" for classes whose code can't be read.
    """
    behind = {module for block in later for module in block.modules()}
    kinds = {type(module) for module in model.modules() if module not in behind}
    try:
        read: Callable[[Any], str] = _source  # mypy takes a class of modules for unhashable
        code = sorted(read(kind) for kind in kinds if not kind.__module__.startswith("torch."))
    except (OSError, TypeError):
        return ""
    layers = [f"{name} {layer}" for block in frozen for name, layer in block.layers.items()]
    return digest([torch.__version__, *sorted(kind.__qualname__ for kind in kinds), *code, *layers])


@cache
def _source(kind: type) -> str:
    return inspect.getsource(kind)  # reads and parses the whole file


def find(key: str, shape: tuple[int, ...]) -> Tensor | None:
    """Read the features of that key, if there are any; a damaged file is removed, and a sentence says so."""
    path = _path(key)
    if not path.is_file():
        return None
    found = (read_tensors(path) or {}).get(NAME)
    if found is None or tuple(found.shape) != shape:
        discard(key)
        return None
    with suppress(OSError):
        os.utime(path)  # used just now
    return found


def discard(key: str) -> None:
    """Remove features that turned out to be wrong, and say so."""
    print("Features in the data folder were damaged: they are computed again.")
    with suppress(OSError):
        _path(key).unlink()


def keep(key: str, features: Tensor) -> None:
    """Write features, and remove the least recently used ones beyond the limit.

    Where they can't be written, a sentence says so.
    """
    if features.nbytes > features_limit():
        return
    try:
        write_tensors(_path(key), {NAME: features.contiguous().cpu()})
        _make_room(features_limit())
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error  # without the folder's name, which is the machine's
        print(f"Features can't be kept in the data folder ({reason}): the next start computes them again.")


def clear() -> tuple[int, int]:
    """Remove all features; gives how many files, and their bytes."""
    files = _files()
    for path, _, _ in files:
        path.unlink(missing_ok=True)
    return len(files), sum(size for _, size, _ in files)


def _path(key: str) -> Path:
    return folder() / f"{key}.safetensors"


def _files() -> list[tuple[Path, int, float]]:
    """List the files with their bytes and when they were last used, the oldest first."""
    found = []
    with suppress(OSError), os.scandir(folder()) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another process has removed it just now
                state = entry.stat()
                found.append((Path(entry.path), state.st_size, state.st_mtime))
    return sorted(found, key=lambda file: file[2])


def _make_room(limit: int) -> None:
    files = _files()
    total = sum(size for _, size, _ in files)
    for path, size, _ in files[:-1]:  # what was written just now stays
        if total <= limit:
            break
        path.unlink(missing_ok=True)
        total -= size
