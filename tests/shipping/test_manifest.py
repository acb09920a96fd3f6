"""Manifests: nothing differs where they were made, and each difference is named on another machine."""

import json
import subprocess

import pytest
from support.errors import refused
from typer.testing import CliRunner

from course_utils import cli
from course_utils.shipping import check_manifest, make_manifest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data" / "raw").mkdir(parents=True)
    for number in range(60):
        (tmp_path / "data" / "raw" / f"{number}.txt").write_text(str(number))
    (tmp_path / "settings.toml").write_text("seed = 1")
    return tmp_path


def change(folder, **changes):
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_nothing_differs_where_it_was_made(folder):
    written = json.loads(make_manifest(folder, [1, 2]).read_text())
    assert check_manifest(folder) == [] and written["seeds"] == [1, 2]
    assert list(written["files"]) == ["settings.toml", "data/raw/ (60 files)"]


def test_what_was_changed_added_or_removed_is_named(folder):
    make_manifest(folder)
    (folder / "settings.toml").write_text("seed = 2")
    (folder / "data" / "raw" / "7.txt").write_text("eight")
    (folder / "new.csv").write_text("a")
    assert check_manifest(folder) == [
        "settings.toml differs.",
        "data/raw/ (60 files) differs.",
        "new.csv is here, and wasn't there.",
    ]
    (folder / "settings.toml").unlink()
    assert "settings.toml is missing here." in check_manifest(folder)


def test_other_versions_are_named_with_both(folder):
    make_manifest(folder)
    written = json.loads((folder / "manifest.json").read_text())
    change(
        folder,
        packages=written["packages"] | {"torch": "1.0", "gone": "3"},
        machine=written["machine"] | {"Python": "2.7"},
    )
    found = check_manifest(folder)
    assert [line for line in found if line.startswith("Python is 3.") and line.endswith("and was 2.7.")]
    assert [line for line in found if line.startswith("torch is ") and line.endswith("and was 1.0.")]
    assert "gone is missing here, and was 3." in found and len(found) == 3


def test_a_notebooks_code_counts_and_its_outputs_dont(folder):
    def write(source, output):
        cell = {"cell_type": "code", "source": [source], "outputs": [output], "execution_count": len(output)}
        (folder / "a.ipynb").write_text(json.dumps({"cells": [cell], "nbformat": 4}))

    write("1 + 1", "2")
    make_manifest(folder)
    write("1 + 1", "another run")
    assert check_manifest(folder) == []
    write("1 + 2", "2")
    assert check_manifest(folder) == ["a.ipynb differs."]


def test_the_commit_is_compared_and_uncommitted_changes_are_told(folder):
    def git(*arguments):
        own = ["-c", "user.name=A", "-c", "user.email=a@b.org"]
        subprocess.run(["git", *own, *arguments], cwd=folder, check=True, capture_output=True)

    git("init")
    git("add", "--all")
    git("commit", "-m", "one")
    make_manifest(folder)
    assert check_manifest(folder) == []
    git("commit", "--allow-empty", "-m", "two")
    (line,) = check_manifest(folder)
    assert line.startswith("commit is ")
    (folder / "settings.toml").write_text("seed = 3")
    make_manifest(folder)
    (line,) = check_manifest(folder)
    assert "settings.toml" in line and "aren't in their commit" in line


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"form": 9}', "null"])
def test_what_is_no_manifest_is_refused(folder, content):
    with refused("shipping.no-manifest", "course manifest make"):
        check_manifest(folder)
    (folder / "manifest.json").write_text(content)
    with refused("shipping.bad-manifest"):
        check_manifest(folder)
    with refused("shipping.no-folder", "nowhere"):
        make_manifest(folder / "nowhere")


def test_the_command_says_what_differs_and_fails(folder):
    run = CliRunner().invoke
    assert run(cli.app, ["manifest", "make", str(folder), "--seed", "3"]).exit_code == 0
    assert "Nothing differs." in run(cli.app, ["manifest", "check", str(folder)]).output
    (folder / "settings.toml").write_text("seed = 2")
    ran = run(cli.app, ["manifest", "check", str(folder)])
    assert ran.exit_code == 1 and ran.output == "settings.toml differs.\n"
