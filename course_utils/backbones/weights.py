"""Weights by name, each checked against its digest whenever it is read.

Those of the first lessons lie beside this file; those of later ones come from the companion distribution.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from course_utils.backbones.companion import Stored, find_stored
from course_utils.backbones.registry import BACKBONES
from course_utils.errors import CourseError

FOLDER = Path(__file__).parent


def weights_file(name: str) -> Path:
    """Give the file of a bundled network's weights, whether or not it is there."""
    return FOLDER / f"{name}.safetensors"


def bundled() -> list[str]:
    """List the backbones whose weights lie beside this file: those that have figures of a pre-training run there."""
    return [name for name in BACKBONES if (FOLDER / f"{name}.json").is_file()]


def training_record(name: str = "resnet18_half") -> dict[str, Any]:
    """Read what a network's pre-training run wrote for its model card: accuracy, digest, recipe, time, machine.

    Raises
    ------
    CourseError
        `backbones.weights-missing` for weights that are neither bundled nor in the companion distribution.
    """
    return _stored(name).record


def verify_weights(name: str | None = None) -> None:
    """Check a network's weights, or without a name those of all backbones that are registered as bundled.

    Raises
    ------
    CourseError
        `backbones.weights-missing` or `backbones.weights-damaged`.
    """
    promised = [each.name for each in BACKBONES.values() if each.bundled]
    for each in promised if name is None else [name]:
        _read_checked(each)


def load_weights(name: str = "resnet18_half") -> dict[str, Tensor]:
    """Load a network's weights, by their names in its state dictionary, on the CPU.

    The bundled ones have torchvision's names and half precision.

    Raises
    ------
    CourseError
        `backbones.weights-missing` or `backbones.weights-damaged`.
    """
    from safetensors.torch import load

    return load(_read_checked(name))


def check_weights(weights: str | None, trained: str = "the course's own") -> None:
    """Refuse a choice of weights that is neither "DEFAULT" nor None; `trained` says whose "DEFAULT" are.

    Raises
    ------
    CourseError
        `backbones.unknown-weights`.
    """
    if weights not in ("DEFAULT", None):
        raise CourseError(
            f"weights is {weights!r}: give 'DEFAULT' for {trained} or None for random ones.",
            code="backbones.unknown-weights",
        )


def load_with_head(network: nn.Module, name: str) -> None:
    """Load the trained weights of `name` into a network, whose last layer `fc` stays as it is if its size is another.

    Raises
    ------
    CourseError
        `backbones.weights-missing` or `backbones.weights-damaged`.
    """
    stored, own = load_weights(name), network.state_dict()
    if stored["fc.bias"].shape != own["fc.bias"].shape:
        stored |= {part: own[part] for part in ("fc.weight", "fc.bias")}
    network.load_state_dict(stored)


def load_metadata(name: str) -> dict[str, str]:
    """Read what a file of weights says beside its tensors, such as the vocabulary of a language model.

    Raises
    ------
    CourseError
        `backbones.weights-missing` or `backbones.weights-damaged`.
    """
    return metadata_of(_read_checked(name))


def metadata_of(content: bytes) -> dict[str, str]:
    """Read the metadata of a safetensors file from its bytes: the header's length, the header, then the tensors."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]).get("__metadata__", {})


def _stored(name: str) -> Stored:
    if name not in bundled():
        return find_stored(name)
    file = weights_file(name)
    return Stored(file, json.loads(file.with_suffix(".json").read_text(encoding="utf-8")))


def _read_checked(name: str) -> bytes:
    """Read the file's bytes once, so that what was checked is what gets loaded."""
    stored = _stored(name)
    if name in bundled():
        whose, cure = "bundled weights", "install the course again, or restore the file from its repository"
    else:
        whose, cure = "weights", "install fine-tuning-course-weights again, or restore the file from its repository"
    try:
        content = stored.file.read_bytes()
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise CourseError(
            f"The {whose} {stored.file.name} can't be read ({reason}): {cure}.", code="backbones.weights-missing"
        ) from problem
    if hashlib.sha256(content).hexdigest() != stored.record["sha256"]:
        raise CourseError(
            f"The {whose} {stored.file.name} are damaged (their digest is wrong): {cure}.",
            code="backbones.weights-damaged",
        )
    return content
