"""The bundled weights: a file beside this one, checked against its digest whenever it is read."""

import hashlib
import json
from pathlib import Path

from torch import Tensor

from course_utils.errors import CourseError

WEIGHTS = Path(__file__).with_name("resnet18_half.safetensors")
FIGURES = WEIGHTS.with_suffix(".json")  # what the pre-training run wrote: accuracy, digest, recipe, time, machine


def training_record() -> dict:
    """The figures of the pre-training run that the model card states."""
    return json.loads(FIGURES.read_text())


def verify_weights() -> None:
    """Check the bundled weights; a damaged or missing file raises CourseError."""
    _read_checked()


def load_weights() -> dict[str, Tensor]:
    """The bundled weights by torchvision's names, half precision, on the CPU; CourseError if damaged or missing."""
    from safetensors.torch import load

    return load(_read_checked())


def _read_checked() -> bytes:
    """The file's bytes, read once, so that what was checked is what gets loaded."""
    cure = "install the course again, or restore the file from its repository"
    try:
        content = WEIGHTS.read_bytes()
    except OSError as problem:
        reason = problem.strerror.lower()
        raise CourseError(f"The bundled weights {WEIGHTS.name} can't be read ({reason}): {cure}.") from problem
    if hashlib.sha256(content).hexdigest() != training_record()["sha256"]:
        raise CourseError(f"The bundled weights {WEIGHTS.name} are damaged (their digest is wrong): {cure}.")
    return content
