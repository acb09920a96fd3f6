"""`course doctor`: check this machine, and say what to do about each failure.

Nothing third-party is imported at the top but typer: the doctor has to work where something is missing.
"""

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

import typer

from course_utils import machine
from course_utils.environment import GIB, data_dir, decide, mirror, read_overrides, silence_known_warnings
from course_utils.errors import CourseError
from course_utils.machine import Facts
from course_utils.settings import VARIABLES

DISTRIBUTION = "fine-tuning-course"

app = typer.Typer()


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    about: str
    status: str  # "ok"; "note", nothing to worry about; "warning", the course runs all the same; "failure", it doesn't
    found: str
    remedy: str = ""


@app.command()
def doctor() -> None:
    """Check this machine, and say what to do about each failure; exit status 1 when the course can't run."""
    silence_known_warnings()
    failures = 0
    for finding in examine():
        failures += finding.status == "failure"
        typer.echo(f"{finding.status:8} {finding.about:12} {finding.found}")
        if finding.remedy:
            typer.echo(f"{'':21} -> {finding.remedy}")
    if failures:
        typer.echo(f"\n{failures} failure{'s' if failures > 1 else ''}: mend them from the top, then run this again.")
        raise typer.Exit(1)
    typer.echo("\nThe course runs on this machine.")


def examine() -> Iterator[Finding]:
    """Make every check in turn; the later ones run whatever the earlier ones found."""
    yield from _guard("Python", lambda: [check_python(platform.python_version())])
    yield from _guard("packages", lambda: check_packages(requires(DISTRIBUTION) or []))
    yield from _guard("torch pair", lambda: [check_torch_pair()])
    yield from _guard("settings", lambda: [check_settings()])
    yield from _guard("device", lambda: [check_device(machine.observe(data_dir(), mirror()))])
    yield from _guard("memory", lambda: [check_memory(machine.memory())])
    yield from _guard("weights", lambda: [check_weights()])
    yield from _guard("network", lambda: [check_network(machine.network(seconds=5))])
    yield from _guard("mirror", lambda: [check_mirror(mirror())])
    yield from _guard("data folder", lambda: [check_data_folder(data_dir())])
    yield from _guard("disk", lambda: [check_disk(shutil.disk_usage(_existing(data_dir())).free)])


def _guard(about: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except CourseError as error:
        yield Finding(about, "failure", str(error))
    except Exception as error:  # whatever is broken here, the checks that follow should still be made
        yield Finding(
            about, "failure", f"can't be checked ({error!r})", "mend what failed above, or else set the course up anew"
        )


def check_python(running: str) -> Finding:
    """Check Python's version against what the package asks for."""
    from packaging.specifiers import SpecifierSet

    wanted = SpecifierSet(metadata(DISTRIBUTION)["Requires-Python"])
    if wanted.contains(running, prereleases=True):
        return Finding("Python", "ok", running)
    return Finding(
        "Python", "failure", f"{running} is not {wanted}", "install such a Python and set the course up anew"
    )


def check_packages(wanted: Iterable[str], installed: Callable[[str], str] = version) -> Iterator[Finding]:
    """Check each core dependency's version against the package's own requirements."""
    from packaging.requirements import Requirement

    for requirement in map(Requirement, wanted):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        remedy = f'python -m pip install "{requirement.name}{requirement.specifier}"'
        try:
            found = installed(requirement.name)
        except PackageNotFoundError:
            yield Finding(requirement.name, "failure", "is not installed", remedy)
            continue
        if requirement.specifier.contains(found, prereleases=True):
            yield Finding(requirement.name, "ok", found)
        else:
            yield Finding(requirement.name, "failure", f"{found} is not {requirement.specifier}", remedy)


def check_torch_pair() -> Finding:
    """Check that torchvision's compiled operations run in this torch: builds from two indexes don't fit each other."""
    try:
        import torch
        from torchvision.ops import nms

        kept = nms(torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2]]), torch.tensor([0.1, 0.9]), 0.5).tolist()
        problem = "" if kept == [1] else f"torchvision.ops.nms gave {kept}, not [1]"
    except Exception as error:  # a mixed pair raises many things: RuntimeError, OSError, AttributeError
        problem = str(error) or repr(error)
    if not problem:
        return Finding("torch pair", "ok", "torch and torchvision work together")
    return Finding(
        "torch pair",
        "failure",
        f"torch and torchvision don't work together: {problem}",
        "python -m pip install --force-reinstall torch torchvision (both from the same index)",
    )


