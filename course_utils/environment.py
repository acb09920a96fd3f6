"""The setup cell: chooses device, network, images and more for this machine, and says so in a few lines.

`decide` works from facts alone, so every branch is tested without the hardware; `settings` reads what COURSE_...
variables ask for.
"""

import os
import re
import sys
import warnings
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils import INSTALL, lessons, notebook
from course_utils.errors import CourseError
from course_utils.machine import Facts, Gpu, network_once, observe
from course_utils.settings import Overrides, read_overrides, temporary
from course_utils.settings import data_dir as data_dir  # the folders are asked for here, as network and device are
from course_utils.settings import features_limit as features_limit
from course_utils.settings import mirror as mirror
from course_utils.settings import progress_file as progress_file

if TYPE_CHECKING:
    import torch

NEEDED = ("torch", "torchvision", "fastai", "ipywidgets", "optuna", "pooch", "pydantic", "safetensors", "sqlalchemy")
# Versions of these that the course doesn't admit stop every training, or every question, in a notebook.
FRAGILE = ("fastprogress", "ipywidgets")
# By what a lesson learns from, how its line names the two choices of COURSE_IMAGES, and what to download.
DATA = {
    "images": ("photographs", "drawings", "photographs"),
    "texts": ("public", "the course's own", "public texts"),
    "sounds": ("public", "the course's own", "recordings"),
}
SEED = 42
GIB = 2**30
GPU_SWITCH = {  # Binder has no GPU, so nothing to switch on
    "Colab": "Runtime > Change runtime type > T4 GPU",
    "Kaggle": "Settings > Accelerator > GPU T4 x2",
}


@dataclass(frozen=True)
class Environment:
    """What the setup cell decided."""

    lesson: str
    device: "torch.device"
    network: str  # "small" or "large"
    network_reason: str
    images: str  # "photographs" or "drawings"
    images_reason: str
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
        `environment.unknown-lesson`; `environment.missing-packages` in a Python that has the course alone;
        `environment.missing-extra` where the lesson needs an extra that isn't installed;
        `environment.broken-version` where a package would stop every training or question;
        for a wrong value in a variable of the course `environment.wrong-value`,
        `environment.no-home`, `environment.data-folder`, `environment.mirror-folder` or `environment.missing-device`,
        and for a misspelt name `environment.misspelt`.
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
    if missing := [name for name in NEEDED if not find_spec(name)]:
        raise CourseError(
            f"This Python ({sys.executable}) lacks {', '.join(missing)}, which the course needs: {INSTALL}",
            code="environment.missing-packages",
        )
    _refuse_broken_versions()
    _refuse_missing_extra(lessons.find_lesson(lesson).extra)
    overrides = read_overrides()
    silence_known_warnings()
    network_once.cache_clear()  # a machine may have gone online since the last time
    facts = observe(overrides.data_dir, overrides.mirror)
    environment = decide(lesson, facts, overrides)
    _apply(environment, facts)
    print(*report(environment, facts), sep="\n")
    _current = environment
    return environment


def _refuse_broken_versions() -> None:
    """Look at what pip leaves alone when it installs the course without its dependencies, as on Colab."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in requires("fine-tuning-course") or ()]
    except PackageNotFoundError:  # a clone on the path that was never installed
        return
    for each in wanted:
        if each.name not in FRAGILE or each.marker:
            continue
        try:
            found = version(each.name)
        except PackageNotFoundError:
            continue
        if not each.specifier.contains(found, prereleases=True):
            raise CourseError(
                f"{each.name} {found} doesn't work in notebooks, and would stop the lesson: run "
                f'`%pip install "{each.name}{each.specifier}"`, restart the kernel, and run this cell again.',
                code="environment.broken-version",
            )


def _refuse_missing_extra(extra: str) -> None:
    """Look for the packages that a lesson needs besides the course: hosted notebooks have the course alone."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in requires("fine-tuning-course") or ()] if extra else []
    except PackageNotFoundError:  # a clone on the path that was never installed
        return
    missing = []
    for each in wanted:
        if each.marker and not each.marker.evaluate({"extra": ""}) and each.marker.evaluate({"extra": extra}):
            try:
                version(each.name)
            except PackageNotFoundError:
                missing.append(each.name)
    if missing:
        raise CourseError(
            f"This lesson needs the extra {extra!r} ({', '.join(missing)}): run "
            f'`%pip install -q "fine-tuning-course[{extra}]"`, and then this cell again.',
            code="environment.missing-extra",
        )


# For the rest of the course: a variable that is set is obeyed, else what setup chose stands, else we choose now.


def network() -> str:
    """Tell which network lessons take unless they name one: "small" or "large"."""
    overrides = read_overrides()
    if _current and not overrides.network:
        return _current.network
    return overrides.network or _choose_network(observe(), overrides)[0]


def images() -> str:
    """Tell which images data sets give where they have both: "photographs" or "drawings"."""
    overrides = read_overrides()
    if _current and not overrides.images:
        return _current.images
    return overrides.images or _choose_images(observe(overrides.data_dir, overrides.mirror), overrides)[0]


