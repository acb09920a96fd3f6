"""The repository as what gets built and installed, and how a test runs a command of it."""

import os
import subprocess
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
# What `import course_utils` and the command's help must not load.
HEAVY = {"torch", "torchvision", "fastai", "matplotlib", "pandas", "sklearn", "numpy", "IPython"}


def wanted(*extras: str) -> list[Requirement]:
    """What the distribution declares that it needs, with these extras."""
    lines = PROJECT["dependencies"] + [line for extra in extras for line in EXTRAS[extra]]
    return [Requirement(line) for line in lines]


def run(*command: str | Path, **options) -> str:
    """A command's output; the test fails with all that it printed when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def outside() -> dict[str, str]:
    """The environment variables of a user who has neither Python's nor the course's set."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COURSE_"))}
