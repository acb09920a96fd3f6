"""Storages and studies that a search can't use are refused in one sentence, and left as they were."""

import sqlite3
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from support.errors import refused
from support.searches import SPACE, height

from course_utils.errors import CourseError
from course_utils.experiments.search import find_address, storage, study_attributes, tune, without_password


@pytest.mark.parametrize("address", ["study.db", "sqlite:///study.db"])
def test_a_study_of_another_space_or_task_is_refused_and_left_alone(address):
    task = {"seed": 1, "split": (0.1, 0.2)}
    tune(height, SPACE, 2, storage=address, task=task)
    before = Path("study.db").read_bytes()
    wider = SPACE | {"lr": FloatDistribution(1e-5, 1.0, log=True)}
    with refused("experiments.study-of-another-task", "the space differs in lr"):
        tune(height, wider, 3, storage=address, task=task)
    with refused("experiments.study-of-another-task", "the task differs in seed"):
        tune(height, SPACE, 3, storage=address, task=task | {"seed": 2})
    assert Path("study.db").read_bytes() == before
    assert len(tune(height, SPACE, 3, storage=address, task=task).trials) == 3


def test_a_study_that_optuna_made_by_itself_is_refused():
    optuna.create_study(study_name="study", storage="sqlite:///own.db").optimize(
        lambda trial: trial.suggest_float("x", 0, 1), 1
    )
    with refused("experiments.study-of-another-task", "it was not made by this course"):
        tune(height, SPACE, 2, storage="own.db")


def test_a_study_whose_maker_died_before_it_noted_the_task_is_used():
    optuna.create_study(study_name="study", storage="sqlite:///half.db", direction="maximize")
    assert len(tune(height, SPACE, 2, storage="half.db").trials) == 2


def test_the_task_of_a_study_can_be_read_and_reading_makes_no_file():
    address = find_address("a.db", "study")
    assert study_attributes(address, "study") is None and not Path("a.db").exists()
    tune(height, SPACE, 1, storage="a.db", task={"seed": 7})
    assert study_attributes(address, "study")["task"] == {"seed": 7}
    assert study_attributes(address, "another") is None


@pytest.mark.parametrize(
    "content", [b"hello", b"\0\0\0\n", b"[1]\n", b"hello, this is no database" * 50, b"SQLite format 3\0" + b"x" * 2000]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(content):
    Path("study.db").write_bytes(content)
    with refused("experiments.storage-damaged", "study.db"):
        tune(height, SPACE, 2, storage="study.db")
    assert Path("study.db").read_bytes() == content


def test_a_database_damaged_in_the_middle_is_refused_and_left_alone():
    tune(height, SPACE, 2, storage="study.db")
    content = bytearray(Path("study.db").read_bytes())
    content[8192:] = b"x" * len(content[8192:])
    Path("study.db").write_bytes(content)
    with refused("experiments.storage-damaged", "study.db"):
        tune(height, SPACE, 5, storage="study.db")
    assert Path("study.db").read_bytes() == content


def test_a_journal_of_earlier_versions_is_refused_and_can_be_copied():
    backend = optuna.storages.journal.JournalFileBackend("old.journal")
    old = optuna.create_study(study_name="old", storage=optuna.storages.JournalStorage(backend))
    old.optimize(lambda trial: trial.suggest_float("x", 0, 1), 1)
    before = Path("old.journal").read_bytes()
    with refused("experiments.journal", "optuna.copy_study"):
        tune(height, SPACE, 2, storage="old.journal")
    assert Path("old.journal").read_bytes() == before


def test_a_database_of_another_program_gets_a_study_beside_its_own_tables():
    with sqlite3.connect("study.db") as other:
        other.execute("create table birds (name text)")
    assert len(tune(height, SPACE, 2, storage="study.db").trials) == 2
    with sqlite3.connect("study.db") as other:
        assert other.execute("select count(*) from birds").fetchone() == (0,)


def test_a_file_may_have_any_name():
    for name in ("seed 0", "a#b.db", "100%20.db", "{curly}.db", "50%.db"):
        assert len(tune(height, SPACE, 1, storage=name).trials) == 1
        assert Path(name).exists()


@pytest.mark.parametrize("address", ["~/a study.db", "sqlite:///~/a study.db"])
def test_a_home_in_the_name_of_a_file_is_found(address, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    tune(height, SPACE, 1, storage=address)
    assert (tmp_path / "a study.db").is_file()


def test_a_data_folder_that_can_not_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "studies").touch()  # whatever is in the way
    with refused("experiments.no-folder", "COURSE_DATA_DIR"):
        tune(height, SPACE, 1)


@pytest.mark.parametrize(
    ("address", "code", "fact"),
    [
        ("nowhere/study.db", "no-folder", "nowhere"),
        ("sqlite:///nowhere/study.db", "no-folder", "nowhere"),
        ("sqlite://", "storage-unusable", "name a file"),
        (".", "storage-unusable", "is a folder"),
        ("what?.db", "storage-unusable", "question mark"),
        ("~nobody-here/a.db", "no-folder", "~nobody-here"),
        ("oracle8://x/y", "storage-unknown", "oracle8"),
        ("redis://localhost", "storage-unknown", "redis"),
        ("mysql://me:secret@localhost/studies", "driver-missing", "pip install 'pymysql"),
        ("mysql+pymysql://me:secret@localhost/studies", "driver-missing", "pip install 'pymysql'"),
    ],
)
def test_a_storage_that_can_not_be_had_is_told_in_one_sentence(address, code, fact):
    with refused(f"experiments.{code}", fact):
        tune(height, SPACE, 2, storage=address)
    with pytest.raises(CourseError) as told:
        tune(height, SPACE, 2, storage=address)
    assert "secret" not in str(told.value)


def test_a_server_that_does_not_answer_is_told(monkeypatch):
    """No database server is at hand: an error with the name and the cause of SQLAlchemy's stands for it."""

    class OperationalError(Exception):
        orig = OSError("connection to server at port 5432 refused.\nIs it running?")

    def refuse(url, **options):
        raise OperationalError

    monkeypatch.setattr(storage, "RDBStorage", refuse)
    with refused("experiments.storage-unreachable", "postgresql://me:***@db/studies", "port 5432 refused)"):
        tune(height, SPACE, 2, storage="postgresql://me:se:c@ret@db/studies")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s:e@cret@db/studies",
        "mysql+pymysql://me:secret@db/x",
        "postgresql://db/x?user=me&password=secret",
    ],
)
def test_a_password_is_never_printed(url):
    shown = without_password(url)
    assert "***" in shown and "cret" not in shown and "db/" in shown and "me" in shown


def test_a_storage_that_fails_during_the_search_is_told():
    def lose_the_tables(trial):
        with sqlite3.connect("study.db") as other:
            other.execute("drop table trial_values")
        return 1.0

    with refused("experiments.storage-failed", "study.db"):
        tune(lose_the_tables, SPACE, 2, storage="study.db")