def device() -> "torch.device":
    """Give the device that lessons compute on."""
    overrides = read_overrides()
    if _current and not overrides.device:
        return _current.device
    return _torch_device(_choose_gpu(observe(), overrides.device))


def seed() -> int:
    """Give the seed that lessons start from."""
    return _or_default(read_overrides().seed)


def _or_default(seed: int | None) -> int:
    return SEED if seed is None else seed


def decide(lesson: str, facts: Facts, overrides: Overrides) -> Environment:
    """Decide on the environment for a machine with these facts.

    Raises
    ------
    CourseError
        `environment.missing-device` when the wanted device isn't there.
    """
    gpu = _choose_gpu(facts, overrides.device)
    network, network_reason = _choose_network(facts, overrides)
    images, images_reason = _choose_images(facts, overrides, DATA[data_of(lesson)][2])
    return Environment(
        lesson=lesson,
        device=_torch_device(gpu),
        network=network,
        network_reason=network_reason,
        images=images,
        images_reason=images_reason,
        batch_size=_choose_batch_size(network, (gpu or facts).memory),
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


def _torch_device(gpu: Gpu | None) -> "torch.device":
    import torch

    return torch.device(gpu.device if gpu else "cpu")


def _choose_network(facts: Facts, overrides: Overrides) -> tuple[str, str]:
    """Choose a network that this machine trains within a minute; what can't be downloaded is settled by the lesson."""
    if overrides.network:
        return overrides.network, overrides.network_reason
    if overrides.device == "cpu":
        return "small", "COURSE_DEVICE=cpu"
    if not facts.gpus:
        return "small", "this torch can't use the GPU" if facts.broken_gpu else "there is no GPU"
    return "large", "there is a GPU"


def _choose_images(facts: Facts, overrides: Overrides, called: str = "photographs") -> tuple[str, str]:
    """Choose photographs, or the public texts or recordings, wherever they can be had.

    Nothing is downloaded before a lesson loads it. called: what the lesson's public data are, for the reason
    """
    if overrides.images:
        return overrides.images, overrides.images_reason
    if facts.photographs:
        return "photographs", f"{facts.photographs} holds some"
    if facts.network():
        return "photographs", "the internet can be reached, and the lesson that needs them downloads them"
    if facts.host == "Kaggle":  # it starts without a network
        return "drawings", f"to download {called}, switch Settings > Internet on, then run this cell again"
    return "drawings", f"no {called} are on this machine, and the internet can't be reached"


def _choose_batch_size(network: str, memory: int) -> int:
    """Images a batch on a device with so many bytes of memory.

    Never more than 64, which the lessons' learning rates belong to. An image keeps 1 MiB for the backward pass in the
    small network (the bundled one at 64 px) and 31 MiB in the large one (ResNet-34 at 224 px), in fp32; gradients and
    workspace add to it.
    """
    if network == "small" or memory >= 5 * GIB:
        return 64
    return 32 if memory >= 3 * GIB else 16


def report(environment: Environment, facts: Facts) -> list[str]:
    """Write at most seven lines that a committed notebook may hold: no machine path, the same in every run."""
    gpu = next((gpu for gpu in facts.gpus if gpu.device == str(environment.device)), None)
    threads = f"{environment.threads} thread{'s' if environment.threads > 1 else ''}"
    name = f"{gpu.name} ({gpu.device})" if gpu else f"CPU, {threads}"
    libraries = ", ".join(f"{library} {version(library)}" for library in ("torch", "torchvision", "fastai"))
    after = ", after the folder in COURSE_DATA_MIRROR" if environment.mirror else ""
    kind = data_of(environment.lesson)
    lines = [
        f"device    {name}, {(gpu or facts).memory / GIB:.1f} GiB of memory",
        f"network   {environment.network}: {environment.network_reason}",
        f"{kind:9} {DATA[kind][environment.images != 'photographs']}: {environment.images_reason}",
        f"versions  Python {'.'.join(map(str, sys.version_info[:3]))}, {libraries}",
        f"seed      {environment.seed}",
        f"data      {_without_machine(environment.data_dir)}{after}",
    ]
    if facts.host in GPU_SWITCH and not facts.gpus and not facts.broken_gpu:
        lines.append(f"GPU       switch one on: {GPU_SWITCH[facts.host]}, then run this cell again")
    return lines


def data_of(lesson: str) -> str:
    """Tell what a lesson learns from, a name in DATA."""
    return next((each.data for each in lessons.LESSONS if each.slug == lesson), "images")


def _without_machine(folder: Path) -> str:
    """Write the data folder without what differs from one machine to the next."""
    if os.environ.get("COURSE_DATA_DIR", "").strip():
        return "the folder in COURSE_DATA_DIR"
    if folder == temporary():
        return "a temporary folder, since nothing can be written at home"
    home = Path(os.path.expanduser("~"))  # "~" itself for a user without a home, such as in some containers
    if home.is_absolute() and folder.is_relative_to(home):
        return f"~/{folder.relative_to(home).as_posix()}"
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
    notebook.prepare(environment.lesson)


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
