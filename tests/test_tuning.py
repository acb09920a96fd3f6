"""Searches: they end with exactly the trials asked for, however they were stopped, and refuse what they can't use."""

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from course_utils.errors import CourseError
from course_utils.experiments import studies, tune
from course_utils.experiments import trials as trials_of
from course_utils.experiments.parallel import can_fork
from course_utils.experiments.studies import open_place
from course_utils.experiments.trials import has_finished, progress_of
from course_utils.experiments.tuning import Diverged

SPACE = {
    "lr": FloatDistribution(1e-4, 1e-1, log=True),
    "epochs": IntDistribution(1, 5),
    "depth": CategoricalDistribution(["head", "all"]),
}
STORAGES = ("study.journal", "sqlite:///study.db")
needs_fork = pytest.mark.skipif(not can_fork(), reason="two workers of a test's function need a fork")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))


def height(trial) -> float:
    return trial.params["epochs"] - abs(trial.params["lr"] - 0.01)


def slow(trial) -> float:
    time.sleep(0.15)
    return height(trial)


def pruned_if_deep(trial) -> float:
    trial.report(trial.params["lr"], 1)
    if trial.params["depth"] == "all":
        raise optuna.TrialPruned("too deep")
    return height(trial)


def diverges(trial) -> float:
    raise Diverged(f"The loss became nan at step 3 of epoch 1 (rate {trial.params['lr']:.2g})")


def broken(trial) -> float:
    raise KeyError("no such image")


class Stop(KeyboardInterrupt):
    """Ctrl-C, at the trial of that number."""


def stopping_at(number: int, objective=height):
    def run(trial):
        if trial.number == number:
            raise Stop
        return objective(trial)

    return run


def finished(study) -> list:
    return [trial for trial in study.trials if has_finished(trial)]


def essence(study) -> list:
    return [(trial.params, trial.value) for trial in finished(study)]


# ---------------------------------------------------------------------------------------------------- exactly so many


@pytest.mark.parametrize("storage", STORAGES)
def test_a_search_has_as_many_trials_as_asked_and_goes_on_from_there(storage):
    assert len(tune(height, SPACE, 4, storage=storage).trials) == 4
    assert len(tune(height, SPACE, 9, storage=storage).trials) == 9
    study = tune(diverges, SPACE, 6, storage=storage)  # enough are there: nothing runs
    assert len(study.trials) == 9 and {trial.state for trial in study.trials} == {TrialState.COMPLETE}
    assert study.best_value == max(trial.value for trial in study.trials)


@pytest.mark.parametrize("sampler", ("tpe", "random"))
def test_a_stopped_search_goes_on_as_if_it_had_never_been_stopped(sampler):
    whole = tune(height, SPACE, 12, storage="whole", seed=3, sampler=sampler)
    for number in (2, 7):
        with pytest.raises(Stop):
            tune(stopping_at(number), SPACE, 12, storage="parts", seed=3, sampler=sampler)
    parts = tune(height, SPACE, 12, storage="parts", seed=3, sampler=sampler)
    assert essence(parts) == essence(whole)
    assert len(parts.trials) == 14  # the two that were interrupted are still on record
    assert len({trial.params["lr"] for trial in finished(parts)}) == 12  # and none was drawn twice


def test_another_seed_searches_elsewhere():
    one, other = (tune(height, SPACE, 3, storage=f"seed{seed}", seed=seed) for seed in (1, 2))
    assert essence(one) != essence(other)


def test_pruned_and_diverged_trials_count_and_say_why():
    study = tune(pruned_if_deep, SPACE, 12, storage="pruned")
    state = progress_of(study, 12)
    assert state.finished == len(study.trials) == 12 and state.pruned > 0 and state.complete > 0
    study = tune(diverges, SPACE, 3, storage="diverged")
    assert progress_of(study, 3).diverged == len(study.trials) == 3
    assert all("step 3 of epoch 1 (rate" in trial.user_attrs["diverged"] for trial in study.trials)
    assert progress_of(study, 3).best is None


