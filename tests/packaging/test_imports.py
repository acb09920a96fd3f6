"""How fast the package and its command import, and that what loads lazily is complete."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from support.project import HEAVY, ROOT, run

import course_utils


def import_times(statement: str) -> dict[str, float]:
    """The seconds that each module took to import, its own imports included."""
    command = [sys.executable, "-X", "importtime", "-c", statement]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return {
        name.strip(): int(total) / 1e6
        for total, name in re.findall(r"^import time: +\d+ \| +(\d+) \|(.+)$", told, re.M)
    }


def test_import_course_utils_is_quick_and_light():
    runs = [import_times("import course_utils") for _ in range(5)]
    assert min(times["course_utils"] for times in runs) <= 0.3
    assert not HEAVY & {name.split(".")[0] for name in runs[0]}


def test_the_commands_help_loads_nothing_heavy_and_no_command():
    loaded = import_times("from course_utils.cli import app; app(['--help'], standalone_mode=False)")
    assert not HEAVY & {name.split(".")[0] for name in loaded}
    assert not [name for name in loaded if name.startswith("course_utils.cli.")]


def test_every_command_in_the_help_exists():
    from course_utils.cli import COMMANDS

    for name in COMMANDS:
        assert "Usage: course" in run(Path(sys.executable).parent / "course", name, "--help")


def test_a_course_error_is_one_sentence_and_no_traceback(tmp_path):
    command = [Path(sys.executable).parent / "course", "run"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("course run: There are no lessons in lessons")
    assert done.stderr.count("\n") == 1 and not done.stdout


LAZY = [file.parent for file in sorted((ROOT / "course_utils").rglob("__init__.pyi"))]


@pytest.mark.parametrize("folder", LAZY, ids=lambda folder: folder.name)
def test_a_stub_names_what_its_package_gives(folder):
    """Every name of the stub is listed, and loads."""
    package = import_module(".".join(folder.relative_to(ROOT).parts))
    stub = ast.parse((folder / "__init__.pyi").read_text(encoding="utf-8"))
    names = {name.asname for node in stub.body if isinstance(node, ast.ImportFrom) for name in node.names}
    assert names <= set(dir(package)) and names <= set(package.__all__)
    assert all(getattr(package, name) is not None for name in names)


def test_every_room_of_the_package_is_offered():
    package = ROOT / "course_utils"
    rooms = {file.stem for file in package.glob("[a-z]*.py")} | {
        file.parent.name for file in package.glob("*/__init__.py")
    }
    assert rooms <= set(dir(course_utils)) <= rooms | {"__version__"}


def test_a_data_set_is_completed_and_loaded_from_the_package_alone():
    code = "import course_utils; print(course_utils.data.digits.__name__, *dir(course_utils.data))"
    name, *listed = run(sys.executable, "-W", "ignore", "-c", code).split()
    assert name == "digits"
    assert {"digits", "load", "pets", "scans", "vehicles"} <= set(listed)


def test_a_name_that_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="nothing"):
        course_utils.nothing  # noqa: B018
