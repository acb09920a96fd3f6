"""Where an Optuna study is kept: a journal file or a database, opened so that a wrong one is refused and left alone."""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, get_storage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study, StudyDirection

from course_utils.environment import data_dir
from course_utils.errors import CourseError

Space = Mapping[str, BaseDistribution]
BEGINNING = b'{"op_code":'  # of each record of a journal
WAIT = 60  # seconds that a process waits for another one's write
# What databases are reached with, as SQLAlchemy expects it. SQLite's comes with Python.
DRIVERS = {"postgresql": "psycopg[binary]", "mysql": "pymysql", "mariadb": "pymysql"}


@dataclass(frozen=True)
class Place:
    """An opened storage. `lock` keeps the processes of this machine from claiming one trial twice."""

    storage: BaseStorage
    lock: FileLock
    called: str  # how messages name it, without a password
    is_file: bool  # so whoever uses it takes the lock; a server's clients on other machines have locks of their own


class Locked:
    """What a journal asks for around each write. The system frees such a lock when its process dies, however it dies.

    Optuna's own locks are files that a killed process leaves behind, and symbolic links that Windows refuses.
    """

    def __init__(self, lock: FileLock):
        self.lock = lock

    def acquire(self) -> bool:
        self.lock.acquire()
        return True

    def release(self) -> None:
        self.lock.release()


def default_file(name: str) -> Path:
    """The journal that holds a study where no storage is named."""
    return data_dir() / "studies" / f"{name}.journal"


def open_place(storage: str | Path) -> Place:
    """The storage of that name: a file's name for a journal, or a URL such as sqlite:///studies.db.

    Raises CourseError, and changes nothing, for a damaged file, an unknown kind of URL, a driver that is not installed
    and a server that doesn't answer. A last record that was cut off while it was written is taken off first.
    """
    name = str(storage)
    return _database(name) if "://" in name else _journal(Path(name).expanduser())


def _journal(file: Path) -> Place:
    if not file.parent.is_dir():
        raise CourseError(f"There is no folder {file.parent} for the study: make it, or name another file.")
    if file.is_dir():
        raise CourseError(f"{file} is a folder: name a file in it that shall hold the study.")
    lock = FileLock(f"{file}.lock", timeout=WAIT)
    try:
        with lock:
            _end_cleanly(file)
            if file.exists():
                _check_records(file)
            storage = JournalStorage(JournalFileBackend(str(file), lock_obj=Locked(lock)))
    except OSError as problem:  # a lock that others hold for too long is one, too
        reason = problem.strerror or "another process holds it"
        raise CourseError(f"The study file {file} can't be used ({reason}): name another file.") from None
    except Exception as problem:
        raise CourseError(_damaged(file)) from problem
    return Place(storage, lock, str(file), is_file=True)


def _damaged(file: str | Path) -> str:
    return (
        f"{file} is damaged or no study: give the name of another file, or of a copy from before; this one was left "
        "as it is."
    )


def _check_records(file: Path) -> None:
    """Raise ValueError where a line is no record, or the first one makes no study (kind 0): Optuna would go on."""
    for number, line in enumerate(file.read_bytes().splitlines()):
        record = json.loads(line)
        if not isinstance(record, dict) or not isinstance(kind := record.get("op_code"), int) or (not number and kind):
            raise ValueError(line)


def _end_cleanly(file: Path) -> None:
    """Take off a last record without its end: the process was killed in the middle of writing it.

    Left there, the next record would be written on its line, and the whole file would be unreadable.
    """
    if not file.is_file() or not (content := file.read_bytes()) or content.endswith(b"\n"):
        return
    whole, _, cut = content.rpartition(b"\n")
    if whole and cut.startswith(BEGINNING[: len(cut)]):
        with file.open("r+b") as opened:
            opened.truncate(len(whole) + 1)


def without_password(url: str) -> str:
    """A storage as it may be printed."""
    return re.sub(r"(password=)[^&]*", r"\1***", re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url))


