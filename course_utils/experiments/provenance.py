"""What kept runs were made with: fingerprints of code and data, so that none is counted after either has changed."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from fastai.data.core import DataLoaders
from PIL import Image
from torch import Tensor

from course_utils.experiments.fingerprints import digest_of_code, digest_of_package
from course_utils.tasks.protocol import Task
from course_utils.training import Strategy, randomness_kept

LOOKED_AT = 20  # examples of each split whose content is compared; of the others, their names and labels


def made_with(task: Task, strategies: Sequence[Strategy]) -> dict[str, Any]:
    """Make the fingerprints by which kept runs belong to a task and its strategies.

    Parameters
    ----------
    task : Task
        Its data are loaded once, always with the same seed and one label a class, whatever the experiment asks for.
    strategies : sequence of Strategy
        Their code counts, also where it stands in a notebook.

    Returns
    -------
    dict
        code, data, and the versions of the libraries, as JSON can hold them.
    """
    settings = getattr(task, "__dict__", {}).values()
    own = [type(task), *map(type, strategies), *filter(callable, settings)]
    with randomness_kept():
        dls = getattr(task, "dls", None) or _loaded(task, strategies[0])
        data = digest_of_data(dls)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "fastai"))
    return {"code": f"{digest_of_package()} {digest_of_code(own)}", "data": data, "libraries": libraries}


def _loaded(task: Task, strategy: Strategy) -> DataLoaders:
    load = getattr(task, "load", None)
    return load(0, 1) if load else task.learner(0, 1, strategy).dls


def digest_of_data(dls: DataLoaders) -> str:
    """Make a fingerprint of what each split holds: how many, their names and labels, and the content of some."""
    found = hashlib.sha256()
    store = getattr(dls, "store", None)  # the course's own loaders have all images in memory, or their files
    for value in (getattr(store, name, None) for name in ("images", "labels", "paths")):
        _feed(found, [_name(each) for each in value] if isinstance(value, list) else value)
    for dl in dls.loaders:
        found.update(f"split of {len(dl.dataset)}".encode())
        for item in getattr(dl, "items", None) or ():
            found.update(_name(item).encode())
        lists: Sequence = getattr(dl.dataset, "tls", ())
        if len(lists) > 1 and len(dl.dataset) and not isinstance(lists[1][0], Image.Image):
            _feed(found, list(lists[1]))
        for index in np.linspace(0, len(dl.dataset) - 1, min(LOOKED_AT, len(dl.dataset))).round().astype(int).tolist():
            _feed(found, dl.dataset[index])
    return found.hexdigest()[:16]


def _name(item: Any) -> str:
    """What is known of an item without opening it: an index, or a file's name and size, wherever it lies."""
    if isinstance(item, Path):
        return f"{item.name} {item.stat().st_size if item.is_file() else ''}"
    return str(item) if isinstance(item, str | int) else ""


def _feed(found: Any, value: Any) -> None:
    """Add a value to a fingerprint: tensors and images with their shape and content, others as they are written."""
    if isinstance(value, tuple | list):
        for part in value:
            _feed(found, part)
    elif isinstance(value, Tensor | np.ndarray | Image.Image):
        array = value.as_subclass(Tensor).cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    else:
        found.update(str(value).encode())
