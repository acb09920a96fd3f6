"""The SQLite file that marks are kept in: opened, made, migrated and backed up, and its troubles told."""

import os
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

from course_utils.errors import CourseError

OURS = 0x46544D4B  # SQLite's application_id, "FTMK": no other program's file is taken for a store
KEPT = 5  # backups that no reason of their own keeps
PATIENCE = 60  # seconds to wait while another process writes
NETWORKS = ("nfs", "cifs", "smb", "fuse.sshfs", "9p", "afs", "ceph", "lustre", "davfs", "webdav", "glusterfs")

# The n-th step leads from version n to n + 1. A step that was once released is never changed: add another.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        # saved: grows with each save; a student's greatest one is current. marks: ids of its marks, in the quiz's order
        """CREATE TABLE submissions (
            id INTEGER PRIMARY KEY, assignment TEXT NOT NULL, student TEXT NOT NULL, digest TEXT NOT NULL,
            environment TEXT NOT NULL, source TEXT NOT NULL, state TEXT NOT NULL, remarks TEXT NOT NULL,
            seconds REAL NOT NULL, tier TEXT NOT NULL, time REAL NOT NULL, saved INTEGER NOT NULL, marks TEXT NOT NULL,
            UNIQUE (assignment, student, digest, environment))""",
        "CREATE INDEX submissions_saved ON submissions (saved)",
        "CREATE INDEX submissions_latest ON submissions (assignment, student, saved)",
        # marks and acts are only ever added to: they are the history
        """CREATE TABLE marks (
            id INTEGER PRIMARY KEY, submission INTEGER NOT NULL REFERENCES submissions, item TEXT NOT NULL,
            digest TEXT NOT NULL, outcome TEXT NOT NULL, points REAL, most REAL NOT NULL, feedback TEXT NOT NULL,
            answer TEXT NOT NULL, time REAL NOT NULL)""",
        "CREATE INDEX marks_of_submission ON marks (submission, item)",
        # what people did: "mark", "regrade request" or "undo"; mark: the row of marks that they had in front of them
        """CREATE TABLE acts (
            id INTEGER PRIMARY KEY, kind TEXT NOT NULL, assignment TEXT NOT NULL, student TEXT NOT NULL,
            item TEXT NOT NULL, points REAL, text TEXT NOT NULL, by TEXT NOT NULL, mark INTEGER NOT NULL,
            time REAL NOT NULL)""",
        "CREATE INDEX acts_of_item ON acts (assignment, student, item)",
    ),
    (
        # what is decided for many: "drop" or "give" about an item, "void" about a student; the latest of a kind holds
        """CREATE TABLE decisions (
            id INTEGER PRIMARY KEY, kind TEXT NOT NULL, assignment TEXT NOT NULL, about TEXT NOT NULL,
            why TEXT NOT NULL, by TEXT NOT NULL, time REAL NOT NULL, holds INTEGER NOT NULL)""",
        "CREATE INDEX decisions_about ON decisions (assignment, kind, about)",
    ),
    (
        # of an act of kind "undo": the row of acts that it takes back
        "ALTER TABLE acts ADD COLUMN undoes INTEGER REFERENCES acts",
        "CREATE INDEX acts_undone ON acts (undoes) WHERE undoes IS NOT NULL",
    ),
    (
        # value: of a deadline its rule, of an extension its end, of "handed in" what a person says and of which file
        "ALTER TABLE decisions ADD COLUMN value TEXT NOT NULL DEFAULT ''",
        # all that was ever read of when a file came; `sure` and `mark` as of records.Arrival
        """CREATE TABLE arrivals (
            assignment TEXT NOT NULL, student TEXT NOT NULL, digest TEXT NOT NULL, time TEXT NOT NULL,
            mark TEXT NOT NULL, source TEXT NOT NULL, sure INTEGER NOT NULL, noted REAL NOT NULL,
            PRIMARY KEY (assignment, student, digest, time, mark, source)) WITHOUT ROWID""",
    ),
)


