"""Disks that are full, and files that are damaged, foreign, old or new, cost no marks."""

import os
import sqlite3
from collections import namedtuple

import pytest
from graded import marks, result

from course_utils.errors import CourseError
from course_utils.grading.gradebook import database
from course_utils.grading.gradebook.store import Store


def test_a_full_disk_keeps_what_was_there_and_says_what_to_do(store):
    store.save([result()])
    (pages,) = store._file.execute("PRAGMA page_count").fetchone()
    store._file.execute(f"PRAGMA max_page_count = {pages + 2}")
    many = [result(f"s{number}", given=marks(answer="x" * 5000)) for number in range(100)]
    with pytest.raises(CourseError, match="free space"):
        store.save(many)
    assert [one.student for one in store.results()] == ["ada"]
    store._file.execute("PRAGMA max_page_count = 1000000")
    store.save(many)
    assert len(store.results()) == 101


@pytest.mark.parametrize("damage", ["head", "middle", "short"])
def test_a_damaged_file_is_told_with_its_newest_backup(path, damage):
    with Store(path) as store:
        store.save([result(f"s{number}") for number in range(300)])
        older, newest = store.backup(), store.backup()
    assert older < newest
    content = bytearray(path.read_bytes())
    if damage == "head":
        content[:100] = b"x" * 100
    elif damage == "middle":
        content[4096:40960] = os.urandom(36864)
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    with pytest.raises(CourseError, match=newest.name):
        Store(path)
    path.write_bytes(newest.read_bytes())
    with Store(path) as store:
        assert len(store.results()) == 300


def test_the_last_few_backups_are_kept_and_those_before_a_migration(store, path):
    kept = database.backup(store._file, path, "version-0")
    made = [store.backup() for _ in range(7)]
    assert database.backups(path) == sorted([kept, *made[-database.KEPT :]])


def test_a_damaged_file_without_backup_is_told_too(path):
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(CourseError, match="no backup"):
        Store(path)


def test_backups_hold_everything_and_are_no_halves(store, path):
    store.save([result()])
    copy = store.backup()
    assert copy in database.backups(path) and not list(path.parent.glob("*.part"))
    with Store(copy) as again:
        assert again.results() == store.results()


def test_an_older_store_is_backed_up_then_migrated(path, monkeypatch):
    with Store(path) as store:
        store.save([result()])
        old = store.results()
    step = ("ALTER TABLE submissions ADD COLUMN shoe TEXT", "UPDATE submissions SET shoe = '42'")
    monkeypatch.setattr(database, "STEPS", (*database.STEPS, step))
    with Store(path) as store:
        assert store.results() == old
        assert store._file.execute("SELECT shoe FROM submissions").fetchone() == ("42",)
        assert store._file.execute("PRAGMA user_version").fetchone() == (len(database.STEPS),)
    monkeypatch.undo()
    (copy,) = database.backups(path)
    with Store(copy) as store:
        assert store.results() == old
    with pytest.raises(CourseError, match="newer version"):
        Store(path)


def test_a_migration_that_fails_changes_nothing(path, monkeypatch):
    with Store(path) as store:
        store.save([result()])
    monkeypatch.setattr(database, "STEPS", (*database.STEPS, ("ALTER TABLE marks ADD COLUMN a TEXT", "nonsense")))
    with pytest.raises(CourseError):
        Store(path)
    monkeypatch.undo()
    with Store(path) as store:
        assert len(store.results()) == 1
        assert "a" not in [row[1] for row in store._file.execute("PRAGMA table_info(marks)")]


def test_another_programs_file_is_left_alone(path):
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE holidays (day TEXT)")
    file.close()
    before = path.read_bytes()
    with pytest.raises(CourseError, match="another program"):
        Store(path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_hold_a_store_is_told(tmp_path):
    with pytest.raises(CourseError, match="isn't a folder"):
        Store(tmp_path / "nowhere" / "marks.sqlite")
    with pytest.raises(CourseError, match="is a folder"):
        Store(tmp_path)


Mount = namedtuple("Mount", "device mountpoint fstype opts")


@pytest.mark.parametrize(
    ("kind", "options", "warned"),
    [
        ("nfs4", "rw", True),
        ("cifs", "rw", True),
        ("fuse.sshfs", "rw", True),
        ("9p", "rw", True),
        ("NTFS", "rw,remote", True),
        ("ext4", "rw", False),
        ("tmpfs", "rw", False),
    ],
)
def test_a_network_file_system_is_warned_of(tmp_path, monkeypatch, recwarn, kind, options, warned):
    import psutil

    mounts = [Mount("a", "/", "ext4" if warned else "nfs", "rw"), Mount("b", str(tmp_path), kind, options)]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    with Store(tmp_path / "marks.sqlite"):
        assert [("network" in str(one.message)) for one in recwarn] == [True] * warned
