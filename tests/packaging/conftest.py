"""The wheel of the repository, and an environment that holds nothing but what it declares."""

import shutil
import sys
from pathlib import Path

import pytest
from support.project import ROOT, run
from support.wheels import build, declared, install

LOCAL = shutil.ignore_patterns(".git", ".venv", "*.egg-info", "__pycache__", ".*_cache", "build", "dist", "artefacts")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel of the whole repository, built from a copy so that the clone stays as it is."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, folder / "source", ignore=LOCAL)
    return build(folder / "source", folder / "dist")


@pytest.fixture(scope="session")
def empty_environment(wheel, tmp_path_factory) -> Path:
    """Python of an environment with the wheel and what it declares, but no more.

    The dependencies are links to those installed here: no network, no copies, nothing to compile.
    """
    folder = tmp_path_factory.mktemp("environment")
    python = folder / "env" / "bin" / "python"
    run(sys.executable, "-m", "uv", "venv", "--python", sys.executable, folder / "env")
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    linked = folder / "declared"
    linked.mkdir()
    for found in declared():
        for name in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            if not (linked / name).exists() and name != "__pycache__":
                (linked / name).symlink_to(found.locate_file(name))
    (site / "declared.pth").write_text(f"{linked}\n", encoding="utf-8")
    install(python, wheel)
    return python
