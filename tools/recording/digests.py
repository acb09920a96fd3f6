"""What a record was made with: fingerprints of code, data and weights, versions and machine."""

import hashlib
import os
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import torch

from course_utils import environment
from course_utils.backbones import BACKBONES, training_record
from course_utils.data.boxes.boxed import BoxedImages
from course_utils.data.registry import find_data_set
from course_utils.data.sound.sounds import Sounds
from course_utils.data.tables.ratings import Ratings
from course_utils.data.tables.transactions import Transactions
from course_utils.data.text.texts import Texts
from course_utils.data.writing.letters import Letters
from course_utils.errors import CourseError
from tools.recording.experiments import LessonExperiment


def belongs_to(experiment: LessonExperiment) -> dict[str, Any]:
    """Make the fingerprints by which a record belongs to its experiment.

    Those of data are of a small sample as the course's own loader gives it, so a change of the loader shows too.
    """
    return {
        "code": experiment.code_digest(),
        "images": environment.images(),
        "data": {name: data_digest(name) for name in experiment.data_sets()},
        "weights": {name: weights_digest(name) for name in experiment.backbones()},
    }


def data_digest(name: str) -> str:
    """Make a fingerprint of a small sample of a data set: all that it holds, and its labels.

    Raises CourseError `tools.no-photographs` where drawings or the course's own texts stand in for what was asked for.
    """
    data_set = find_data_set(name)
    digest = hashlib.sha256()
    plain = {"augment": False} if data_set.modality == "images" else {}
    dls = data_set.function()(**{"seed": 0} | plain | dict(data_set.small))
    real = getattr(dls, "real", None)  # of images, most have factors only where they are drawn, and don't say it
    is_stand_in = getattr(dls, "factors", None) is not None if real is None else not real
    if data_set.sources and environment.images() == "photographs" and is_stand_in:
        raise CourseError(
            f"{data_set.stand_in.capitalize()} stand in for the public data of {name}, and a record would call them "
            "that: name the folder of archives in COURSE_DATA_MIRROR, or set COURSE_IMAGES=drawings.",
            code="tools.no-photographs",
        )
    if isinstance(dls, (Texts, Sounds, Transactions, Ratings)):
        for split in ("valid", "test", "train"):
            digest.update(getattr(dls, split).to_csv(index=False).encode())
            for wave in dls.recordings[split] if isinstance(dls, Sounds) else ():
                digest.update(wave.round(4).tobytes())
        return digest.hexdigest()[:16]
    if isinstance(dls, BoxedImages):
        for split in ("valid", "test", "train"):
            for tensor in (dls.images[split], *dls.boxes[split]):
                digest.update(tensor.numpy().round(2).tobytes())
        return digest.hexdigest()[:16]
    if isinstance(dls, Letters):
        for split in ("valid", "test", "train"):
            digest.update(dls.images[split].numpy().tobytes() + "\n".join(dls.names[split]).encode())
        return digest.hexdigest()[:16]
    for loader in (*dls.loaders[1:], dls.test):
        for images, labels in loader:
            for tensor in (images, labels):
                digest.update(tensor.as_subclass(torch.Tensor).cpu().contiguous().numpy().round(4).tobytes())
    return digest.hexdigest()[:16]


def weights_digest(name: str) -> str:
    """Give the fingerprint of a backbone's trained weights."""
    return (BACKBONES[name].fingerprint or training_record(name)["sha256"])[:16]


def circumstances() -> dict[str, str]:
    """Tell when, on what and with which versions the runs are made."""
    model = "an unknown processor"
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        lines = cpus.read_text(encoding="utf-8").splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "fastai"))
    return {
        "date": date.today().isoformat(),
        "machine": f"{joblib.cpu_count()} cores of {model or os.uname().machine}",
        "versions": f"Python {'.'.join(map(str, sys.version_info[:3]))}, {libraries}",
    }