def _database(url: str) -> Place:
    called = without_password(url)
    kind = re.split(r"[+:]", url)[0]
    if kind == "sqlite":
        options, beside = {"connect_args": {"timeout": WAIT}}, Path(url.partition(":///")[2].partition("?")[0])
        _check_sqlite(beside)
    else:
        options, beside = {"pool_pre_ping": True}, Path(tempfile.gettempdir()) / f"study-{_digest(url)}"
    lock = FileLock(f"{beside}.lock", timeout=WAIT)
    try:
        with lock:  # two that make the tables of a new database would collide
            storage = get_storage(RDBStorage(url, engine_kwargs=options))
    except Exception as problem:
        raise CourseError(_unreachable(called, kind, problem)) from problem
    return Place(storage, lock, called, is_file=kind == "sqlite")


def _check_sqlite(file: Path) -> None:
    """Refuse a file that is no database before anything opens it for writing."""
    if not file.name or not file.parent.is_dir():
        raise CourseError(f"There is no folder {file.parent} for the study: name a file, as in sqlite:///studies.db.")
    if file.exists():
        try:
            with file.open("rb") as opened:
                if (start := opened.read(16)) and start != b"SQLite format 3\0":
                    raise CourseError(_damaged(file))
        except OSError as problem:
            raise CourseError(f"The study file {file} can't be used ({problem.strerror}): name another file.") from None


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _unreachable(called: str, kind: str, problem: Exception) -> str:
    """Why a database can't be had, and what to do. SQLAlchemy's errors are told by name: it is Optuna's affair."""
    what = type(problem).__name__
    if isinstance(problem, ImportError):
        driver = DRIVERS.get(kind) or problem.name
        install = f"install it with `pip install '{driver}'`" if driver else "install the one that the URL names"
        return f"{called} needs a package that isn't installed: {install}, or name a file for the study."
    if what in ("NoSuchModuleError", "ArgumentError", "ValueError"):
        return (
            f"{called} is no storage that Optuna knows: give a file's name, sqlite:///studies.db, or the URL of a "
            "PostgreSQL or MySQL database."
        )
    if kind == "sqlite" and what == "DatabaseError":
        return _damaged(called)
    if isinstance(problem, RuntimeError):
        return f"{called} was made by another version of Optuna: name another storage, or run `optuna storage upgrade`."
    reason = str(getattr(problem, "orig", None) or problem).strip().splitlines()[0].rstrip(".")
    return f"The storage {called} can't be reached ({reason}): check its address, or name a file for the study."


def described(place: Place, name: str) -> dict | None:
    """What a study belongs to, as stored with it (task, space); None where the storage has no such study."""
    with quiet():
        known = {study.study_name: study for study in place.storage.get_all_studies()}
    return dict(known[name].user_attrs) if name in known else None


def open_study(place: Place, name: str, task: Mapping, space: Space) -> Study:
    """The study of that name, made if it isn't there; its best value is its highest.

    task: what is tuned and on which data, as JSON would hold it; kept with the study, together with the space
    Raises CourseError, and changes nothing, when the study that is there has another task or space.
    """
    wanted = {
        "task": json.loads(json.dumps(task)),
        "space": {setting: json.loads(distribution_to_json(each)) for setting, each in sorted(space.items())},
    }
    with place.lock, quiet():
        found = described(place, name)
        if found is not None:
            study = optuna.load_study(study_name=name, storage=place.storage)
            half_made = found.keys() < wanted.keys() and not study.get_trials(deepcopy=False)
            if study.direction != StudyDirection.MAXIMIZE or not (half_made or found.items() >= wanted.items()):
                raise CourseError(_another(place, name, found, wanted))
        else:
            study = optuna.create_study(study_name=name, storage=place.storage, direction="maximize")
        for key, value in wanted.items():
            if study.user_attrs.get(key) != value:
                study.set_user_attr(key, value)
    return study


def _another(place: Place, name: str, found: Mapping, wanted: Mapping) -> str:
    """Which part differs, in one sentence."""
    differing = []
    for part in wanted:
        ours, theirs = wanted[part], found.get(part)
        if not isinstance(theirs, dict):
            differing = ["it was not made by this course"]
            break
        keys = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
        differing += [f"the {part} differs in {', '.join(keys)}"] if keys else []
    return (
        f"{place.called} holds a study {name!r} of another search ({'; '.join(differing) or 'it minimizes'}): name "
        "another storage, or search as that study does."
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its notes on each study and trial."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