def check_settings() -> Finding:
    """Check the COURSE_... variables; a wrong value raises CourseError (`environment.wrong-value`)."""
    read_overrides()
    names = [name for name in sorted(os.environ) if name.startswith("COURSE_")]
    told = [
        f"{name}={os.environ[name]}" if name in VARIABLES else f"{name}, which lessons don't read" for name in names
    ]
    return Finding("settings", "ok", ", ".join(told) or "none set")


def check_device(facts: Facts, nvidia_driver: bool | None = None) -> Finding:
    """Say what lessons would compute on.

    Raises
    ------
    CourseError
        `environment.missing-device` when the wanted device isn't there.
    """
    import torch

    if nvidia_driver is None:
        nvidia_driver = shutil.which("nvidia-smi") is not None
    chosen = decide("", facts, read_overrides())
    network = f"{chosen.network} network ({chosen.network_reason})"
    found = f"{chosen.device}, {network}, {chosen.images} ({chosen.images_reason})"
    if facts.broken_gpu or (nvidia_driver and not facts.gpus):
        return Finding(
            "device",
            "warning",
            f"{found}; there is a GPU that torch {torch.__version__} can't use",
            "install the build of torch and torchvision for your driver and card: pytorch.org/get-started/locally",
        )
    return Finding("device", "ok", found)


def check_memory(total: int) -> Finding:
    """Check the bytes that this process may use: importing the libraries takes 1 GiB, and a lesson up to 2 GiB."""
    found = f"{total / GIB:.1f} GiB"
    if total >= 1.9 * GIB:
        return Finding("memory", "ok", found)
    remedy = "use a machine or a container with 2 GiB or more"
    return Finding(
        "memory", "warning" if total >= 1.0 * GIB else "failure", f"{found}, and lessons take up to 2", remedy
    )


def check_weights() -> Finding:
    """Check the bundled weights against their digests.

    Raises
    ------
    CourseError
        `backbones.weights-missing` or `backbones.weights-damaged`.
    """
    from course_utils.backbones import verify_weights

    verify_weights()
    return Finding("weights", "ok", "the bundled networks' weights are here and undamaged")


def check_network(answers: bool) -> Finding:
    """Judge the network, which downloads need."""
    if answers:
        return Finding("network", "ok", f"{machine.NETWORK_PROBE} answers")
    remedy = "drawings need none; for photographs go online, or name a folder with the archives in COURSE_DATA_MIRROR"
    return Finding("network", "note", f"{machine.NETWORK_PROBE} doesn't answer", remedy)


def check_mirror(folder: Path | None) -> Finding:
    """Check the mirror folder: which of the course's archives it holds."""
    from course_utils.data.sources import SOURCES

    if folder is None:
        return Finding("mirror", "ok", "none set")
    archives = {name: source.archive for name, source in SOURCES.items()}
    held = [name for name, archive in archives.items() if (folder / archive).is_file()]
    if held:
        return Finding("mirror", "ok", f"{folder} holds {', '.join(held)}")
    remedy = f"it should hold files named {' or '.join(archives.values())}"
    return Finding("mirror", "warning", f"{folder} holds none of the course's archives", remedy)


def check_data_folder(folder: Path) -> Finding:
    """Check that downloads can be written."""
    try:
        tempfile.TemporaryFile(dir=_existing(folder)).close()
    except OSError as error:
        found = f"{folder} can't be written to ({error.strerror})"
        return Finding("data folder", "warning", found, "set COURSE_DATA_DIR to a folder that you may write to")
    return Finding("data folder", "ok", str(folder))


def check_disk(free: int) -> Finding:
    """Compare the free bytes beside the data folder with what every download takes, packed and unpacked."""
    from course_utils.data.sources import SOURCES

    needed = sum(source.size + source.unpacked for source in SOURCES.values())
    found = f"{free / 1e9:.1f} GB free"
    if free >= needed:
        return Finding("disk", "ok", found)
    remedy = "drawings need no room; for photographs free some, or set COURSE_DATA_DIR to a folder on another disk"
    return Finding("disk", "warning", f"{found}, and all that can be downloaded takes {needed / 1e9:.1f} GB", remedy)


def _existing(folder: Path) -> Path:
    """Find the folder, or the nearest one above it that exists already."""
    return next(path for path in (folder, *folder.parents) if os.path.exists(path))
