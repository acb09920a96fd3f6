"""The setup cell: chooses device, profile, batch size, threads and seed for this machine, and says so in a few lines.

`decide` works from facts alone, so every branch is tested without the hardware. Only this module reads COURSE_...
"""

import os
import re
import sys
import warnings
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils import lessons
from course_utils.errors import CourseError
from course_utils.machine import Facts, Gpu, observe

if TYPE_CHECKING:
    import torch

PROFILES = ("mini", "full")
SEED = 42
GIB = 2**30
GPU_SWITCH = {  # Binder has no GPU, so nothing to switch on
    "Colab": "Runtime > Change runtime type > T4 GPU",
    "Kaggle": "Settings > Accelerator > GPU T4 x2",
}


@dataclass(frozen=True)
class Overrides:
    """What the COURSE_... variables ask for; None leaves the choice to `decide`."""

    data_dir: Path
    mirror: Path | None = None
    profile: str | None = None
    device: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Environment:
    """What the setup cell decided."""

    lesson: str
    device: "torch.device"
    profile: str  # "mini" or "full"
    reason: str  # why this profile
    batch_size: int
    workers: int  # processes beside this one that load data: none, since the data sets are in memory
    threads: int
    seed: int
    data_dir: Path = field(repr=False)  # no machine paths in a notebook's outputs
    mirror: Path | None = field(repr=False)


_current: Environment | None = None


def setup(lesson: str) -> Environment:
    """Get this machine ready for a lesson, and print what was chosen and why.

    Parameters
    ----------
    lesson : str
        The lesson's slug, "04_freezing".

    Raises
    ------
    CourseError
        `environment.unknown-lesson`; for a wrong value in a COURSE_... variable `environment.wrong-value`,
        `environment.data-folder`, `environment.mirror-folder` or `environment.missing-device`.
    """
    global _current
    known = [each.slug for each in lessons.LESSONS]
    if lesson not in known:
        near = get_close_matches(str(lesson), known, n=1, cutoff=0.3)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise CourseError(
            f"There is no lesson {lesson!r}{meant}: give setup one of {', '.join(known)}.",
            code="environment.unknown-lesson",
        )
    overrides = read_overrides()
    silence_known_warnings()
    facts = observe()
    environment = decide(lesson, facts, overrides)
    _apply(environment, facts)
    print(*report(environment, facts), sep="\n")
    _current = environment
    return environment


# For the rest of the course: a variable that is set is obeyed, else what setup chose stands, else we choose now.


def profile() -> str:
    """Tell the profile, "mini" or "full"."""
    overrides = read_overrides()
    return overrides.profile or (_current or decide("", observe(), overrides)).profile


def device() -> "torch.device":
    """Give the device that lessons compute on."""
    overrides = read_overrides()
    if _current and not overrides.device:
        return _current.device
    return decide("", observe(), overrides).device


def seed() -> int:
    """Give the seed that lessons start from."""
    return _or_default(read_overrides().seed)


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


def read_overrides() -> Overrides:
    """Read and check the COURSE_... variables.

    Raises
    ------
    CourseError
        `environment.wrong-value`, `environment.data-folder` or `environment.mirror-folder`.
    """
    profile, device, seed = (_value(name) for name in ("COURSE_PROFILE", "COURSE_DEVICE", "COURSE_SEED"))
    if profile not in ("", *PROFILES):
        raise _wrong("COURSE_PROFILE", " or ".join(PROFILES))
    if not re.fullmatch(r"(cpu|mps|cuda(:[0-9]+)?)?", device):
        raise _wrong("COURSE_DEVICE", "cpu, cuda, cuda:N (N counts the GPUs from 0) or mps")
    if not re.fullmatch(r"[0-9]*", seed) or int(seed or 0) >= 2**32:
        raise _wrong("COURSE_SEED", "a whole number from 0 to 4294967295")
    return Overrides(data_dir(), mirror(), profile or None, device or None, int(seed) if seed else None)


def _value(name: str) -> str:
    return os.environ.get(name, "").strip().lower()


def _wrong(name: str, right: str) -> CourseError:
    return CourseError(
        f"{name} is {os.environ[name]!r}: set it to {right}, or unset it to let the course choose.",
        code="environment.wrong-value",
    )


def _or_default(seed: int | None) -> int:
    return SEED if seed is None else seed


def decide(lesson: str, facts: Facts, overrides: Overrides) -> Environment:
    """Decide on the environment for a machine with these facts.

    Raises
    ------
    CourseError
        `environment.missing-device` when the wanted device isn't there.
    """
    import torch

    gpu = _choose_gpu(facts, overrides.device)
    profile, reason = _choose_profile(facts, overrides, gpu)
    return Environment(
        lesson=lesson,
        device=torch.device(gpu.device if gpu else "cpu"),
        profile=profile,
        reason=reason,
        batch_size=_choose_batch_size(profile, (gpu or facts).memory),
        workers=0,
        threads=facts.omp_threads or facts.cores,
        seed=_or_default(overrides.seed),
        data_dir=overrides.data_dir,
        mirror=overrides.mirror,
    )


