"""A preview is the notebook that a student would get, and releases nothing."""

import pytest
from example_quiz import BANK
from typer.testing import CliRunner

from course_utils.cli.quiz import app
from course_utils.errors import CourseError


def asked(*words):
    return CliRunner().invoke(app, ["preview", *map(str, words)], env={"COURSE_ITEM_BANK": "", "COURSE_KEY": ""})


def test_a_preview_is_what_release_hands_out(tmp_path):
    (tmp_path / "class.csv").write_text("student\nada\n", encoding="utf-8")
    released = [*("release", "90", "--bank", str(BANK), "--students", str(tmp_path / "class.csv"))]
    assert CliRunner().invoke(app, [*released, "--out", str(tmp_path / "released")]).exit_code == 0
    done = asked("90_example", "--student", "ada", "--bank", BANK, "--out", tmp_path / "preview")
    assert done.exit_code == 0 and "This doesn't release anything" in done.output
    (file,) = (tmp_path / "preview").iterdir()
    adas = (tmp_path / "released" / "ada" / "90_example.ipynb").read_bytes()
    assert file.read_bytes() == adas
    again = asked("90", "--student", "grace", "--bank", BANK, "--out", tmp_path / "preview")
    assert again.exit_code == 0 and file.read_bytes() != adas


def test_a_preview_needs_no_key_as_long_as_there_is_none(tmp_path):
    text = (BANK / "90_example.yaml").read_text(encoding="utf-8").replace("bank: example", "bank: graded")
    (tmp_path / "90_example.yaml").write_text(text, encoding="utf-8")
    done = asked("90", "--bank", tmp_path, "--out", tmp_path / "preview")
    assert done.exit_code == 0 and "Without the course's key, its numbers" in done.output
    assert (tmp_path / "preview" / "90_example.ipynb").is_file()


def test_a_preview_never_stands_where_something_was_released(tmp_path):
    (tmp_path / "90_example.manifest.json").write_text("{}", encoding="utf-8")
    done = asked("90", "--student", "ada", "--bank", BANK, "--out", tmp_path)
    assert isinstance(done.exception, CourseError) and "was released there" in str(done.exception)


@pytest.mark.parametrize("name", ["90_exampel", "91"])
def test_an_assignment_that_is_not_there_is_told(name, tmp_path):
    done = asked(name, "--bank", BANK, "--out", tmp_path)
    assert isinstance(done.exception, CourseError) and "has no assignment" in str(done.exception)
    assert isinstance(asked("90").exception, CourseError), "no bank is named"
