"""How the course is started: make, JupyterLab, Binder, a Codespace."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

INSTALL = "python tools/install.py lab text sound detection tables frameworks scaling shipping grading"


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    outside = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON", "ARGS"))
    }
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=folder, env=outside | environment, capture_output=True, text=True)


def script(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


# --------------------------------------------------------------------------------------------------------------- make


@pytest.fixture
def clone(tmp_path) -> Path:
    """A clone that nothing was installed in yet."""
    for name in ("Makefile", "README.md", "jupyter_server_config.json", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "labconfig", tmp_path / "labconfig")
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "00_start.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    return tmp_path


@pytest.fixture
def installed(clone) -> Path:
    """A clone whose environment is up to date; its tools write what they were asked to a file, calls."""
    for tool in ("python", "uv", "jupyter", "course", "ruff", "mypy", "lint-imports"):
        script(clone / ".venv" / "bin" / tool, f'echo "{tool} $*" >> "{clone}/calls"')
    for stamp in ("ready", "tested"):
        (clone / ".venv" / stamp).touch()
    return clone


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []


def test_help_lists_every_command():
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    assert [line.split()[1] for line in make(ROOT, "help").stdout.splitlines()] == phony


@pytest.mark.parametrize("target", ["lab", "lessons", "test", "lock"])
def test_an_unfit_python_is_told_in_one_line(clone, target):
    unfit = script(clone / "python3.8", "exit 1")
    done = make(clone, target, f"PYTHON={unfit}")
    assert done.returncode != 0 and not (clone / ".venv").exists()
    assert done.stderr.count("\n") == 1 and "The course needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert f"make {target} PYTHON=" in done.stderr


def test_a_fitting_python_is_taken_and_an_unfit_one_passed_over(clone):
    unfit, fit = script(clone / "unfit", "exit 1"), script(clone / "fit", f'exec "{sys.executable}" "$@"')
    assert f"{fit} -m venv" in make(clone, "-n", "setup", f"PYTHON={unfit} {fit}").stdout


def test_a_second_call_starts_working_at_once(installed):
    assert make(installed, "lessons").returncode == 0
    assert calls(installed) == ["course run"]


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_change_of_the_dependencies_is_installed_once(installed, changed):
    for name, second in {"requirements.lock": 1, "pyproject.toml": 1, ".venv/ready": 2, changed: 3}.items():
        os.utime(installed / name, (second, second))
    os.utime(installed / ".venv" / "bin" / "uv", (0, 0))  # an old installer is no reason to start anew
    assert make(installed, "setup").returncode == 0
    assert calls(installed) == [INSTALL]
    assert make(installed, "setup").returncode == 0 and len(calls(installed)) == 1


def test_tests_install_what_they_need_besides(installed):
    (installed / ".venv" / "tested").unlink()
    assert make(installed, "lint").returncode == 0
    assert calls(installed)[0] == f"{INSTALL} test"
    assert (installed / ".venv" / "tested").exists()


def test_a_failed_installation_is_tried_again(installed):
    for tool in ("uv", "python"):
        script(installed / ".venv" / "bin" / tool, "exit 2")
    (installed / ".venv" / "ready").unlink()
    assert make(installed, "lab").returncode != 0
    assert not (installed / ".venv" / "ready").exists() and not calls(installed)


def test_the_lock_can_be_renewed_when_it_contradicts_the_project(installed):
    """Then nothing can be installed from it, so renewing it must not install first."""
    (installed / ".venv" / "ready").unlink()
    assert make(installed, "lock").returncode == 0
    (call,) = calls(installed)
    assert call.startswith("uv pip compile") and "--upgrade" in call and "--output-file requirements.lock" in call


@pytest.mark.parametrize(("display", "hidden"), [("", True), (":0", False)])
def test_lab_opens_a_browser_only_on_a_display(installed, display, hidden):
    make(installed, "lab", DISPLAY=display, WAYLAND_DISPLAY="")
    (call,) = calls(installed)
    assert "/lab/tree/lessons/00_start.ipynb" in call
    assert ("--no-browser" in call) == (hidden and sys.platform != "darwin")
    assert ("--allow-root" in call) == (os.geteuid() == 0)


def test_lab_serves_the_first_lesson_without_news(clone):
    """The real JupyterLab, from the environment that runs this test."""
    (clone / ".venv").mkdir()
    (clone / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (clone / ".venv" / "ready").touch()
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    outside |= {"DISPLAY": "", "WAYLAND_DISPLAY": "", "JUPYTER_RUNTIME_DIR": str(clone / "runtime")}
    log = clone / "log"
    with log.open("w") as written:
        lab = subprocess.Popen(
            ["make", "lab", "ARGS=--port=0"],
            cwd=clone,
            env=outside,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that it can be stopped with all that it started
        )
    try:
        address = None
        for _ in range(600):
            address = re.search(r"(http://127\.0\.0\.1:\d+)(/lab/tree/lessons/00_start\.ipynb)\?(\S+)", log.read_text())
            if address or lab.poll() is not None:
                break
            time.sleep(0.2)
        assert address, log.read_text()
        site, page, token = address.groups()
        for _ in range(240):  # Lab prints its address before it listens, on a busy machine some seconds before
            with suppress(OSError):
                urllib.request.urlopen(f"{site}{page}?{token}", timeout=60).close()
                break
            time.sleep(0.5)
        assert b"jupyter-config-data" in urllib.request.urlopen(f"{site}{page}?{token}", timeout=60).read()
        news = "@jupyterlab/apputils-extension:notification"
        told = json.load(urllib.request.urlopen(f"{site}/lab/api/settings/{news}?{token}", timeout=60))
        assert told["schema"]["properties"]["fetchNews"]["default"] == "false"
        assert told["schema"]["properties"]["checkForUpdates"]["default"] is False
        listed = json.load(urllib.request.urlopen(f"{site}/api/contents?{token}", timeout=60))["content"]
        assert {"lessons", "README.md"} <= (seen := {entry["name"] for entry in listed})
        assert not seen & {"Makefile", "pyproject.toml", "requirements.lock", "labconfig", "jupyter_server_config.json"}
    finally:
        with suppress(ProcessLookupError):  # it ended by itself, and the log tells why
            os.killpg(lab.pid, signal.SIGTERM)
        lab.wait(30)


def test_ci_runs_what_a_person_runs(installed):
    (installed / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", installed / ".ci" / "run")
    subprocess.run(["bash", installed / ".ci" / "run"], check=True, capture_output=True, cwd="/", env=os.environ)
    *checks, call = calls(installed)
    assert [check.split()[0] for check in checks] == ["ruff", "ruff", "mypy", "lint-imports"]
    assert call.startswith("python -m pytest") and "--nbval-lax" in call and "tests lessons" in call


# -------------------------------------------------------------------------------------------------- Binder, Codespaces


def test_binder_builds_from_these_files():
    """What repo2docker would do, without Docker: its instructions, in order."""
    command = [Path(sys.executable).parent / "jupyter-repo2docker", "--no-build", "--debug", ROOT]
    done = subprocess.run(command, capture_output=True, text=True)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "python=3.12" in told
    steps = [
        "COPY --chown=0:0 src/ ${REPO_DIR}/",  # the whole clone, so that the package and the lock are there
        '-r "binder/requirements.txt"',
        "RUN ./binder/postBuild",
        'R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
    ]
    places = [told.find(step) for step in steps]
    assert -1 not in places and places == sorted(places)


def test_binder_installs_the_locked_versions_and_both_halves_of_torch_from_one_index():
    lines = (ROOT / "binder" / "requirements.txt").read_text().splitlines()
    assert {"-c ../requirements.lock", "torch", "torchvision", "-e ."} <= set(lines)


def test_binders_scripts_run():
    assert all(os.access(ROOT / "binder" / name, os.X_OK) for name in ("start", "postBuild"))
    command = [ROOT / "binder" / "start", "env"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines()
    assert "OMP_NUM_THREADS=1" in told and f"JUPYTER_CONFIG_PATH={ROOT}" in told
    imports = re.search(r'python -W ignore -c "(.+)"', (ROOT / "binder" / "postBuild").read_text())[1]
    compile(imports, "postBuild", "exec")


def test_a_codespace_sets_up_with_make_and_opens_a_lesson():
    settings = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert make(ROOT, "-n", settings["postCreateCommand"].removeprefix("make ")).returncode == 0
    assert all((ROOT / file).exists() for file in settings["customizations"]["codespaces"]["openFiles"])


def test_what_only_tests_need_stays_out_of_the_learners_lab():
    jupyter = Path(sys.executable).with_name("jupyter")
    listed = subprocess.run(
        [jupyter, "labextension", "list"],
        env=os.environ | {"JUPYTER_CONFIG_PATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in (listed.stdout + listed.stderr).splitlines() if "@jupyter/nbgrader v" in line]
    assert "disabled" in line
