"""Progress where no file can be written: questions answer, what was kept is known, and one sentence says so."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.errors import refused

from course_utils.quiz import progress
from course_utils.quiz.widgets import ask

NOBODY = 65534


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """Where this test's learner is kept."""
    path = tmp_path / "of mine" / "progress.sqlite"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


@contextmanager
def without_rights(folder: Path):
    """Nobody's rights, since nothing is read-only for root."""
    if not hasattr(os, "geteuid"):
        pytest.skip("folders are not read-only in this way here")
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        try:
            list(folder.iterdir())
        except PermissionError:
            pytest.skip("nobody can't reach the folder for temporary files here")
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def folder():
    """A folder that anybody can reach."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o777)
    yield path
    path.chmod(0o777)
    shutil.rmtree(path)


def told_once(capsys) -> str:
    """Whatever is asked works all the same, and one sentence has told that no file is written."""
    progress.record("04.1", False, [1])
    progress.record("04.1", True, [0])
    progress.keep_guess("04.8", 4.5)
    assert progress.last_answer("04.1") == (True, [0]) and progress.guess_of("04.8") == 4.5
    assert ask("04.1").item.id == "04.1"
    assert progress.standings()["04.1"].last_right and len(progress.export()["answers"]) >= 2
    said, warned = capsys.readouterr()
    assert not said and warned.count("Your progress can't be written (") == warned.count("\n") == 1
    assert "COURSE_PROGRESS" in warned
    return warned


@pytest.mark.parametrize("name", ["progress.sqlite", "new/progress.sqlite"])
def test_in_a_read_only_folder_answers_last_as_long_as_the_session(folder, name, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROGRESS", str(folder / name))
    folder.chmod(0o555)
    with without_rights(folder):
        told_once(capsys)
        assert progress.erase() is False and progress.last_answer("04.1") is None
    assert not list(folder.iterdir())


@pytest.mark.parametrize("read_only", ["file", "folder", "both"])
def test_what_a_read_only_file_holds_is_gone_on_with(folder, read_only, monkeypatch, capsys):
    file = folder / "progress.sqlite"
    monkeypatch.setenv("COURSE_PROGRESS", str(file))
    progress.record("04.2", True, [2])
    progress.keep_hints("04.4", 1)
    before = file.read_bytes()
    file.chmod(0o444 if read_only != "folder" else 0o666)
    folder.chmod(0o555 if read_only != "file" else 0o777)
    with without_rights(folder):
        told_once(capsys)
        assert progress.last_answer("04.2") == (True, [2]) and progress.hints_seen("04.4") == 1
    assert file.read_bytes() == before


def test_a_full_disk_loses_no_answer(file, monkeypatch, capsys):
    progress.record("04.2", True, [2])
    real = progress._opened

    def of_few_pages(path, to_write=False):
        connection = real(path, to_write)
        connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
        return connection

    monkeypatch.setattr(progress, "_opened", of_few_pages)
    for number in range(20):
        progress.record("04.3", True, ["x" * 900, number])
    assert "full" in told_once(capsys) and progress.last_answer("04.2") == (True, [2])
    assert progress.standings()["04.3"].tries == 20


def test_what_cannot_be_erased_is_told_in_a_sentence(folder, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(folder / "progress.sqlite"))
    progress.record("04.1", True)
    folder.chmod(0o555)
    with (
        without_rights(folder),
        refused("quiz.progress-file", "can't be deleted", "free progress.sqlite"),
    ):
        progress.erase()
    assert (folder / "progress.sqlite").exists()


def test_a_file_in_the_folders_place_leaves_answers_in_memory(file, capsys):
    file.parent.write_text("a file")
    told_once(capsys)


def test_a_damaged_file_in_a_read_only_folder_is_left_alone(folder, monkeypatch, capsys):
    file = folder / "progress.sqlite"
    monkeypatch.setenv("COURSE_PROGRESS", str(file))
    file.write_bytes(b"This is no database, but a letter.\n" * 40)
    folder.chmod(0o555)
    with without_rights(folder):
        told_once(capsys)
    assert file.read_bytes().startswith(b"This is no database")


def test_what_a_command_prints_can_be_read_by_a_program_where_nothing_can_be_kept(file):
    file.parent.write_text("a file")
    command = [Path(sys.executable).parent / "course", "progress", "export"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert json.loads(done.stdout)["answers"] == [] and "can't be written" in done.stderr
