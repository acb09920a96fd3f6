"""The companion distribution: its manifest is true, and its weights are found in a clone and where it's installed."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from support.errors import refused
from support.project import ROOT, outside, run
from support.wheels import build, install

from course_utils.backbones import companion, weights

COMPANION = ROOT / "weights"
TINY = {"layer.weight": torch.arange(6.0).reshape(2, 3)}


@pytest.fixture
def companion_with_tiny(tmp_path) -> Path:
    """A copy of the companion's sources that holds weights named tiny."""
    source = tmp_path / "weights"
    shutil.copytree(COMPANION, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    content = save(TINY)
    package = source / "course_weights"
    (package / "tiny.safetensors").write_bytes(content)
    (package / "tiny.md").write_text("# tiny\n", encoding="utf-8")
    entry = {"file": "tiny.safetensors", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    entry |= {"licence": "Apache-2.0", "card": "tiny.md"}
    (package / "manifest.json").write_text(json.dumps({"tiny": entry}), encoding="utf-8")
    return source


def test_the_manifest_is_true():
    package = COMPANION / "course_weights"
    manifest = json.loads((package / "manifest.json").read_text(encoding="utf-8"))
    assert {file.name for file in package.glob("*.safetensors")} == {entry["file"] for entry in manifest.values()}
    assert not set(manifest) & set(weights.bundled()), "bundled weights would hide these"
    for name, entry in manifest.items():
        content = (package / entry["file"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest()), name
        assert entry["licence"] and (package / entry["card"]).is_file(), name


def test_weights_are_found_in_the_clone(companion_with_tiny, monkeypatch):
    monkeypatch.setattr(companion, "IN_CLONE", companion_with_tiny / "course_weights")
    assert torch.equal(weights.load_weights("tiny")["layer.weight"], TINY["layer.weight"])
    assert weights.training_record("tiny")["licence"] == "Apache-2.0"
    weights.verify_weights("tiny")


def test_missing_weights_are_told_with_the_command_that_brings_them():
    with refused("backbones.weights-missing", "'no_such'", "pip install", "#subdirectory=weights"):
        weights.load_weights("no_such")
    with refused("backbones.weights-missing", "'no_such'"):
        weights.training_record("no_such")


def test_damaged_and_lost_files_are_told(companion_with_tiny, monkeypatch):
    package = companion_with_tiny / "course_weights"
    monkeypatch.setattr(companion, "IN_CLONE", package)
    file = package / "tiny.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with refused("backbones.weights-damaged", "tiny.safetensors", "fine-tuning-course-weights"):
        weights.load_weights("tiny")
    file.unlink()
    with refused("backbones.weights-missing", "tiny.safetensors", "no such file"):
        weights.verify_weights("tiny")


def test_weights_are_found_where_they_are_installed(companion_with_tiny, empty_environment, tmp_path):
    wheel = build(companion_with_tiny, tmp_path / "dist")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    held = {f"course_weights/{path.name}" for path in (companion_with_tiny / "course_weights").iterdir()}
    assert packed == held and "course_weights/tiny.safetensors" in held
    install(empty_environment, wheel)
    code = "from course_utils.backbones.weights import load_weights; print(load_weights('tiny')['layer.weight'].sum())"
    assert "15." in run(empty_environment, "-W", "ignore", "-c", code, cwd=tmp_path, env=outside())
