"""Building a wheel, installing it, and finding what a distribution declares that it needs."""

import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from support.project import run, wanted


def build(source: Path, out: Path) -> Path:
    """The wheel that is built from the source distribution of a folder."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source)
    (wheel,) = out.glob("*.whl")
    return wheel


def install(python: Path, *wheels: Path) -> None:
    """Install wheels, and none of what they need, into an environment."""
    run(sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps", "--python", python, *wheels)


def declared() -> list[Distribution]:
    """What is installed here of the package's core dependencies, and of theirs in turn."""
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, str]] = set()
    waiting = wanted()
    while waiting:
        requirement = waiting.pop()
        for extra in requirement.extras | {""}:
            if (requirement.name, extra) in asked:
                continue
            asked.add((requirement.name, extra))
            try:
                one = distribution(requirement.name)
            except PackageNotFoundError:  # another system's
                continue
            found[requirement.name] = one
            needs = map(Requirement, one.requires or ())
            waiting += [need for need in needs if not need.marker or need.marker.evaluate({"extra": extra})]
    return list(found.values())