def test_a_value_that_is_no_number_is_recorded_as_diverged():
    study = tune(lambda trial: float("nan"), SPACE, 2)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL] * 2
    assert study.trials[0].user_attrs["diverged"] == "The objective became nan"


def test_an_error_ends_the_search_and_its_trial_does_not_count():
    with pytest.raises(KeyError, match="no such image"):
        tune(broken, SPACE, 3, storage="broken")
    study = tune(height, SPACE, 3, storage="broken")
    assert len(finished(study)) == 3 and len(study.trials) == 4


def test_the_default_storage_is_a_journal_in_the_data_folder(tmp_path):
    tune(height, SPACE, 2, name="05_full_or_partial")
    assert (tmp_path / "data" / "studies" / "05_full_or_partial.journal").exists()
    assert not list(tmp_path.rglob("*.pkl"))


def test_progress_tells_each_change_and_the_time_left():
    told = []
    tune(slow, SPACE, 4, progress=told.append)
    assert [state.finished for state in told] == [0, 1, 2, 3, 4]
    assert told[0].seconds_left(1) is None and told[-1].seconds_left(1) == 0
    assert 0.3 < told[2].seconds_left(1) < 3 and told[2].seconds_left(2) == pytest.approx(told[2].seconds_left(1) / 2)
    assert told[-1].best == pytest.approx(max(state.best for state in told[1:]))
    assert set(told[-1].settings) == set(SPACE)


# ------------------------------------------------------------------------------------------------------------ workers


@needs_fork
@pytest.mark.parametrize("storage", STORAGES)
def test_two_workers_share_a_study_without_loss(storage):
    told = []
    study = tune(slow, SPACE, 11, storage=storage, workers=2, progress=told.append)
    assert len(study.trials) == 11 and all(trial.state == TrialState.COMPLETE for trial in study.trials)
    workers = {trial.user_attrs["worker"]["pid"] for trial in study.trials}
    assert len(workers) == 2 and os.getpid() not in workers
    assert sorted(trial.user_attrs["draw"] for trial in study.trials) == list(range(11))
    assert told[-1].finished == 11 and max(state.running for state in told) <= 2
    assert len(tune(slow, SPACE, 13, storage=storage, workers=2).trials) == 13


@needs_fork
@pytest.mark.parametrize("storage", STORAGES)
def test_two_searches_that_start_together_make_one_study(storage):
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=tune, args=(slow, SPACE, 9), kwargs={"storage": storage}) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert len(finished(tune(height, SPACE, 9, storage=storage))) == 9