def opened(path: Path, patience: float = PATIENCE) -> sqlite3.Connection:
    """The store's file, made or migrated where need be. CourseError when it can't be used.

    patience: seconds to wait, later on, while another process writes
    """
    if not path.parent.is_dir():
        raise CourseError(
            f"{path.parent} isn't a folder: create it first, or keep the marks elsewhere.", code="grading.no-folder"
        )
    if path.is_dir():
        raise CourseError(
            f"{path} is a folder: name a file for the marks, like marks.sqlite.", code="grading.store-is-folder"
        )
    if kind := network(path):
        warnings.warn(
            f"{path.name} lies on a network file system ({kind}), where SQLite's locks may fail: keep it on a local "
            "disk, and copy a backup to the network.",
            stacklevel=3,
        )
    with told(path):
        _make_private(path)
        connection = sqlite3.connect(path, timeout=patience, isolation_level=None)
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _make_private(path: Path) -> None:
    """Marks are for their owner's eyes, whatever the umask; what SQLite puts beside the file follows it."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    if _pragma(connection, "quick_check(1)") != "ok":
        raise sqlite3.DatabaseError("its check failed")
    foreign = _pragma(connection, "application_id") != OURS
    if foreign and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise CourseError(
            f"{path} belongs to another program: name the file that holds the marks, or a new one.",
            code="grading.foreign-store",
        )
    if (version := _pragma(connection, "user_version")) > len(STEPS):
        raise CourseError(
            f"{path} was written by a newer version of the course (form {version}, and this one knows {len(STEPS)}): "
            "update the course.",
            code="grading.newer-store",
        )
    _patiently(connection, "PRAGMA journal_mode = WAL")
    if version == len(STEPS):
        return
    if version:
        backup(connection, path, f"before-form-{len(STEPS)}")
    with transaction(connection, "IMMEDIATE"):
        version = _pragma(connection, "user_version")  # again: another process may have been faster
        for number, step in enumerate(STEPS[version:], version + 1):
            for statement in step:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {OURS}")


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _patiently(connection: sqlite3.Connection, statement: str) -> None:
    """A change of the journal doesn't wait for others by itself."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)


@contextmanager
def transaction(connection: sqlite3.Connection, kind: Literal["IMMEDIATE", "DEFERRED"]) -> Iterator[None]:
    """All of it holds, or nothing. IMMEDIATE: nobody else writes meanwhile; DEFERRED: what others write isn't seen."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise


@contextmanager
def told(path: Path) -> Iterator[None]:
    """SQLite's errors as sentences that say what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:  # the file itself is sound
        reason = str(error)
        if "full" in reason:
            advice = "nothing of this step was kept: free space on its disk, and repeat the command"
        elif "locked" in reason:
            advice = "another process writes to it: wait until that is done, and repeat the command"
        elif "readonly" in reason:
            advice = "let yourself write to the file and to its folder"
        else:
            advice = "see that its disk is there, and that you may read and write the file and its folder"
        raise CourseError(
            f"The marks in {path} can't be read or written ({reason}): {advice}.", code="grading.store-failed"
        ) from None
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise  # an error of ours: the file has no part in it
    except sqlite3.DatabaseError as error:
        newest = max(backups(path), default=None)
        advice = f"copy the newest backup, {newest}, over it" if newest else "there is no backup beside it: grade again"
        raise CourseError(
            f"The marks in {path} are damaged ({error}): move the file and its -wal and -shm away, then {advice}.",
            code="grading.damaged-store",
        ) from None


def backups(path: Path) -> list[Path]:
    """The backups beside a store, oldest first."""
    return sorted(path.parent.glob(f"{_escaped(path.stem)}.backup-*{_escaped(path.suffix)}"))


def _escaped(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def backup(connection: sqlite3.Connection, path: Path, why: str = "") -> Path:
    """A copy of all that is committed, beside the store, named by the time; others may write meanwhile."""
    now = time.time_ns()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now // 10**9)) + f"-{now // 1000 % 1_000_000:06d}"
    copy = path.with_name(f"{path.stem}.backup-{stamp}{f'-{why}' if why else ''}{path.suffix}")
    part = copy.with_name(copy.name + ".part")
    try:
        _make_private(part)
        with closing(sqlite3.connect(part)) as target:
            connection.backup(target)
        part.replace(copy)  # a backup that was cut short never looks like one
    finally:
        part.unlink(missing_ok=True)
    return copy


def thin_out(path: Path) -> None:
    """Remove all but the last KEPT backups, and none that was made for a reason of its own."""
    plain = [file for file in backups(path) if file.stem.rpartition(".backup-")[2].count("-") == 2]
    for file in plain[:-KEPT]:
        file.unlink(missing_ok=True)


def network(path: Path) -> str:
    """The kind of network file system that a path lies on, or ""."""
    import psutil

    real = path.resolve()
    try:
        mounts = [one for one in psutil.disk_partitions(all=True) if real.is_relative_to(one.mountpoint)]
    except OSError:  # no list of mounts to be had
        return ""
    # the deepest mount holds the path; of two on one folder the later one is seen
    here = max(enumerate(mounts), key=lambda one: (len(one[1].mountpoint), one[0]), default=None)
    if here is None:
        return ""
    kind, options = here[1].fstype.lower(), here[1].opts.split(",")
    return kind or "network" if kind.startswith(NETWORKS) or "remote" in options else ""
