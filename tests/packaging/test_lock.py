"""What the distribution declares: the lock, Colab's versions, and that whatever is imported is declared."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from support.project import PROJECT, PYPROJECT, ROOT, wanted

# Python 3.13 with these versions is what Colab had in August 2026.
COLAB = {"torch": "2.11", "torchvision": "0.26", "fastai": "2.8.8", "ipywidgets": "7.7.1", "numpy": "2.1"}
SYSTEMS = {
    "linux": {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64"},
}


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
    ours = {canonicalize_name(requirement.name) for requirement in wanted()}
    needed = set(ours)
    for _ in range(2):  # and by what that needs
        needed |= {canonicalize_name(Requirement(line).name) for name in needed for line in _requires(name)}
    assert set(PYPROJECT["tool"]["course"]["colab-lacks"]) <= needed


def _requires(name: str) -> list[str]:
    """What an installed distribution requires; nothing of one that isn't installed here."""
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


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
        (
            "course_utils/**/*.py",
            (
                "course_utils/cli/run.py",
                "course_utils/cli/running.py",
                "course_utils/grading",
                "course_utils/cli/quiz",
                "course_utils/backbones/images/efficientnet_lite0.py",
                "course_utils/backbones/text",
                "course_utils/data/sound",
                "course_utils/diagnostics/attributions.py",
                "course_utils/tasks/boxes/average_precision.py",
                "course_utils/training/federated/private.py",
                "course_utils/tasks/tables/recommending.py",
                "course_utils/tasks/tables/with_implicit.py",
                "course_utils/training/few_weights/as_peft.py",
                "course_utils/backbones/ports",
                "course_utils/projects/making.py",
                "course_utils/projects/template",
                "course_utils/shipping",
            ),
            [],
        ),
        ("course_utils/backbones/text/*.py", (), ["text"]),
        ("course_utils/data/sound/**/*.py", (), ["sound"]),
        ("course_utils/diagnostics/attributions.py", (), ["text"]),
        ("course_utils/tasks/boxes/average_precision.py", (), ["detection"]),
        ("course_utils/training/federated/private.py", (), ["private"]),
        ("course_utils/tasks/tables/recommending.py", (), ["tables"]),
        ("course_utils/tasks/tables/with_implicit.py", (), ["tables"]),
        ("course_utils/training/few_weights/as_peft.py", (), ["text"]),
        ("course_utils/backbones/images/efficientnet_lite0.py", (), ["efficientnet"]),
        ("course_utils/backbones/ports/*.py", (), ["frameworks"]),
        ("course_utils/projects/making.py", (), ["lab"]),
        ("course_utils/projects/template/**/*.py", (), ["test"]),
        ("course_utils/shipping/*.py", ("course_utils/shipping/app.py",), ["shipping"]),
        ("course_utils/shipping/app.py", (), ["app"]),
        ("course_utils/grading/**/*.py", ("course_utils/grading/sandbox/cluster.py",), ["grading"]),
        ("course_utils/grading/sandbox/cluster.py", (), ["grading", "cluster"]),
        ("course_utils/cli/quiz/*.py", (), ["grading", "lab"]),
        ("course_utils/cli/run*.py", (), ["lab"]),
        ("tools/**/*.py", ("tools/site", "tools/pretraining/speech"), ["lab"]),
        ("tools/pretraining/speech/*.py", (), ["sound", "espeak"]),
        ("tools/site/*.py", (), ["lab", "site"]),
        ("tests/**/*.py", (), ["lab", "test"]),
    ],
)
def test_what_is_imported_is_declared(pattern, without, extras):
    """IPython is ipywidgets' and ipykernel's own foundation, and pinning it apart from them would break Colab."""
    declared = {canonicalize_name(requirement.name) for requirement in wanted(*extras)} | {"ipython"}
    owners = packages_distributions()
    beside = [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tests" / "grading").glob("*.py")]
    own = {"course_utils", "tools", "conftest", "support", *(path.stem for path in beside)}
    undeclared = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in ROOT.glob(pattern)
        if not any(path.is_relative_to(ROOT / other) for other in without)
        for name in imported(path)
        if name not in sys.stdlib_module_names and name not in own
        if not declared & {canonicalize_name(owner) for owner in owners.get(name, [])}
    }
    assert not undeclared
