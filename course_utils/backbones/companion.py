"""The companion distribution: weights of later lessons, which would bloat every install of the course."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError

PACKAGE = "course_weights"
IN_CLONE = Path(__file__).parents[2] / "weights" / PACKAGE


@dataclass(frozen=True)
class Stored:
    """A file of weights and what is recorded about it, its SHA-256 digest at least."""

    file: Traversable
    record: dict[str, Any]


def find_stored(name: str) -> Stored:
    """Look weights up in the clone's folder and then in the installed distribution.

    Raises
    ------
    CourseError
        `backbones.weights-missing` where neither holds weights of that name; the message says how to get them.
    """
    for folder in _folders():
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if name in manifest:
            return Stored(folder / manifest[name]["file"], manifest[name])
    raise CourseError(
        f"The weights {name!r} aren't here: they come in a distribution of their own, so install its newest version "
        f'with python -m pip install --upgrade "{_address()}".',
        code="backbones.weights-missing",
    )


def _folders() -> Iterator[Traversable]:
    """Find the folders that hold a manifest: the clone's first, since it is of the same state as this module."""
    if (IN_CLONE / "manifest.json").is_file():
        yield IN_CLONE
    try:
        installed = files(PACKAGE)
    except ModuleNotFoundError:
        return
    if (installed / "manifest.json").is_file():
        yield installed


def _address() -> str:
    """Say what to give to pip: the folder weights/ of the repository that the course itself comes from."""
    try:
        urls = metadata("fine-tuning-course").get_all("Project-URL") or []
    except PackageNotFoundError:  # a clone that was never installed
        return "./weights"
    repository = dict(url.split(", ", 1) for url in urls)["Repository"]
    return f"git+{repository}#subdirectory=weights"
