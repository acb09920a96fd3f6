"""`course data`: what it says, and its exit status."""

import zipfile
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from course_utils.cli.data import app
from course_utils.data.archives import content_digest, read_files
from course_utils.data.registry import DATA_SETS
from course_utils.data.sources import SOURCES
from course_utils.errors import CourseError


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """One known source, in a mirror."""
    with zipfile.ZipFile(tmp_path / "toy.zip", "w") as archive:
        archive.writestr("toy/a.jpg", b"an image")
    digest = content_digest(read_files(tmp_path / "toy.zip", 100), r"\.jpg$")
    source = replace(SOURCES["cifar10"], name="toy", archive="toy.zip", size=3_000_000, content=digest)
    for name in list(SOURCES):
        monkeypatch.delitem(SOURCES, name)
    monkeypatch.setitem(SOURCES, "toy", source)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path))
    return tmp_path / "toy.zip"


def course_data(*words: str):
    return CliRunner().invoke(app, words)


def test_list_shows_what_is_here_with_licence_and_citation(toy):
    said = course_data("list")
    assert said.exit_code == 0
    assert "toy (3 MB, here)" in said.output
    assert SOURCES["toy"].licence in said.output and SOURCES["toy"].citation in said.output
    toy.unlink()
    assert "toy (3 MB, not here)" in course_data("list").output


def test_list_shows_every_data_set_of_the_registry():
    said = course_data("list").output
    for data_set in DATA_SETS.values():
        assert f"{data_set.name} ({data_set.modality}, " in said and data_set.about in said
        assert data_set.licence in said and data_set.citation in said
    assert "digits (images, no download)" in said and "pets (images, downloads pets)" in said
    assert "vehicles (images, downloads cifar10, or takes drawings)" in said


def test_fetch_says_where(toy):
    said = course_data("fetch", "toy")
    assert said.exit_code == 0 and said.output.strip() == f"toy: {toy}"


def test_fetch_brings_the_lists_beside_an_archive_too(toy, monkeypatch):
    monkeypatch.setitem(SOURCES, "toy", replace(SOURCES["toy"], beside={"train.txt": 1}))
    listed = toy.with_name("train.txt")
    listed.write_text("a.jpg 1\n")
    assert course_data("fetch", "toy").output.splitlines() == [f"toy: {toy}", f"toy: {listed}"]
    listed.unlink()
    assert "toy (3 MB, not here)" in course_data("list").output


def test_fetch_of_an_unknown_source_is_the_learners_to_read():
    said = course_data("fetch", "pet")
    assert isinstance(said.exception, CourseError) and said.exception.code == "data.unknown-source"
    assert "did you mean 'pets'?" in str(said.exception)


def test_verify(toy):
    assert (course_data("verify").exit_code, course_data("verify").output) == (0, "toy: sound\n")
    toy.write_bytes(toy.read_bytes()[:-10])
    said = course_data("verify", "toy")
    assert said.exit_code == 1 and "toy.zip is not the file that the course knows as 'toy'" in said.output
    toy.unlink()
    assert (course_data("verify").exit_code, course_data("verify").output) == (0, "toy: not here\n")
