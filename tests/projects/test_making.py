"""What `course new` makes, and what it refuses."""

import nbformat
import pytest
from support.errors import refused
from support.project import PROJECT
from typer.testing import CliRunner

from course_utils import cli
from course_utils.data.images.recycling import VOCAB
from course_utils.projects import new_project, open_project

MADE = [
    ".gitignore",
    "README.md",
    "data/README.md",
    "project.ipynb",
    "project.toml",
    "requirements.txt",
]


def test_a_new_project_has_all_that_its_readme_names(tmp_path):
    folder = new_project("leaves", tmp_path)
    assert [name for name in MADE if not (folder / name).is_file()] == []
    assert (folder / "data" / "raw").is_dir()
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# leaves\n") and "$" not in readme
    assert open_project(folder).settings.name == "leaves"


def test_its_requirements_install_the_course_from_its_public_address(tmp_path):
    requirements = (new_project("leaves", tmp_path) / "requirements.txt").read_text(encoding="utf-8")
    assert f"git+{PROJECT['urls']['Repository']}" in requirements and "$" not in requirements


def test_its_notebook_is_valid_and_the_same_in_every_project(tmp_path):
    one, two = (new_project(name, tmp_path) / "project.ipynb" for name in ("one", "two"))
    nbformat.validate(nbformat.read(one, as_version=4))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("name", ["", "a b", "../up", "-x", ".hidden", "a/b"])
def test_a_name_that_is_no_folders_is_refused(name, tmp_path):
    with refused("projects.bad-name", "letters"):
        new_project(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_there_stays(tmp_path):
    (tmp_path / "leaves").mkdir()
    (tmp_path / "leaves" / "mine.txt").write_text("mine")
    with refused("projects.exists", "leaves"):
        new_project("leaves", tmp_path)
    assert [path.name for path in (tmp_path / "leaves").iterdir()] == ["mine.txt"]


def test_an_empty_folder_may_become_a_project(tmp_path):
    (tmp_path / "leaves").mkdir()
    assert (new_project("leaves", tmp_path) / "project.toml").is_file()


def test_the_command_makes_the_example_from_drawings_where_photographs_cant_be_had(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    ran = CliRunner().invoke(cli.app, ["new", "rubbish", "--example"])
    assert ran.exit_code == 0, ran.output
    assert "drawings of rubbish" in ran.output and "rubbish is ready" in ran.output
    assert open_project("rubbish").settings.blank == []
    counts = {path.name: len(list(path.iterdir())) for path in (tmp_path / "rubbish" / "data" / "raw").iterdir()}
    assert set(counts) == set(VOCAB) and min(counts.values()) == max(counts.values()) > 100


def test_the_example_has_every_photograph_and_says_whose_they_are(tmp_path, monkeypatch, mirror):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    ran = CliRunner().invoke(cli.app, ["new", "rubbish", "--example"])
    assert ran.exit_code == 0, ran.output
    photos = open_project("rubbish").settings.photos
    assert photos.licence == "MIT" and "Thung and Yang" in photos.source
    assert len(list((tmp_path / "rubbish" / "data" / "raw").rglob("*.jpg"))) == 2527
