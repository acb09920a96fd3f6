"""`course update` with real git: what a learner ran is kept, what the course changed comes."""

import subprocess
from pathlib import Path

import pytest
from support.errors import refused
from typer.testing import CliRunner

from course_utils.cli import update

ONE, TWO = "lessons/01_one.ipynb", "lessons/02_two.ipynb"


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    own = ["-c", "user.name=A", "-c", "user.email=a@b.org", "-c", "protocol.file.allow=always"]
    return subprocess.run(["git", *own, *arguments], cwd=folder, capture_output=True, text=True)


def commit(folder: Path, **files: str) -> None:
    for name, content in files.items():
        file = folder / {"one": ONE, "two": TWO, "page": "README.md", "text": "lessons/text/01_one.py"}.get(name, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    git(folder, "add", "--all")
    assert git(folder, "commit", "-m", "a change").returncode == 0


@pytest.fixture
def course(tmp_path) -> Path:
    """The course's repository."""
    (tmp_path / "course").mkdir()
    git(tmp_path / "course", "init", "--initial-branch=main")
    commit(tmp_path / "course", one="one", two="two", page="page", text="text")
    return tmp_path / "course"


@pytest.fixture
def clone(course, tmp_path, monkeypatch) -> Path:
    """A learner's clone, where the command is called."""
    git(tmp_path, "clone", "--quiet", str(course), "clone")
    monkeypatch.chdir(tmp_path / "clone" / "lessons")
    return tmp_path / "clone"


def updated() -> str:
    done = CliRunner().invoke(update.app, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_a_run_lesson_is_kept_and_the_new_one_comes(course, clone):
    (clone / ONE).write_text("one, run")
    (clone / TWO).write_text("two, run")
    commit(course, one="one, renewed", page="page, renewed")
    assert "would be overwritten" in git(clone, "pull", "--ff-only").stderr  # what this command is for
    assert (clone / ONE).read_text() == "one, run"

    told = updated()
    assert "2 files are new or renewed." in told
    assert "You had run or changed lessons/01_one.ipynb: your version is now lessons/mine/01_one.ipynb." in told
    assert (clone / ONE).read_text() == "one, renewed" and (clone / "README.md").read_text() == "page, renewed"
    assert (clone / "lessons/mine/01_one.ipynb").read_text() == "one, run"
    assert (clone / TWO).read_text() == "two, run"  # the course left that one alone

    (clone / ONE).write_text("one, run again")
    git(clone, "add", ONE)
    commit(course, one="one, renewed again")
    assert "lessons/mine/01_one_2.ipynb" in updated()
    assert (clone / "lessons/mine/01_one.ipynb").read_text() == "one, run"
    assert (clone / "lessons/mine/01_one_2.ipynb").read_text() == "one, run again"
    assert updated() == "You have the newest lessons.\n"


def test_a_lesson_that_is_gone_comes_back_and_new_packages_are_told(course, clone):
    (clone / ONE).unlink()
    commit(course, one="one, renewed", **{"requirements.lock": "x==1"})
    assert "`make lab` installs them" in updated()
    assert (clone / ONE).read_text() == "one, renewed" and not (clone / "lessons/mine").exists()


def test_nothing_is_touched_where_a_person_has_to_decide(course, clone, tmp_path, monkeypatch):
    (clone / ONE).write_text("one, run")
    (clone / "README.md").write_text("my page")
    commit(course, one="one, renewed", page="page, renewed")
    with refused("cli.changed-file", "README.md", "git checkout -- README.md"):
        update.update()
    git(clone, "checkout", "--", "README.md")
    (clone / "lessons/03_three.ipynb").write_text("my own")
    commit(course, **{"lessons/03_three.ipynb": "the course's"})
    with refused("cli.git-refused", "03_three.ipynb"):
        update.update()
    assert (clone / "lessons/03_three.ipynb").read_text() == "my own"
    assert (clone / "lessons/mine/01_one.ipynb").read_text() == "one, run"
    commit(clone, page="my page")
    with refused("cli.own-commits", "git pull"):
        update.update()
    monkeypatch.chdir(tmp_path)
    with refused("cli.git-refused", "not a git repository"):
        update.update()
