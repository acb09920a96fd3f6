"""A project's notebook from top to bottom, and then all that its README names."""

import subprocess
import sys

import nbclient
import nbformat
import pytest

from course_utils.shipping import check_manifest, load_network

pytestmark = pytest.mark.slow


@pytest.fixture
def done(folder):
    notebook = nbformat.read(folder / "project.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.write(notebook, folder / "project.ipynb")
    return folder


def test_it_ends_with_a_network_a_card_and_a_manifest_and_the_projects_own_tests_pass(done, change):
    network = load_network(done / "results" / "network")
    assert network.config.classes == ("blue", "green", "red")
    card = (done / "results" / "network" / "README.md").read_text(encoding="utf-8")
    for said in ("which of six bins", "made of noise", "free to use", "have tested 1 network.", "temperature"):
        assert said in card
    assert check_manifest(done) == []
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=done,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
    change(done, {"seed = 42": "seed = 7"})
    assert check_manifest(done) == ["project.toml differs."]
