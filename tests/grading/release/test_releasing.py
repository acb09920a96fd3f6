"""The course's key, and the commands from keys to notebooks."""

import csv
import os
import stat

import pytest
import typer
from example_quiz import BANK, changed
from typer.testing import CliRunner

from course_utils.cli.quiz import releasing
from course_utils.errors import CourseError
from course_utils.grading.bank.variants import PUBLIC, new_course_key, read_course_key


def test_a_course_key_is_made_once_and_read_back(tmp_path, quiz):
    file = new_course_key(tmp_path / "course.key")
    key = read_course_key(file, quiz)
    assert len(key) == 32 and key != PUBLIC and file.read_text() == f"{key.hex()}\n"
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(CourseError, match="already exists"):
        new_course_key(file)
    assert read_course_key(file, quiz) == key
    assert read_course_key(None, quiz) == PUBLIC
    with pytest.raises(CourseError, match="--course-key"):
        read_course_key(None, changed(quiz, bank="graded"))
    for content in (b"", b"0f" * 31, b"\xff" * 64, b"0f" * 33, b"zz" * 32):
        file.write_bytes(content)
        with pytest.raises(CourseError, match=r"course\.key|course key"):
            read_course_key(file, quiz)
    with pytest.raises(CourseError, match="can't be read"):
        read_course_key(tmp_path / "none", quiz)


@pytest.fixture
def course():
    app = typer.Typer()
    for command in (releasing.release, releasing.keygen, releasing.lock):
        app.command()(command)

    def run(*arguments, **environment):
        done = CliRunner().invoke(app, list(map(str, arguments)), env=environment)
        if isinstance(done.exception, CourseError):
            raise done.exception
        return done.exit_code, " ".join(done.output.split())

    return run


def test_the_commands_from_keys_to_notebooks(course, tmp_path):
    with (tmp_path / "roster.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows([["student"], ["ada"], ["grace"]])
    assert course("keygen", tmp_path / "own")[0] == 0
    assert course("keygen", tmp_path / "own", "--course")[0] == 0
    private, public = (tmp_path / "own" / f"instructor.{which}.key" for which in ("private", "public"))
    bank = tmp_path / "bank"
    bank.mkdir()
    text = (BANK / "90_example.yaml").read_text(encoding="utf-8").replace("bank: example", "bank: graded")
    (bank / "90_example.yaml").write_text(text, encoding="utf-8")
    status, said = course("lock", bank, "--for", public)
    assert status == 0 and "90_example.yaml.locked" in said and "1 key." in said
    (bank / "90_example.yaml").unlink()
    asked = ["release", "90", "--out", tmp_path / "out", "--students", tmp_path / "roster.csv"]
    with pytest.raises(CourseError, match="--bank"):
        course(*asked, COURSE_ITEM_BANK=None)
    with pytest.raises(CourseError, match="--key"):
        course(*asked, COURSE_ITEM_BANK=str(bank))
    with pytest.raises(CourseError, match="--course-key"):
        course(*asked, "--key", private, COURSE_ITEM_BANK=str(bank))
    assert not (tmp_path / "out").exists()
    status, said = course(*asked, "--key", private, "--course-key", tmp_path / "own" / "course.key", "--bank", bank)
    assert status == 0 and "2 notebooks" in said and "Next:" in said and "public" not in said
    assert (tmp_path / "out" / "grace" / "90_example.ipynb").is_file()


def test_the_command_says_that_an_examples_keys_are_public(course, tmp_path):
    (tmp_path / "roster.csv").write_text("student\nada\n")
    status, said = course("release", "90", "--bank", BANK, "--out", tmp_path, "--students", tmp_path / "roster.csv")
    assert status == 0 and said.count("its answer keys are public") == 1
    with pytest.raises(CourseError, match="--students"):
        course("release", "90", "--bank", BANK, "--out", tmp_path)