@needs_fork
def test_a_worker_that_is_killed_leaves_its_trial_to_the_other():
    def kill_itself_once(trial):
        if trial.user_attrs["draw"] == 3 and not Path("killed").exists():
            Path("killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return slow(trial)

    study = tune(kill_itself_once, SPACE, 8, workers=2)
    assert Path("killed").exists()
    assert len(finished(study)) == 8 and len(study.trials) == 9
    (lost,) = [trial for trial in study.trials if trial.state == TrialState.FAIL]
    (again,) = [trial for trial in finished(study) if trial.user_attrs["draw"] == 3]
    assert again.params == lost.params


@needs_fork
def test_workers_that_are_all_killed_or_broken_are_told():
    with pytest.raises(CourseError, match="All 2 workers were ended from outside"):
        tune(lambda trial: os.kill(os.getpid(), signal.SIGKILL), SPACE, 4, storage="a", workers=2)
    with pytest.raises(CourseError, match="KeyError: 'no such image'"):
        tune(broken, SPACE, 4, storage="a", workers=2)
    assert len(finished(tune(height, SPACE, 4, storage="a", workers=2))) == 4


@needs_fork
def test_an_interrupt_ends_all_workers_and_the_study_goes_on():
    threading.Timer(1.0, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        tune(slow, SPACE, 100, storage="a", workers=2)
    assert not multiprocessing.active_children()
    before = len(finished(tune(height, SPACE, 1, storage="a")))
    assert 1 <= before < 100
    assert len(finished(tune(height, SPACE, before + 3, storage="a", workers=2))) == before + 3


# ------------------------------------------------------------------------------------------------- killed from outside

SEARCH = """
import sys, time
sys.path.insert(0, {folder!r})
from test_tuning import SPACE, slow, tune
print("ready", flush=True)
tune(slow, SPACE, 12, storage={storage!r}, workers={workers}, seed=1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("workers", (1, 2))
def test_a_search_killed_in_the_middle_finishes_exactly_the_remaining_trials(storage, workers):
    script = SEARCH.format(folder=str(Path(__file__).parent), storage=storage, workers=workers)
    search = subprocess.Popen([sys.executable, "-W", "ignore", "-c", script], start_new_session=True)
    before = wait_for(lambda: finished_in(storage), 3)
    workers_of_it = psutil.Process(search.pid).children(recursive=True)
    os.killpg(search.pid, signal.SIGKILL)  # the search and its workers
    search.wait()
    wait_for(lambda: sum(map(is_gone, workers_of_it)), len(workers_of_it))
    before = finished_in(storage)
    assert 3 <= before < 12
    told = []
    study = tune(slow, SPACE, 12, storage=storage, seed=1, progress=told.append)
    assert told[0].finished == before and told[0].running == 0
    assert len(finished(study)) == 12
    assert sorted(trial.user_attrs["draw"] for trial in finished(study)) == list(range(12))
    lost = [trial for trial in study.trials if not has_finished(trial)]
    assert len(lost) <= workers and all(trial.state == TrialState.FAIL for trial in lost)
    if workers == 1:
        assert essence(study) == essence(tune(height, SPACE, 12, storage="never stopped", seed=1))


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for(number, least: int, seconds: float = 60) -> int:
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if (found := number()) >= least:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{number()} after {seconds} s")


def finished_in(storage: str) -> int:
    if not Path(storage.removeprefix("sqlite:///")).exists():
        return 0
    try:
        known = optuna.load_study(study_name="study", storage=open_place(storage).storage)
    except (KeyError, CourseError):  # not made yet
        return 0
    return len(finished(known))


def test_a_trial_of_another_machine_is_given_an_hour(monkeypatch):
    study = tune(height, SPACE, 2, storage="a")
    trial = study.ask(SPACE)
    trial.set_user_attr("worker", {"host": "elsewhere", "pid": 1, "started": 0.0, "search": "x"})
    told = []
    tune(height, SPACE, 2, storage="a", progress=told.append)
    assert told[0].running == 1
    monkeypatch.setattr(trials_of, "FOREIGN_DEAD", 0)
    study = tune(height, SPACE, 4, storage="a", progress=told.append)
    assert told[-1].running == 0 and len(finished(study)) == 4


def test_a_number_that_another_process_has_taken_over_is_no_sign_of_life():
    study = tune(height, SPACE, 1, storage="a")
    trial = study.ask(SPACE)
    with trials_of.at_work() as claim:
        trial.set_user_attr("worker", claim | {"pid": os.getppid(), "started": 1.0})
    assert len(finished(tune(height, SPACE, 3, storage="a"))) == 3


@pytest.mark.parametrize("storage", STORAGES)
def test_a_trial_whose_process_died_before_its_claim_keeps_nobody_waiting(storage):
    tune(height, SPACE, 1, storage=storage).ask(SPACE)
    began = time.monotonic()
    assert len(finished(tune(height, SPACE, 3, storage=storage))) == 3
    assert time.monotonic() - began < 10


def test_a_machine_that_was_faster_gets_the_last_trial(monkeypatch):
    """Two machines share no lock: here, another one's trial comes between our count and our claim."""
    study = tune(height, SPACE, 3, storage="a")
    ask = optuna.Study.ask

    def after_the_other(self, space):
        other = ask(self, space)
        other.set_user_attr("worker", {"host": "elsewhere", "pid": 1, "started": 0.0, "search": "x"})
        monkeypatch.setattr(optuna.Study, "ask", ask)
        threading.Timer(0.5, study.tell, [other.number, 1.0]).start()
        return ask(self, space)

    monkeypatch.setattr(optuna.Study, "ask", after_the_other)
    study = tune(height, SPACE, 4, storage="a")
    assert len(finished(study)) == 4 and len(study.trials) == 5
    assert study.trials[3].value == 1.0 and study.trials[4].state == TrialState.FAIL


def test_a_journal_needs_no_database_packages():
    """On Colab, optuna is installed without its dependencies."""
    script = f"""if True:
        import sys
        sys.modules.update(dict.fromkeys(("alembic", "sqlalchemy", "mako")))
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_tuning import SPACE, height, tune
        print(len(tune(height, SPACE, 8, storage="study.journal").trials))
        try:
            tune(height, SPACE, 8, storage="sqlite:///study.db")
        except Exception as refused:
            print(refused)
    """
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True)
    count, told = done.stdout.splitlines()
    assert count == "8" and "sqlite:///study.db needs a package that isn't installed" in told


# ------------------------------------------------------------------------------------------------------ what is refused


def test_wrong_arguments_are_told():
    for arguments, said in (
        ({"trials": 0}, "trials is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"sampler": "best"}, "There is no sampler 'best': choose one of tpe, random"),
        ({"space": {}}, "The search space is empty"),
    ):
        with pytest.raises(CourseError, match=said):
            tune(height, **({"space": SPACE, "trials": 1} | arguments))


@pytest.mark.parametrize("storage", STORAGES)
def test_a_study_of_another_space_or_task_is_refused_and_left_alone(storage):
    tune(height, SPACE, 2, storage=storage, task={"seed": 1, "split": (0.1, 0.2)})
    file = Path(storage.removeprefix("sqlite:///"))
    before = file.read_bytes()
    wider = SPACE | {"lr": FloatDistribution(1e-5, 1.0, log=True)}
    with pytest.raises(CourseError, match=r"of another search \(the space differs in lr\): name another storage"):
        tune(height, wider, 3, storage=storage, task={"seed": 1, "split": (0.1, 0.2)})
    with pytest.raises(CourseError, match="the task differs in seed"):
        tune(height, SPACE, 3, storage=storage, task={"seed": 2, "split": (0.1, 0.2)})
    assert file.read_bytes() == before
    assert len(tune(height, SPACE, 3, storage=storage, task={"seed": 1, "split": (0.1, 0.2)}).trials) == 3


def test_a_study_that_optuna_made_by_itself_is_refused():
    with_other = optuna.storages.RDBStorage("sqlite:///own.db")
    optuna.create_study(study_name="study", storage=with_other).optimize(
        lambda trial: trial.suggest_float("x", 0, 1), 1
    )
    with pytest.raises(CourseError, match="it was not made by this course"):
        tune(height, SPACE, 2, storage="sqlite:///own.db")


@pytest.mark.parametrize(
    "content",
    [b"hello", b"hello\n", b"\0\0\0\n", b'{"strategy": 1}\n', b"[1]\n", b'{"op_code": 99, "worker_id": "a"}\n'],
)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(content):
    Path("study.journal").write_bytes(content)
    with pytest.raises(CourseError, match=r"study\.journal is damaged or no study"):
        tune(height, SPACE, 2, storage="study.journal")
    assert Path("study.journal").read_bytes() == content


def test_a_journal_damaged_in_the_middle_is_refused_and_left_alone():
    tune(height, SPACE, 3, storage="study.journal")
    lines = Path("study.journal").read_bytes().splitlines(keepends=True)
    for damaged in (b"".join([*lines[:4], lines[4][:20], b"\n", *lines[5:]]), b"".join(lines[3:])):
        Path("study.journal").write_bytes(damaged)
        with pytest.raises(CourseError, match="is damaged or no study"):
            tune(height, SPACE, 5, storage="study.journal")
        assert Path("study.journal").read_bytes() == damaged


def test_a_record_cut_off_by_a_crash_is_taken_off_and_nothing_else():
    tune(height, SPACE, 3, storage="study.journal")
    content = Path("study.journal").read_bytes()
    last = content.splitlines(keepends=True)[-1]
    for kept in (1, 9, len(last) - 1):
        Path("study.journal").write_bytes(content + last[:kept])
        tune(height, SPACE, 3, storage="study.journal")
        assert Path("study.journal").read_bytes() == content
    assert len(tune(height, SPACE, 4, storage="study.journal").trials) == 4


@pytest.mark.parametrize("content", [b"hello, this is no database", b"SQLite format 3\0" + b"x" * 2000])
def test_a_damaged_database_is_refused_and_left_alone(content):
    Path("study.db").write_bytes(content)
    with pytest.raises(CourseError, match=r"study\.db is damaged or no study"):
        tune(height, SPACE, 2, storage="sqlite:///study.db")
    assert Path("study.db").read_bytes() == content


def test_a_database_of_another_program_gets_a_study_beside_its_own_tables():
    with sqlite3.connect("study.db") as other:
        other.execute("create table birds (name text)")
    assert len(tune(height, SPACE, 2, storage="sqlite:///study.db").trials) == 2
    with sqlite3.connect("study.db") as other:
        assert other.execute("select count(*) from birds").fetchone() == (0,)


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ("nowhere/study.journal", "There is no folder nowhere for the study"),
        (".", "is a folder: name a file in it"),
        ("sqlite:///nowhere/study.db", "There is no folder nowhere for the study"),
        ("sqlite://", "There is no folder"),
        ("oracle8://x/y", "is no storage that Optuna knows"),
        ("redis://localhost", "is no storage that Optuna knows"),
        ("postgresql://me:secret@localhost/studies", r"needs a package that isn't installed: .*pip install 'psycopg"),
        (
            "mysql+pymysql://me:secret@localhost/studies",
            r"needs a package that isn't installed: .*pip install 'pymysql'",
        ),
    ],
)
def test_a_storage_that_can_not_be_had_is_told_in_one_sentence(storage, said):
    with pytest.raises(CourseError, match=said) as refused:
        tune(height, SPACE, 2, storage=storage)
    assert "secret" not in str(refused.value) and "\n" not in str(refused.value)


def test_a_server_that_does_not_answer_is_told(monkeypatch):
    """No database server is at hand: an error with the name and the cause of SQLAlchemy's stands for it."""

    class OperationalError(Exception):
        orig = OSError("connection to server at port 5432 refused.\nIs it running?")

    def refuse(url, engine_kwargs):
        raise OperationalError

    monkeypatch.setattr(studies, "RDBStorage", refuse)
    said = r"The storage postgresql://me:\*\*\*@db/studies can't be reached \(connection to .* refused\): check its"
    with pytest.raises(CourseError, match=said):
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
    said = studies.without_password(url)
    assert "***" in said and "cret" not in said and "db/" in said and "me" in said


def test_a_storage_that_fails_during_the_search_is_told():
    def lose_the_tables(trial):
        with sqlite3.connect("study.db") as other:
            other.execute("drop table trial_values")
        return 1.0

    with pytest.raises(CourseError, match=r"sqlite:///study\.db failed during the search"):
        tune(lose_the_tables, SPACE, 2, storage="sqlite:///study.db")


def test_the_records_are_json_and_hold_no_pickle():
    tune(height, SPACE, 2, storage="study.journal")
    assert all(isinstance(json.loads(line), dict) for line in Path("study.journal").read_text().splitlines())