def _choose_gpu(facts: Facts, wanted: str | None) -> Gpu | None:
    if wanted == "cpu":
        return None
    if wanted is None:
        return facts.gpus[0] if facts.gpus else None
    for gpu in facts.gpus:
        if wanted in (gpu.device, gpu.device.split(":")[0]):
            return gpu
    usable = ", ".join(["cpu", *(gpu.device for gpu in facts.gpus)])
    raise CourseError(
        f"COURSE_DEVICE is {wanted!r}, but here torch can use only: {usable}.", code="environment.missing-device"
    )


def _choose_profile(facts: Facts, overrides: Overrides, gpu: Gpu | None) -> tuple[str, str]:
    if overrides.profile:
        return overrides.profile, f"COURSE_PROFILE={overrides.profile}"
    if overrides.device == "cpu":
        return "mini", "COURSE_DEVICE=cpu"
    if not gpu:
        return "mini", "this torch can't use the GPU" if facts.broken_gpu else "there is no GPU"
    if overrides.mirror:
        return "full", "there are a GPU and a mirror folder"
    if facts.network():
        return "full", "there are a GPU and a network"
    return "mini", "there is a GPU, but neither a network nor a mirror folder"


def _choose_batch_size(profile: str, memory: int) -> int:
    """Images a batch on a device with so many bytes of memory.

    Never more than 64, which the lessons' learning rates belong to. An image keeps 1 MiB for the backward pass in mini
    (the bundled network at 64 px) and 31 MiB in full (ResNet-34 at 224 px), in fp32; gradients and workspace add to it.
    """
    if profile == "mini" or memory >= 5 * GIB:
        return 64
    return 32 if memory >= 3 * GIB else 16


def report(environment: Environment, facts: Facts) -> list[str]:
    """Write at most six lines that a committed notebook may hold: no machine path, nothing that changes by the run."""
    gpu = next((gpu for gpu in facts.gpus if gpu.device == str(environment.device)), None)
    threads = f"{environment.threads} thread{'s' if environment.threads > 1 else ''}"
    name = f"{gpu.name} ({gpu.device})" if gpu else f"CPU, {threads}"
    libraries = ", ".join(f"{library} {version(library)}" for library in ("torch", "torchvision", "fastai"))
    mirror = ", after the folder in COURSE_DATA_MIRROR" if environment.mirror else ""
    lines = [
        f"device    {name}, {(gpu or facts).memory / GIB:.1f} GiB of memory",
        f"profile   {environment.profile}: {environment.reason}",
        f"versions  Python {'.'.join(map(str, sys.version_info[:3]))}, {libraries}",
        f"seed      {environment.seed}",
        f"data      {_without_machine(environment.data_dir)}{mirror}",
    ]
    if facts.host in GPU_SWITCH and not facts.gpus and not facts.broken_gpu:
        lines.append(f"GPU       switch one on: {GPU_SWITCH[facts.host]}, then run this cell again")
    return lines


def _without_machine(folder: Path) -> str:
    """Write the data folder without what differs from one machine to the next."""
    if os.environ.get("COURSE_DATA_DIR"):
        return "the folder in COURSE_DATA_DIR"
    if folder.is_relative_to(Path.home()):
        return f"~/{folder.relative_to(Path.home()).as_posix()}"
    return f"{folder.name} in the system's cache folder"


def _apply(environment: Environment, facts: Facts) -> None:
    """Make torch, fastai, numpy, random and matplotlib follow the decision."""
    import matplotlib.style
    import torch
    from fastai.torch_core import default_device, set_seed

    if environment.device.type == "cuda":
        torch.cuda.set_device(environment.device)
    default_device(environment.device.type != "cpu")  # True stands for torch's current GPU, or else for MPS
    if not facts.omp_threads:
        torch.set_num_threads(environment.threads)
    set_seed(environment.seed, reproducible=True)
    matplotlib.style.use("course_utils.course")


def silence_known_warnings() -> None:
    """Hide the third-party warnings that a learner can do nothing about, each by its exact origin.

    Here, and in the processes that will be started from here, such as joblib's.
    """
    # Importing fastai.layers (2.8) scripts its Mish activation, and torch 2.15 announces the end of torch.jit.script.
    message, module = "`torch.jit.script` is deprecated", "torch.jit._script"
    warnings.filterwarnings(
        "ignore", message=re.escape(message), category=FutureWarning, module=re.escape(module) + "$"
    )
    inherited = os.environ.get("PYTHONWARNINGS", "").split(",")
    known = f"ignore:{message}:FutureWarning:{module}"
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, dict.fromkeys([*inherited, known])))
