"""Where an Optuna study is kept: a SQLite file or a database server, opened so that a wrong one is left untouched."""

import json
import os
import re
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.study import Study, StudyDirection
from sqlalchemy import URL, make_url

from course_utils.environment import data_dir
from course_utils.errors import CourseError

Space = Mapping[str, BaseDistribution]
HEARTBEAT = 2  # seconds between two signs of life of a running trial
GRACE = 10  # seconds without one until a trial is taken for lost
WAIT = 60  # seconds that a process waits for another one's write
# The package that connects to a database, as SQLAlchemy expects it. SQLite's comes with Python.
DRIVERS = {"postgresql": "psycopg[binary]", "mysql": "pymysql", "mariadb": "pymysql"}


@dataclass(frozen=True)
class Address:
    """Where a study is kept; nothing is opened yet.

    Parameters
    ----------
    url : str
        The address as SQLAlchemy takes it.
    label : str
        How messages name it, without a password.
    file : Path or None
        The SQLite file; None for a database server.
    """

    url: str
    label: str
    file: Path | None

    @property
    def kind(self) -> str:
        """The database's name in the URL, e.g. "postgresql"."""
        return re.split(r"[+:]", self.url)[0]

    def creation_lock(self) -> AbstractContextManager:
        """Two processes that create the tables of one file would collide; a server's clients take their chance."""
        return FileLock(f"{self.file}.lock", timeout=WAIT) if self.file else nullcontext()


def find_address(storage: str | Path | None, name: str) -> Address:
    """Turn a file's name or an Optuna URL into the address of a study.

    Parameters
    ----------
    storage : str, Path or None
        A SQLite file's name, or a URL such as ``sqlite:///studies.db``; the study's own file in the data folder if
        None.
    name : str
        The study's name.
    """
    if storage is None:
        storage = _own_file(name)
    text = str(storage)
    if "://" not in text:
        if "?" in text:  # where the options of a URL begin
            raise CourseError(
                f"{text} can't hold a study, since a question mark is in its name: name another file.",
                code="experiments.storage-unusable",
            )
        file = Path(os.path.expanduser(text))
        return Address(_render(URL.create("sqlite", database=str(file))), str(file), file)
    if re.match(r"sqlite[+:]", text) is None:
        return Address(text, without_password(text), None)
    url = make_url(text)
    file = Path(os.path.expanduser(url.database or ""))
    return Address(_render(url.set(database=str(file)) if url.database else url), without_password(text), file)


def _render(url: URL) -> str:
    """A URL as text, in which signs such as % are written as SQLAlchemy reads them."""
    return url.render_as_string(hide_password=False)


def _own_file(name: str) -> Path:
    """The file of a study in the data folder, which is made if it isn't there."""
    file = data_dir() / "studies" / f"{name}.db"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise CourseError(
            f"The data folder can't hold a study ({problem.strerror}): name a file for it as the storage, or in "
            "COURSE_DATA_DIR a folder that you may write to.",
            code="experiments.no-folder",
        ) from problem
    return file


def without_password(url: str) -> str:
    """A storage's URL as it may be printed: SQLAlchemy's own masking misses a bare "@" and ``?password=``."""
    return re.sub(r"(password=)[^&]*", r"\1***", re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url))


def open_storage(address: Address) -> RDBStorage:
    """Open an address, whose tables are made if they aren't there.

    Trials that run in it are watched by Optuna's heartbeat, and those whose process has died are queued again.

    Raises
    ------
    CourseError
        For a damaged or foreign file, an unknown kind of URL, a driver that isn't installed, and a server that doesn't
        answer. The file stays as it was.
    """
    # A server may close a connection that was idle for the length of a trial: each one is tried before it is used.
    options: dict = {"connect_args": {"timeout": WAIT}} if address.file else {"pool_pre_ping": True}
    if address.file:
        _check_file(address.file)
    try:
        with address.creation_lock(), quiet():
            return RDBStorage(
                address.url.replace("{", "{{").replace("}", "}}"),  # Optuna formats it
                engine_kwargs=options,
                heartbeat_interval=HEARTBEAT,
                grace_period=GRACE,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
            )
    except Exception as problem:
        raise _refusal(address, problem) from problem


def _check_file(file: Path) -> None:
    """Refuse what is no SQLite database, or a broken one, before anything is written."""
    if file.is_dir():
        raise CourseError(
            f"{file} is a folder: name a file in it that shall hold the study.", code="experiments.storage-unusable"
        )
    if not file.parent.is_dir():
        raise CourseError(
            f"There is no folder {file.parent} for the study: make it, or name a file in another folder.",
            code="experiments.no-folder",
        )
    if not file.exists():
        return
    try:
        if file.read_bytes()[:11] == b'{"op_code":':
            raise CourseError(
                f"{file} is a journal of an earlier version of the course, which keeps studies in SQLite files now: "
                "name another file to search anew, or copy the study into one with `optuna.copy_study`.",
                code="experiments.journal",
            )
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=rw", timeout=WAIT, uri=True)) as opened:
            verdict = opened.execute("pragma quick_check").fetchone()[0]
    except (OSError, sqlite3.OperationalError) as problem:
        raise CourseError(
            f"The study file {file} can't be used ({getattr(problem, 'strerror', None) or problem}): name another "
            "file.",
            code="experiments.storage-unusable",
        ) from problem
    except sqlite3.DatabaseError:
        verdict = "not a database"
    if verdict != "ok":
        raise _damaged(str(file))


