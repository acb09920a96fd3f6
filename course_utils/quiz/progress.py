"""What a learner has answered, in one small SQLite file on this machine; nothing is sent anywhere.

Several notebooks may write at once, and a killed kernel loses at most the answer it was writing: SQLite sees to both.
Where no file can be written, such as in a home that is read-only, answers are kept in memory for as long as the session
lasts, and a sentence says so.
"""

import glob
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any

from course_utils.environment import progress_file
from course_utils.errors import CourseError

TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    item TEXT NOT NULL, time REAL NOT NULL, right INTEGER NOT NULL, answer TEXT NOT NULL, hints INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS answers_of_item ON answers (item, time);
CREATE TABLE IF NOT EXISTS guesses (item TEXT PRIMARY KEY, time REAL NOT NULL, guess REAL NOT NULL);
CREATE TABLE IF NOT EXISTS hints (item TEXT PRIMARY KEY, seen INTEGER NOT NULL);
"""
PATIENCE = 10  # seconds to wait while another notebook writes
DAY = timedelta(days=1)
# Days until a missed item comes again, by how often in a row it has been right since: Leitner's boxes.
# Leitner, So lernt man lernen, 1972; the doubling and more of the gaps follows Pimsleur's memory schedule of 1967.
GAPS = (0, 1, 3, 7, 21)


@dataclass(frozen=True)
class Standing:
    """How one item stands: tries, right at the first and at the last one, when to see it again, when answered."""

    item: str
    tries: int
    needed: int  # tries until the first right one, so that running a check again doesn't add to them
    first_right: bool
    last_right: bool
    due: datetime | None  # None: never missed, or right so often that it need not come again
    began: datetime  # the first try
    latest: datetime


_watching: list[Callable[[], None]] = []


def watch(changed: Callable[[], None]) -> None:
    """Have `changed` called after each answer that this process records."""
    _watching.append(changed)


@contextmanager
def _store(to_write: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the file, made or mended where need be, in one transaction; where there can't be one, what is in memory."""
    path = progress_file()
    connection = _in_memory.get(path) or _opened_or_in_memory(path, to_write)
    try:
        with connection:
            yield connection
    except sqlite3.Error as error:
        if _is_unwritable(error) and path not in _in_memory:
            _keep_in_memory(path, str(error))  # for the next attempt
        raise _unusable(error) from None
    finally:
        if connection is not _in_memory.get(path):
            connection.close()


def _write(*statements: tuple[str, list]) -> None:
    """Write rows, all or none; into memory, where the disk turns out to be full."""
    try:
        with _store(to_write=True) as store:
            for statement, row in statements:
                store.execute(statement, row)
    except CourseError:
        if progress_file() not in _in_memory:
            raise
        with _store() as store:
            for statement, row in statements:
                store.execute(statement, row)


def _opened_or_in_memory(path: Path, to_write: bool) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _opened(path, to_write)
    except sqlite3.OperationalError as error:  # locked, read-only, disk full: the file itself is sound
        if not _is_unwritable(error):
            raise _unusable(error) from None
        return _keep_in_memory(path, str(error))
    except OSError as error:
        return _keep_in_memory(path, error.strerror or str(error))
    except sqlite3.DatabaseError:
        with suppress(OSError):
            return _set_aside(path)
        return _keep_in_memory(path, "it is damaged, and its folder is read-only")


_in_memory: dict[Path, sqlite3.Connection] = {}  # progress that has no file to be written to, by the file's name
_UNWRITABLE = {sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL}
_UNWRITABLE |= {sqlite3.SQLITE_CANTOPEN}


def _is_unwritable(error: sqlite3.Error) -> bool:
    """Whether the file is sound, and there is no way to write it: it is read-only, or the disk is full."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNWRITABLE


def _keep_in_memory(path: Path, reason: str) -> sqlite3.Connection:
    """Go on without a file, with what is in it if it can be read, and say so once."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.executescript(TABLES)
    for how in ("mode=ro", "mode=ro&immutable=1"):  # the second one where not even a lock can be made beside it
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as file:
            known = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
            for table in known & {"answers", "guesses", "hints"}:
                for row in file.execute(f"SELECT * FROM {table}"):
                    connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
            break
    _in_memory[path] = connection
    _say(
        f"Your progress can't be written ({reason}), so what you answer now lasts as long as this session: to keep it, "
        "name a file elsewhere in COURSE_PROGRESS."
    )
    return connection


def _say(sentence: str) -> None:
    """Write to stderr, since what a command prints may be piped into a file."""
    print(sentence, file=sys.stderr)


def _unusable(error: sqlite3.Error) -> CourseError:
    return CourseError(
        f"Your progress can't be read or written ({error}): free its file, or name another in COURSE_PROGRESS.",
        code="quiz.progress-file",
    )


