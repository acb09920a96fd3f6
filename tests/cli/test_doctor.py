"""`course doctor`: each check's failing branch, and what the command makes of them."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
import torchvision.ops
from typer.testing import CliRunner

from course_utils import backbones, machine
from course_utils.cli import app, doctor
from course_utils.data.sources import SOURCES
from course_utils.environment import GIB
from course_utils.errors import CourseError
from course_utils.machine import Facts, Gpu


def facts(**seen) -> Facts:
    return Facts(**{"memory": 8 * GIB, "cores": 4, "network": lambda: True} | seen)


@pytest.fixture(autouse=True)
def healthy(monkeypatch, tmp_path):
    """A machine on which nothing is wrong, without a look at this one."""
    for name in ("PROFILE", "NETWORK", "IMAGES", "DEVICE", "SEED", "DATA_MIRROR"):
        monkeypatch.delenv(f"COURSE_{name}", raising=False)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(machine, "observe", lambda *_: facts())
    monkeypatch.setattr(machine, "memory", lambda: 8 * GIB)
    monkeypatch.setattr(machine, "network", lambda seconds: True)
    monkeypatch.setattr(backbones, "verify_weights", lambda: None)
    monkeypatch.setattr(doctor, "requires", lambda _: ["typer>=0.1", 'ruff; extra == "test"'])
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=2**40))
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)


def course_doctor():
    return CliRunner().invoke(app, ["doctor"])


def test_a_healthy_machine():
    result = course_doctor()
    assert result.exit_code == 0
    *lines, empty, verdict = result.output.splitlines()
    assert all(line.startswith("ok ") for line in lines) and len(lines) == 11
    assert (empty, verdict) == ("", "The course runs on this machine.")


def test_missing_network_is_only_a_note(monkeypatch):
    monkeypatch.setattr(machine, "network", lambda seconds: False)
    result = course_doctor()
    assert result.exit_code == 0
    assert "note     network" in result.output and "-> drawings need none" in result.output


def test_a_failure_gives_exit_status_1_and_what_to_do(monkeypatch):
    monkeypatch.setattr(machine, "memory", lambda: GIB // 2)
    result = course_doctor()
    assert result.exit_code == 1
    assert "failure  memory" in result.output and "-> use a machine or a container with 2 GiB" in result.output
    assert result.output.splitlines()[-1].startswith("1 failure:")


def test_two_failures_are_counted_and_every_check_is_made(monkeypatch):
    def broken(*_):
        raise OSError("libcudart is missing")

    monkeypatch.setattr(machine, "observe", broken)
    monkeypatch.setenv("COURSE_SEED", "x")
    result = course_doctor()
    assert result.exit_code == 1
    assert "failure  settings     COURSE_SEED is 'x'" in result.output
    assert "failure  device       can't be checked (OSError('libcudart is missing'))" in result.output
    assert "ok       disk" in result.output
    assert result.output.splitlines()[-1].startswith("2 failures:")


def test_it_works_where_packages_are_missing():
    """The doctor is called when something is missing, so nothing but typer may be needed to start it."""
    missing = ["torch", "platformdirs", "pooch", "psutil", "joblib", "packaging", "numpy"]
    code = f"import sys; sys.modules.update(dict.fromkeys({missing})); from course_utils.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "doctor"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == ""
    for about in ("packages", "torch pair", "device", "memory", "weights"):
        assert f"failure  {about}" in done.stdout
    assert "failures: mend them" in done.stdout


def test_damaged_weights(monkeypatch):
    def damaged():
        raise CourseError("The weights are damaged: install the course again.")

    monkeypatch.setattr(backbones, "verify_weights", damaged)
    result = course_doctor()
    assert result.exit_code == 1
    assert "failure  weights      The weights are damaged: install the course again." in result.output


def test_a_wrong_data_folder(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "file"))
    result = course_doctor()
    assert result.exit_code == 1  # the setup cell would stop
    assert "failure  settings     COURSE_DATA_DIR is" in result.output


@pytest.mark.parametrize(("running", "status"), [("3.10.13", "failure"), ("3.11.0", "ok"), ("3.14.0", "failure")])
def test_python(running, status):
    finding = doctor.check_python(running)
    assert finding.status == status and running in finding.found
    assert bool(finding.remedy) == (status == "failure")


def test_packages():
    def installed(name):
        if name == "gone":
            raise PackageNotFoundError(name)
        return {"torch": "2.15.0+cpu", "fastai": "2.7.19", "nightly": "3.1.0.dev20260101"}[name]

    wanted = ["torch>=2.11", "fastai>=2.8.8", "gone>=1,<2", "nightly>=3", 'extra>=1; extra == "lab"']
    found = {finding.about: finding for finding in doctor.check_packages(wanted, installed)}
    assert {name: finding.status for name, finding in found.items()} == {
        "torch": "ok",
        "fastai": "failure",
        "gone": "failure",
        "nightly": "ok",
    }
    assert found["fastai"].remedy == 'python -m pip install "fastai>=2.8.8"'
    assert found["gone"].found == "is not installed" and '"gone<2,>=1"' in found["gone"].remedy


@pytest.mark.parametrize("wrong", ["fastprogress 1.1.0", "fastprogress 1.1.3", "ipywidgets 7.6.5"])
def test_versions_that_break_trainings_or_widgets_are_failures_with_a_remedy(monkeypatch, wrong):
    monkeypatch.undo()
    name, version = wrong.split()
    wanted = [line for line in doctor.requires(doctor.DISTRIBUTION) if line.startswith(name)]
    (finding,) = doctor.check_packages(wanted, lambda _: version)
    assert finding.status == "failure" and finding.remedy.startswith(f'python -m pip install "{name}')


def test_this_environment_satisfies_the_package(monkeypatch):
    monkeypatch.undo()
    findings = list(doctor.check_packages(doctor.requires(doctor.DISTRIBUTION)))
    assert {"torch", "torchvision", "fastai"} <= {finding.about for finding in findings}
    assert not [finding for finding in findings if finding.status != "ok"]


def test_a_mixed_torch_and_torchvision(monkeypatch):
    assert doctor.check_torch_pair().status == "ok"

    def nms(*_):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(torchvision.ops, "nms", nms)
    finding = doctor.check_torch_pair()
    assert finding.status == "failure" and "nms does not exist" in finding.found
    assert "torch torchvision" in finding.remedy


@pytest.mark.parametrize(
    ("seen", "driver", "status", "found"),
    [
        ({}, False, "ok", "cpu, small network (there is no GPU), photographs"),
        ({}, True, "warning", "there is a GPU that torch"),  # a build of torch for the CPU beside an NVIDIA card
        ({"broken_gpu": True}, False, "warning", "there is a GPU that torch"),
        (
            {"gpus": (Gpu("cuda:0", "Tesla T4", 15 * GIB),)},
            True,
            "ok",
            "cuda:0, large network (there is a GPU), photographs",
        ),
    ],
)
def test_device(seen, driver, status, found):
    finding = doctor.check_device(facts(**seen), nvidia_driver=driver)
    assert finding.status == status and found in finding.found
    assert ("pytorch.org" in finding.remedy) == (status == "warning")


def test_a_wanted_device_that_is_not_there(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cuda")
    assert course_doctor().exit_code == 1
    assert "failure  device       COURSE_DEVICE is 'cuda', but here torch can use only: cpu." in course_doctor().output


@pytest.mark.parametrize(("gib", "status"), [(0.9, "failure"), (1.0, "warning"), (1.8, "warning"), (2.0, "ok")])
def test_memory(gib, status):
    assert doctor.check_memory(int(gib * GIB)).status == status


def test_mirror(tmp_path):
    assert doctor.check_mirror(None).status == "ok"
    empty = doctor.check_mirror(tmp_path)
    assert empty.status == "warning"
    assert all(source.archive in empty.remedy for source in SOURCES.values())
    name, source = next(iter(SOURCES.items()))
    (tmp_path / source.archive).touch()
    assert doctor.check_mirror(tmp_path) == doctor.Finding("mirror", "ok", f"{tmp_path} holds {name}")


def test_data_folder(monkeypatch, tmp_path):
    assert doctor.check_data_folder(tmp_path / "new" / "folder").status == "ok"
    assert list(tmp_path.iterdir()) == []

    def read_only(dir: Path):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", read_only)
    finding = doctor.check_data_folder(tmp_path)
    assert finding.status == "warning" and "Read-only file system" in finding.found
    assert "COURSE_DATA_DIR" in finding.remedy


def test_disk():
    needed = sum(source.size + source.unpacked for source in SOURCES.values())
    assert doctor.check_disk(needed).status == "ok"
    assert doctor.check_disk(needed - 1).status == "warning"
    assert "drawings need no room" in doctor.check_disk(0).remedy
