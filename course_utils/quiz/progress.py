"""What a learner has answered, in one small SQLite file on this machine; nothing is sent anywhere.

Several notebooks may write at once, and a killed kernel loses at most the answer it was writing: SQLite sees to both.
"""

import glob
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep

from course_utils.environment import progress_file
from course_utils.errors import CourseError

TABLES = """
CREATE TABLE IF NOT EXISTS learner (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
    item TEXT NOT NULL, time REAL NOT NULL, right INTEGER NOT NULL, answer TEXT NOT NULL, hints INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS answers_of_item ON answers (item, time);
CREATE TABLE IF NOT EXISTS guesses (item TEXT PRIMARY KEY, time REAL NOT NULL, guess REAL NOT NULL);
"""
PATIENCE = 10  # seconds to wait while another notebook writes
DAY = timedelta(days=1)
# Days until a missed item comes again, by how often in a row it has been right since: Leitner's boxes.
# Leitner, So lernt man lernen, 1972; the doubling and more of the gaps follows Pimsleur's memory schedule of 1967.
GAPS = (0, 1, 3, 7, 21)


@dataclass(frozen=True)
class Standing:
    """How one item stands: answered how often, right at the first and at the last try, when to see it again."""

    item: str
    tries: int
    first_right: bool
    last_right: bool
    due: datetime | None  # None: never missed, or right so often that it need not come again


_watching: list[Callable[[], None]] = []


def watch(changed: Callable[[], None]) -> None:
    """Have `changed` called after each answer that this process records."""
    _watching.append(changed)


@contextmanager
def _store() -> Iterator[sqlite3.Connection]:
    """Open the file, made or mended where need be, in one transaction."""
    path = progress_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _opened(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, read-only, disk full: the file itself is sound
            raise _unusable(error) from None
        connection = _set_aside(path)
    except OSError as error:
        reason = error.strerror or error
        raise CourseError(
            f"Your progress has no folder to be kept in ({reason}): name a file elsewhere in COURSE_PROGRESS.",
            code="quiz.progress-folder",
        ) from None
    try:
        with closing(connection), connection:
            yield connection
    except sqlite3.Error as error:
        raise _unusable(error) from None


def _unusable(error: sqlite3.Error) -> CourseError:
    return CourseError(
        f"Your progress can't be read or written ({error}): free its file, or name another in COURSE_PROGRESS.",
        code="quiz.progress-file",
    )


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE)
    try:
        _write_ahead(connection)
        if (state := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(state)
        connection.executescript(TABLES)
        if not connection.execute("SELECT 1 FROM learner").fetchone():
            with connection:
                connection.execute(
                    "INSERT INTO learner SELECT ? WHERE NOT EXISTS (SELECT 1 FROM learner)", [uuid.uuid4().hex]
                )
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log, for which SQLite itself doesn't wait while another process makes the file."""
    for _ in range(round(100 * PATIENCE)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
        sleep(0.01)
    connection.execute("PRAGMA journal_mode = WAL")


def _set_aside(path: Path) -> sqlite3.Connection:
    """Keep a damaged file under another name, and begin a new one."""
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    for rest in ("", "-wal", "-shm"):  # the newest answers may stand in -wal
        with suppress(FileNotFoundError):
            path.with_name(path.name + rest).replace(kept.with_name(kept.name + rest))
    print(f"The file with your progress was damaged: it is kept as {kept.name}, and a new one begins.")
    return _opened(path)


def learner() -> str:
    """Give the random name made for this file; it only makes the order of options the learner's own."""
    with _store() as store:
        return store.execute("SELECT id FROM learner").fetchone()[0]


def record(item: str, right: bool, answer: object = None, hints: int = 0) -> None:
    """Note one try at an item; `answer` is anything that JSON can hold, and `hints` were seen before it."""
    with _store() as store:
        row = [item, time.time(), int(right), json.dumps(answer)[:1000], hints]
        store.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", row)
    for changed in _watching:
        changed()


def keep_guess(item: str, guess: float) -> None:
    """Note a guess; a later one takes its place."""
    with _store() as store:
        store.execute("INSERT OR REPLACE INTO guesses VALUES (?, ?, ?)", [item, time.time(), guess])


def guess_of(item: str) -> float | None:
    """Give the guess noted for an item."""
    with _store() as store:
        row = store.execute("SELECT guess FROM guesses WHERE item = ?", [item]).fetchone()
    return row[0] if row else None


def last_answer(item: str) -> tuple[bool, object] | None:
    """Give (right, answer) of the last try at an item."""
    with _store() as store:
        row = store.execute("SELECT right, answer FROM answers WHERE item = ? ORDER BY rowid DESC", [item]).fetchone()
    if not row:
        return None
    try:
        return bool(row[0]), json.loads(row[1])
    except ValueError:  # cut off at its length
        return bool(row[0]), None


def standings() -> dict[str, Standing]:
    """Tell how each answered item stands, by id."""
    with _store() as store:
        rows = store.execute("SELECT item, time, right FROM answers ORDER BY item, rowid").fetchall()
    tries: dict[str, list[tuple[float, bool]]] = {}
    for item, when, right in rows:
        tries.setdefault(item, []).append((when, bool(right)))
    return {item: _standing(item, all_of_it) for item, all_of_it in tries.items()}


def _standing(item: str, tries: list[tuple[float, bool]]) -> Standing:
    right = [was for _, was in tries]
    due = None
    if not all(right):
        since = right[::-1].index(False)  # how often right since the last miss
        if since < len(GAPS):
            due = datetime.fromtimestamp(tries[-1][0]).astimezone() + GAPS[since] * DAY
    return Standing(item, len(tries), right[0], right[-1], due)


def due_items(now: datetime | None = None) -> list[str]:
    """List the missed items to see again today, longest overdue first; days begin at the learner's own midnight."""
    now = (now or datetime.now()).astimezone()
    due = [standing for standing in standings().values() if standing.due and standing.due.date() <= now.date()]
    return [standing.item for standing in sorted(due, key=lambda standing: (standing.due, standing.item))]


def export() -> dict:
    """Give everything the file holds, for JSON."""
    with _store() as store:
        answers = store.execute("SELECT item, time, right, answer, hints FROM answers ORDER BY rowid").fetchall()
        whose = store.execute("SELECT id FROM learner").fetchone()[0]
        guesses = store.execute("SELECT item, time, guess FROM guesses ORDER BY item").fetchall()
    names = ("item", "time", "right", "answer", "hints")
    return {
        "learner": whose,
        "answers": [dict(zip(names, row, strict=True)) for row in answers],
        "guesses": [dict(zip(("item", "time", "guess"), row, strict=True)) for row in guesses],
    }


def erase() -> bool:
    """Delete the file, and damaged ones that were kept; True when there was any."""
    path = progress_file()
    files = [path, *(path.with_name(path.name + rest) for rest in ("-wal", "-shm"))]
    files += path.parent.glob(f"{glob.escape(path.name)}.damaged-*")
    there = [file for file in files if file.exists()]
    try:
        for file in there:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise CourseError(
            f"Your progress can't be deleted ({error.strerror}): free {file.name}, then try again.",
            code="quiz.progress-file",
        ) from None
    return bool(there)