def _damaged(label: str) -> CourseError:
    return CourseError(
        f"{label} is damaged or no study: give the name of another file, or of a copy from before; this one was left "
        "as it is.",
        code="experiments.storage-damaged",
    )


def _refusal(address: Address, problem: Exception) -> CourseError:
    """Why a database can't be had, and what to do. SQLAlchemy's errors are told by name: it is Optuna's affair."""
    kind = type(problem).__name__
    if isinstance(problem, Timeout):
        return CourseError(
            f"The study file {address.label} can't be used (another process holds it): name another file.",
            code="experiments.storage-unusable",
        )
    if isinstance(problem, ImportError):
        driver = DRIVERS.get(address.kind) or problem.name
        install = f"install it with `pip install '{driver}'`" if driver else "install the one that the URL names"
        return CourseError(
            f"{address.label} needs a package that isn't installed: {install}, or name a file for the study.",
            code="experiments.driver-missing",
        )
    if kind in ("NoSuchModuleError", "ArgumentError", "ValueError"):
        return CourseError(
            f"{address.label} is no storage that Optuna knows: give a file's name, sqlite:///studies.db, or the URL of "
            "a PostgreSQL or MySQL database.",
            code="experiments.storage-unknown",
        )
    if address.file and kind == "DatabaseError":
        return _damaged(address.label)
    if isinstance(problem, RuntimeError):
        return CourseError(
            f"{address.label} was made by another version of Optuna: name another storage, or run `optuna storage "
            "upgrade`.",
            code="experiments.storage-version",
        )
    reason = str(getattr(problem, "orig", None) or problem).strip().splitlines()[0].rstrip(".")
    return CourseError(
        f"The storage {address.label} can't be reached ({reason}): check its address, or name a file for the study.",
        code="experiments.storage-unreachable",
    )


def study_attributes(address: Address, name: str) -> dict | None:
    """Read what a study belongs to (its task and space); None where there is no such study, and none is made."""
    if address.file and not address.file.exists() and address.file.parent.is_dir():
        return None
    return _attributes(open_storage(address), name)


def _attributes(storage: RDBStorage, name: str) -> dict | None:
    for study in storage.get_all_studies():
        if study.study_name == name:
            return dict(study.user_attrs)
    return None


def open_study(storage: RDBStorage, address: Address, name: str, task: Mapping, space: Space) -> Study:
    """Load the study of that name, or create it; its best value is its highest.

    Parameters
    ----------
    storage : RDBStorage
        The opened address.
    address : Address
        Where that is, for the message.
    name : str
        The study's name.
    task : Mapping
        What is tuned and on which data, as JSON holds it; kept with the study, together with the space.
    space : Mapping
        A distribution for each setting.

    Raises
    ------
    CourseError
        When there is a study of that name with another task or space; nothing is changed.
    """
    wanted = {
        "task": json.loads(json.dumps(task, default=_plain)),
        "space": {setting: json.loads(distribution_to_json(each)) for setting, each in sorted(space.items())},
    }
    with address.creation_lock(), quiet():
        found = _attributes(storage, name)
        study = optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)
        # The process that created it may have died before it noted what the study is for.
        half_made = found is not None and found.keys() < wanted.keys() and not study.get_trials(deepcopy=False)
        if found is None or half_made:
            for key, value in wanted.items():
                study.set_user_attr(key, value)
        elif study.direction != StudyDirection.MAXIMIZE or not found.items() >= wanted.items():
            raise CourseError(
                f"{address.label} holds a study {name!r} of another search ({_difference(found, wanted)}): name "
                "another storage, or search as that study does.",
                code="experiments.study-of-another-task",
            )
    return study


def _plain(value: Any) -> Any:
    """A number of NumPy's or torch's as Python's own, which JSON can hold; anything else as it is written."""
    return value.item() if hasattr(value, "item") else repr(value)


def _difference(found: Mapping, wanted: Mapping) -> str:
    """Which settings of the task and of the space differ."""
    differing = []
    for part, ours in wanted.items():
        theirs = found.get(part)
        if not isinstance(theirs, dict):
            return "it was not made by this course"
        keys = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
        if keys:
            differing.append(f"the {part} differs in {', '.join(keys)}")
    return "; ".join(differing) or "it minimizes"


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its notes on each study and trial, and on the heartbeat, which it calls experimental."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
