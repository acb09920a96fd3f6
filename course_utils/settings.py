"""The COURSE_... variables of lessons: what each asks for, checked, and told in a sentence when it is wrong.

A library of settings was tried: it adds a second to the setup cell, takes "5_0" for a seed, and its messages would need
the same table of right values.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from course_utils.errors import CourseError

NETWORKS, IMAGES = ("small", "large"), ("photographs", "drawings")
PROFILES = {"mini": ("small", "drawings"), "full": ("large", "photographs")}  # both choices in one word


@dataclass(frozen=True)
class Overrides:
    """What the COURSE_... variables ask for; None leaves the choice to `decide`."""

    data_dir: Path
    mirror: Path | None = None
    network: str | None = None
    images: str | None = None
    network_reason: str = ""  # the variable that asks for it, as "COURSE_NETWORK=large"
    images_reason: str = ""
    device: str | None = None
    seed: int | None = None


def read_overrides() -> Overrides:
    """Read and check the COURSE_... variables.

    Raises
    ------
    CourseError
        `environment.wrong-value`, `environment.data-folder` or `environment.mirror-folder`.
    """
    for name, right in (("COURSE_NETWORK", NETWORKS), ("COURSE_IMAGES", IMAGES), ("COURSE_PROFILE", PROFILES)):
        if _value(name) not in ("", *right):
            raise _wrong(name, " or ".join(right))
    network, network_reason = _choice("COURSE_NETWORK", 0)
    images, images_reason = _choice("COURSE_IMAGES", 1)
    device, seed = _value("COURSE_DEVICE"), _value("COURSE_SEED")
    if not re.fullmatch(r"(cpu|mps|cuda(:[0-9]+)?)?", device):
        raise _wrong("COURSE_DEVICE", "cpu, cuda, cuda:N (N counts the GPUs from 0) or mps")
    if not re.fullmatch(r"[0-9]*", seed) or int(seed or 0) >= 2**32:
        raise _wrong("COURSE_SEED", "a whole number from 0 to 4294967295")
    features_limit()
    return Overrides(
        data_dir(),
        mirror(),
        network,
        images,
        network_reason,
        images_reason,
        device or None,
        int(seed) if seed else None,
    )


def _choice(name: str, place: int) -> tuple[str | None, str]:
    """Return what a variable asks for, or else COURSE_PROFILE, and which of them it was."""
    if value := _value(name):
        return value, f"{name}={value}"
    if profile := _value("COURSE_PROFILE"):
        return PROFILES[profile][place], f"COURSE_PROFILE={profile}"
    return None, ""


def _value(name: str) -> str:
    return os.environ.get(name, "").strip().lower()


def _wrong(name: str, right: str) -> CourseError:
    return CourseError(
        f"{name} is {os.environ[name]!r}: set it to {right}, or unset it to let the course choose.",
        code="environment.wrong-value",
    )


def data_dir() -> Path:
    """Name the folder for downloads, which need not exist yet: COURSE_DATA_DIR, or else the system's cache folder.

    Raises
    ------
    CourseError
        `environment.data-folder` where COURSE_DATA_DIR is no folder, or can't be written to.
    """
    from platformdirs import user_cache_path

    if not (value := os.environ.get("COURSE_DATA_DIR")):
        return user_cache_path("fine-tuning-course", appauthor=False)
    folder = _folder(value)
    existing = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    if not os.path.isdir(existing):
        raise CourseError(
            f"COURSE_DATA_DIR is {value!r}, but that is no folder: name a folder, or unset the variable.",
            code="environment.data-folder",
        )
    if not os.access(existing, os.W_OK):
        raise CourseError(
            f"COURSE_DATA_DIR is {value!r}, but nothing can be written there: name a folder that you may write to, "
            "or unset the variable.",
            code="environment.data-folder",
        )
    return folder


def mirror() -> Path | None:
    """Name the folder COURSE_DATA_MIRROR, whose archives stand in for downloads.

    Raises
    ------
    CourseError
        `environment.mirror-folder` where it is no folder.
    """
    if not (value := os.environ.get("COURSE_DATA_MIRROR")):
        return None
    folder = _folder(value)
    if not os.path.isdir(folder):
        raise CourseError(
            f"COURSE_DATA_MIRROR is {value!r}, but that is no folder: name the folder that holds the archives, "
            "or unset the variable.",
            code="environment.mirror-folder",
        )
    return folder


def features_limit() -> int:
    """How many bytes of stored features the data folder may hold: COURSE_FEATURES_GB, one gigabyte unless set.

    Raises
    ------
    CourseError
        `environment.wrong-value` for anything but a number of at least 0.
    """
    value = _value("COURSE_FEATURES_GB") or "1"
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        raise _wrong("COURSE_FEATURES_GB", "a number of gigabytes, 0 to keep no features on disk")
    return int(float(value) * 1e9)


def progress_file() -> Path:
    """Name the file of the learner's answers, which may not exist yet: COURSE_PROGRESS, or in the user's own data."""
    from platformdirs import user_data_path

    if value := os.environ.get("COURSE_PROGRESS"):
        return _folder(value)
    return user_data_path("fine-tuning-course", appauthor=False) / "progress.sqlite"


def _folder(value: str) -> Path:
    """Make a variable's folder absolute.

    A relative one is meant from the shell that it was set in (PWD); a notebook's kernel starts in another folder.
    """
    path = Path(value).expanduser()
    here, in_shell = (Path(os.path.abspath(Path(start, path))) for start in (".", os.environ.get("PWD", ".")))
    return here if os.path.exists(here) else in_shell