def _opened(path: Path, to_write: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE)
    try:
        _write_ahead(connection)
        if (state := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(state)
        connection.executescript(TABLES)
        if to_write:
            connection.execute("BEGIN IMMEDIATE")  # says at once what writing would say later
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
    _say(f"The file with your progress was damaged: it is kept as {kept.name}, and a new one begins.")
    return _opened(path)


def record(item: str, right: bool, answer: object = None, hints: int = 0) -> None:
    """Note one try at an item; `answer` is anything that JSON can hold, and `hints` were seen before it."""
    row = [item, time.time(), int(right), json.dumps(answer)[:1000], hints]
    # the row says how many hints there were; what stands in `hints` is what was seen since the last try
    _write(("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", row), ("DELETE FROM hints WHERE item = ?", [item]))
    for changed in _watching:
        changed()


def keep_guess(item: str, guess: float) -> None:
    """Note a guess; a later one takes its place."""
    _write(("INSERT OR REPLACE INTO guesses VALUES (?, ?, ?)", [item, time.time(), guess]))


def keep_hints(item: str, seen: int) -> None:
    """Note how many hints were seen for the next try at an item."""
    _write(("INSERT OR REPLACE INTO hints VALUES (?, ?)", [item, seen]))


def hints_seen(item: str) -> int:
    """Give how many hints were seen for the next try, or for the last one if it was wrong."""
    with _store() as store:
        row = (
            store.execute("SELECT seen FROM hints WHERE item = ?", [item]).fetchone()
            or store.execute(
                "SELECT (1 - right) * hints FROM answers WHERE item = ? ORDER BY rowid DESC", [item]
            ).fetchone()
        )
    return row[0] if row else 0


def misses(item: str) -> int:
    """Count the wrong tries at an item since it was last right."""
    since = "coalesce((SELECT max(rowid) FROM answers WHERE item = :item AND right), 0)"
    with _store() as store:
        found = store.execute(f"SELECT count(*) FROM answers WHERE item = :item AND rowid > {since}", {"item": item})
        return found.fetchone()[0]


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
    began, latest = (datetime.fromtimestamp(when).astimezone() for when, _ in (tries[0], tries[-1]))
    needed = right.index(True) + 1 if any(right) else len(right)
    return Standing(item, len(tries), needed, right[0], right[-1], due, began, latest)


def due_items(now: datetime | None = None) -> list[str]:
    """List the missed items to see again today, longest overdue first; days begin at the learner's own midnight."""
    now = (now or datetime.now()).astimezone()
    due = [standing for standing in standings().values() if standing.due and standing.due.date() <= now.date()]
    return [standing.item for standing in sorted(due, key=lambda standing: (standing.due, standing.item))]


def export() -> dict:
    """Give everything the file holds, for JSON."""
    with _store() as store:
        answers = store.execute("SELECT item, time, right, answer, hints FROM answers ORDER BY rowid").fetchall()
        guesses = store.execute("SELECT item, time, guess FROM guesses ORDER BY item").fetchall()
        hints = store.execute("SELECT item, seen FROM hints ORDER BY item").fetchall()
    names = ("item", "time", "right", "answer", "hints")
    return {
        "answers": [dict(zip(names, row, strict=True)) for row in answers],
        "guesses": [dict(zip(("item", "time", "guess"), row, strict=True)) for row in guesses],
        "hints": [dict(zip(("item", "seen"), row, strict=True)) for row in hints],
    }


def bring(content: object) -> int:
    """Add what `export`, or the course's site, has written elsewhere; answers that are here already are left out.

    Returns
    -------
    int
        How many answers were new.

    Raises
    ------
    CourseError
        `quiz.no-answers` for anything else.
    """
    try:
        rows = [_answer_row(one) for one in content["answers"]]  # type: ignore[index]
        guesses = [[str(one["item"]), float(one["time"]), float(one["guess"])] for one in content["guesses"]]  # type: ignore[index]
        hints = [[str(one["item"]), int(one["seen"])] for one in content.get("hints", [])]  # type: ignore[attr-defined]
    except (KeyError, TypeError, ValueError):
        raise CourseError(
            "This file holds no answers: give one that `course progress export` or the course's site has written.",
            code="quiz.no-answers",
        ) from None
    with _store(to_write=True) as store:
        known = set(store.execute("SELECT item, time FROM answers"))
        fresh = [row for row in rows if (row[0], row[1]) not in known]
        merged = [*store.execute("SELECT item, time, right, answer, hints FROM answers ORDER BY rowid"), *fresh]
        store.execute("DELETE FROM answers")  # written anew, since their order is that of the rows
        store.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", sorted(merged, key=_time_of))
        store.executemany("INSERT OR IGNORE INTO guesses VALUES (?, ?, ?)", guesses)
        store.executemany("INSERT OR IGNORE INTO hints VALUES (?, ?)", hints)
    for changed in _watching:
        changed()
    return len(fresh)


def _time_of(row: Any) -> float:
    return row[1]


def _answer_row(one: dict) -> list:
    """An answer as the table holds it; KeyError, TypeError or ValueError for what is none."""
    if not isinstance(one["answer"], str):
        raise TypeError
    return [str(one["item"]), float(one["time"]), int(one["right"]), one["answer"][:1000], int(one["hints"])]


def erase() -> bool:
    """Delete the file, and damaged ones that were kept, and what is in memory; True when there was any."""
    path = progress_file()
    if (connection := _in_memory.pop(path, None)) is not None:
        connection.close()
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
