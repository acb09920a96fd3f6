"""What gets installed: lock, declared dependencies, the wheel in an empty environment; and how fast it imports."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Python 3.13 with these versions is what Colab had in August 2026.
COLAB = {"torch": "2.11", "torchvision": "0.26", "fastai": "2.8.8", "ipywidgets": "7.7.1", "numpy": "2.1"}
HEAVY = {"torch", "torchvision", "fastai", "matplotlib", "pandas", "sklearn", "numpy", "IPython"}
SYSTEMS = {
    "linux": {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64"},
}


def wanted(*extras: str) -> list[Requirement]:
    lines = PROJECT["dependencies"] + [line for extra in extras for line in EXTRAS[extra]]
    return [Requirement(line) for line in lines]


def locked() -> list[Requirement]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.lstrip().startswith("#")]


# ----------------------------------------------------------------------------------------------------------- the lock


@pytest.mark.parametrize(("python", "system"), [*product(["3.11.0", "3.12.0", "3.13.0"], SYSTEMS)])
def test_the_lock_has_one_fitting_version_of_each_requirement(python, system):
    target = SYSTEMS[system] | {"python_full_version": python, "python_version": python.removesuffix(".0")}
    pins = [pin for pin in locked() if not pin.marker or pin.marker.evaluate(target)]
    names = [canonicalize_name(pin.name) for pin in pins]
    assert len(names) == len(set(names))
    versions = {name: str(pin.specifier).removeprefix("==") for name, pin in zip(names, pins, strict=True)}
    for requirement in wanted("lab", "test"):
        if requirement.marker and not requirement.marker.evaluate(target):
            continue
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


def test_the_lock_holds_exact_public_versions_and_no_address():
    for pin in locked():
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), f"{pin}: not one exact version, or a local build"
        assert pin.url is None
    assert not re.search(r"://|--|file:|/", (ROOT / "requirements.lock").read_text(encoding="utf-8"))


def test_what_colab_lacks_is_declared_or_needed_by_what_is():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ours = {canonicalize_name(requirement.name) for requirement in wanted()}
    theirs = {canonicalize_name(Requirement(line).name) for name in ours for line in requires(name) or ()}
    assert set(project["tool"]["course"]["colab-lacks"]) <= ours | theirs


def test_colabs_versions_are_admitted():
    floors = {requirement.name: requirement.specifier for requirement in wanted()}
    assert not {name: version for name, version in COLAB.items() if not floors[name].contains(version)}
    pythons = SpecifierSet(PROJECT["requires-python"])
    assert list(pythons.filter(["3.10", "3.11", "3.12", "3.13", "3.14"])) == ["3.11", "3.12", "3.13"]


# ------------------------------------------------------------------------------------------------------- dependencies


def imported(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize(
    ("pattern", "without", "extras"),
    [
        ("course_utils/**/*.py", ("course_utils/cli/lessons", "course_utils/grading", "course_utils/cli/quiz"), []),
        ("course_utils/grading/**/*.py", ("course_utils/grading/cluster.py",), ["grading"]),
        ("course_utils/grading/cluster.py", (), ["grading", "cluster"]),
        ("course_utils/cli/quiz/*.py", (), ["grading", "lab"]),
        ("course_utils/cli/lessons/*.py", (), ["lab"]),
        ("tools/**/*.py", (), []),
        ("tests/**/*.py", (), ["lab", "test"]),
    ],
)
def test_what_is_imported_is_declared(pattern, without, extras):
    """IPython is ipywidgets' and ipykernel's own foundation, and pinning it apart from them would break Colab."""
    declared = {canonicalize_name(requirement.name) for requirement in wanted(*extras)} | {"ipython"}
    owners = packages_distributions()
    beside = [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tests" / "grading").glob("*.py")]
    own = {"course_utils", "tools", "conftest", *(path.stem for path in beside)}
    undeclared = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in ROOT.glob(pattern)
        if not any(path.is_relative_to(ROOT / other) for other in without)
        for name in imported(path)
        if name not in sys.stdlib_module_names and name not in own
        if not declared & {canonicalize_name(owner) for owner in owners.get(name, [])}
    }
    assert not undeclared


# ---------------------------------------------------------------------------------------------------------- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy so that the clone stays as it is."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "course_utils", source / "course_utils", ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", source / "dist", source)
    (built,) = (source / "dist").glob("*.whl")
    return built


def run(*command: str | Path, **options) -> str:
    """A command's output; the test fails with all that it printed when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel):
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "course_utils").rglob("*")
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
    }
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in packed if ".dist-info/" not in name} == package


@pytest.mark.timeout(900)  # nothing is compiled there yet
def test_the_wheel_runs_in_an_empty_environment(wheel, tmp_path):
    """Installed with what it declares and nothing more, every module of it imports, and `course doctor` is content.

    The packages come from the cache that set-up has just filled, as links: no network, no copies. What only a clone
    can use, `course lessons`, may need the extra `lab`.
    """
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COURSE_"))}
    outside["COURSE_DATA_DIR"] = str(tmp_path / "data")
    python = tmp_path / "env" / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    run(*uv, "venv", "--python", sys.executable, tmp_path / "env")
    install = [*uv, "pip", "install", "--link-mode", "symlink", "--python", python]
    install += ["--constraint", ROOT / "requirements.lock", wheel]
    if subprocess.run([*install, "--offline"], capture_output=True).returncode != 0:
        run(*install)  # set up by pip: the cache is empty
    everything = """if True:
        import importlib, json, pkgutil, warnings
        warnings.simplefilter("ignore")
        import course_utils
        for found in pkgutil.walk_packages(course_utils.__path__, "course_utils."):
            if not found.name.startswith("course_utils.cli.lessons"):
                importlib.import_module(found.name)
        print(json.dumps([course_utils.__file__, course_utils.__version__]))
    """
    file, version = json.loads(run(python, "-c", everything, cwd=tmp_path, env=outside).splitlines()[-1])
    assert Path(file).is_relative_to(tmp_path / "env")
    assert version == PROJECT["version"]
    told = run(tmp_path / "env" / "bin" / "course", "doctor", cwd=tmp_path, env=outside)
    assert "The course runs on this machine." in told


# -------------------------------------------------------------------------------------------------------------- speed


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
    command = [Path(sys.executable).parent / "course", "links"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("course links: There is no pyproject.toml")
    assert done.stderr.count("\n") == 1 and not done.stdout


# --------------------------------------------------------------------------------------------------------- the papers


def test_the_citation_agrees_with_the_package():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {PROJECT['version']}\n" in citation
    assert PROJECT["license"] in citation


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("LICENSE", ["Apache License", "Version 2.0", "END OF TERMS AND CONDITIONS"]),
        ("LICENSE-lessons", ["Attribution 4.0 International", "Creative Commons may be contacted"]),
    ],
)
def test_the_licences_are_there_in_full(name, marks):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert all(mark in text for mark in marks)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_the_papers_point_at_files_and_commands_that_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://)([^)#]+)", text)
    assert not [link for link in links if not (ROOT / link).exists()]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"\bmake ([a-z]+)`", text)) <= targets
