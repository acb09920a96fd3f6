"""The COURSE_... variables of lessons: what each asks for, checked, and told in a sentence when it is wrong.

A library of settings was tried: it adds a second to the setup cell, takes "5_0" for a seed, and its messages would need
the same table of right values.
"""

import os
import re
import tempfile
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from course_utils.errors import CourseError

NETWORKS, IMAGES = ("small", "large"), ("photographs", "drawings")
PROFILES = {"mini": ("small", "drawings"), "full": ("large", "photographs")}  # both choices in one word
CHOICES = ("NETWORK", "IMAGES", "PROFILE", "DEVICE", "SEED", "STRICT")  # the last for tests alone
NAMES = (*CHOICES, "DATA_DIR", "DATA_MIRROR", "FEATURES_GB", "PROGRESS")
VARIABLES = tuple(f"COURSE_{name}" for name in NAMES)  # a grader's own are read by the commands that need them


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
        `environment.wrong-value`, `environment.misspelt`, `environment.no-home`, `environment.data-folder` or
        `environment.mirror-folder`.
    """
    _check_names()
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


def _check_names() -> None:
    """Refuse a variable whose name is nearly that of one of ours: it would be passed over without a word."""
    for name in sorted(os.environ):
        if name in VARIABLES or not name.upper().startswith("COURSE_"):
            continue
        if near := get_close_matches(name.upper(), VARIABLES, n=1, cutoff=0.82):
            raise CourseError(
                f"There is no setting {name}: rename it to {near[0]}, or unset it.", code="environment.misspelt"
            )


def _choice(name: str, place: int) -> tuple[str | None, str]:
    """Return what a variable asks for, or else COURSE_PROFILE, and which of them it was."""
    if value := _value(name):
        return value, f"{name}={value}"
    if profile := _value("COURSE_PROFILE"):
        return PROFILES[profile][place], f"COURSE_PROFILE={profile}"
    return None, ""


def _value(name: str) -> str:
    return _written(name).lower()


def _written(name: str) -> str:
    """Return what a variable holds, "" where it isn't set.

    Without spaces around it, which Windows keeps in `set NAME=value && ...`, and without the quotes that `%env` in a
    notebook and files of variables keep.
    """
    value = os.environ.get(name, "").strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1].strip() if quoted else value


def _wrong(name: str, right: str) -> CourseError:
    return CourseError(
        f"{name} is {os.environ[name]!r}: set it to {right}, or unset it to let the course choose.",
        code="environment.wrong-value",
    )


def data_dir() -> Path:
    """Name the folder for downloads, which need not exist yet: COURSE_DATA_DIR, or else the system's cache folder.

    Where the home can't be written to, it is a folder among the temporary files.

    Raises
    ------
    CourseError
        `environment.data-folder` where COURSE_DATA_DIR is no folder, or can't be written to.
    """
    if not (value := _written("COURSE_DATA_DIR")):
        usual = _of_user("user_cache_path")
        # One that is there may be read-only, and hold all that is needed.
        return usual if os.path.isdir(usual) or os.access(_existing(usual), os.W_OK) else temporary()
    folder = _folder("COURSE_DATA_DIR")
    existing = _existing(folder)
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


def _of_user(kind: str) -> Path:
    """Name the course's folder of a kind that platformdirs knows; a temporary one for a user without a home."""
    import platformdirs

    try:
        found = getattr(platformdirs, kind)("fine-tuning-course", appauthor=False)
    except RuntimeError:
        return temporary()
    return found if found.is_absolute() else temporary()


def temporary() -> Path:
    """Name this user's own folder among the temporary files, where there is no home that can be written to."""
    user = os.getuid() if hasattr(os, "getuid") else ""
    return Path(tempfile.gettempdir(), f"fine-tuning-course-{user}")


def _existing(folder: Path) -> Path:
    """Find the folder, or the nearest one above it that exists already."""
    return next(path for path in (folder, *folder.parents) if os.path.exists(path))


def mirror() -> Path | None:
    """Name the folder COURSE_DATA_MIRROR, whose archives stand in for downloads.

    Raises
    ------
    CourseError
        `environment.mirror-folder` where it is no folder.
    """
    if not (value := _written("COURSE_DATA_MIRROR")):
        return None
    folder = _folder("COURSE_DATA_MIRROR")
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


def strict() -> bool:
    """Whether a result that isn't what a lesson's text expects is an error: COURSE_STRICT=1, as tests set it.

    Raises
    ------
    CourseError
        `environment.wrong-value` for anything but 0 or 1.
    """
    if (value := _value("COURSE_STRICT")) not in ("", "0", "1"):
        raise _wrong("COURSE_STRICT", "1, or 0 as when it isn't set")
    return value == "1"


def progress_file() -> Path:
    """Name the file of the learner's answers, which may not exist yet: COURSE_PROGRESS, or in the user's own data."""
    if _written("COURSE_PROGRESS"):
        return _folder("COURSE_PROGRESS")
    return _of_user("user_data_path") / "progress.sqlite"


def _folder(name: str) -> Path:
    """Make a variable's folder, or file, absolute.

    A relative one is meant from the shell that it was set in (PWD); a notebook's kernel starts in another folder.

    Raises
    ------
    CourseError
        `environment.no-home` for "~" or "~user" where no such home is known.
    """
    value = _written(name)
    try:
        path = Path(value).expanduser()
    except RuntimeError as problem:
        raise CourseError(
            f"{name} is {value!r}, but this machine knows no home folder {Path(value).parts[0]}: write the folder out, "
            "from the top.",
            code="environment.no-home",
        ) from problem
    here, in_shell = (Path(os.path.abspath(Path(start, path))) for start in (".", os.environ.get("PWD", ".")))
    return here if os.path.exists(here) else in_shell
