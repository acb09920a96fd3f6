"""The bundled weights: files beside this one, each checked against its digest whenever it is read."""

import hashlib
import json
from pathlib import Path

from torch import Tensor

from course_utils.errors import CourseError

FOLDER = Path(__file__).parent


def weights_file(name: str) -> Path:
    """The file of a network's weights, whether or not it is there."""
    return FOLDER / f"{name}.safetensors"


def bundled() -> list[str]:
    """Names of the networks whose weights are bundled: those that have figures of a pre-training run."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def training_record(name: str = "resnet18_half") -> dict:
    """What a network's pre-training run wrote for its model card: accuracy, digest, recipe, time, machine."""
    return json.loads(weights_file(name).with_suffix(".json").read_text())


def verify_weights() -> None:
    """Check all bundled weights; a damaged or missing file raises CourseError."""
    for name in bundled():
        _read_checked(name)


def load_weights(name: str = "resnet18_half") -> dict[str, Tensor]:
    """A network's weights by torchvision's names, half precision, on the CPU; CourseError if damaged or missing."""
    from safetensors.torch import load

    return load(_read_checked(name))


def _read_checked(name: str) -> bytes:
    """The file's bytes, read once, so that what was checked is what gets loaded."""
    file = weights_file(name)
    cure = "install the course again, or restore the file from its repository"
    try:
        content = file.read_bytes()
    except OSError as problem:
        reason = problem.strerror.lower()
        raise CourseError(f"The bundled weights {file.name} can't be read ({reason}): {cure}.") from problem
    if hashlib.sha256(content).hexdigest() != training_record(name)["sha256"]:
        raise CourseError(f"The bundled weights {file.name} are damaged (their digest is wrong): {cure}.")
    return content
