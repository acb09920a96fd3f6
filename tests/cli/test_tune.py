"""`course tune`: one real search, killed and gone on with; the rest with an objective that costs nothing."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from support.errors import refused
from typer.testing import CliRunner

from course_utils import data
from course_utils.cli import tune as command
from course_utils.errors import CourseError
from course_utils.experiments import objective, search
from course_utils.experiments.search import Progress, find_address, storage
from course_utils.experiments.search.progress import has_finished

COURSE = Path(sys.executable).parent / "course"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COURSE_PROFILE", "mini")
    monkeypatch.setenv("COURSE_IMAGES", "drawings")


@pytest.fixture
def cheap(monkeypatch):
    """Training costs nothing: the score grows with the frozen blocks, and the test set gives five points less."""
    monkeypatch.setattr(objective.Objective, "__call__", lambda self, trial: 0.5 + trial.params["frozen"] / 200)
    monkeypatch.setattr(
        objective, "test_score", lambda task, settings, seed, start: 0.45 + settings["frozen"] / 200 + start % 7 / 1000
    )


def run(*arguments: str):
    return CliRunner().invoke(command.app, list(arguments))


def said(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.output


def test_a_search_tells_its_progress_its_result_and_how_to_go_on(cheap, tmp_path):
    told = said("09", "--trials", "8", "--seed", "1")
    lines = told.splitlines()
    assert lines[0].startswith("0 of 8 finished (0 pruned, 0 failed)")
    assert lines[8].startswith("8 of 8 finished") and "best 5" in lines[8]
    assert re.search(r"^lr +0\.002 +[\d.]+$", told, re.M) and re.search(r"^frozen +0 +[0-5]$", told, re.M)
    assert re.search(r"^epochs +4 +4$", told, re.M)
    assert re.search(r"Test accuracy, each trained 3 times anew: default 45\.\d ± \d\.\d%, chosen 4\d\.\d ± ", told)
    assert re.search(r"best trial's validation score was 5\d\.\d%, \+\d\.\d points from what", told)
    assert lines[-1] == "To search on from here: `course tune 09 --trials N`, with N above 8."
    assert (tmp_path / "data" / "studies" / "09_tuning.db").exists()


def test_the_same_call_goes_on_with_the_studys_own_seed(cheap):
    said("09_tuning", "--trials", "3", "--seed", "7", "--storage", "a.db")
    told = said("09", "--trials", "5", "--storage", "a.db")
    assert told.splitlines()[0].startswith("3 of 5 finished")
    assert (
        told.splitlines()[-1] == "To search on from here: `course tune 09 --trials N --storage a.db`, with N above 5."
    )
    with refused("experiments.study-of-another-task", "the task differs in seed"):
        raise run("09", "--trials", "6", "--seed", "8", "--storage", "a.db").exception


def test_how_to_go_on_can_be_pasted_into_a_shell_whatever_the_files_name(cheap):
    told = said("09", "--trials", "1", "--storage", "my studies.db", "--seed", "3")
    again = told.splitlines()[-1].partition("`")[2].partition("`")[0]
    program, command, *arguments = shlex.split(again.replace("N", "2"))
    assert (program, command) == ("course", "tune") and "2 of 2 finished" in said(*arguments)


@pytest.mark.parametrize("seed", ["-1", "4294967296"])
def test_a_study_that_was_once_made_with_a_bad_seed_says_what_to_do(cheap, seed):
    search.tune(
        lambda trial: 0.5, objective.find_task("01").space, 1, name="01_first_finetune", task={"seed": int(seed)}
    )
    with refused("experiments.study-of-another-task", "seed", "name another storage"):
        raise run("01", "--trials", "2").exception


def test_lessons_share_a_database(cheap):
    for lesson in ("01", "05", "07", "09"):
        assert said(lesson, "--trials", "2", "--storage", "sqlite:///all.db").count("2 of 2 finished") == 1


def test_an_interrupted_search_says_how_to_go_on(cheap, monkeypatch):
    def interrupt(self, trial):
        if trial.number == 2:
            raise KeyboardInterrupt
        return 0.5

    monkeypatch.setattr(objective.Objective, "__call__", interrupt)
    done = run("09", "--trials", "4")
    assert done.exit_code == 130
    assert "Stopped. What has finished is kept: `course tune 09 --trials N` goes on from there." in done.output
    assert said("09", "--trials", "4").splitlines()[0].startswith("2 of 4 finished")


def test_a_wrong_seed_is_refused_and_leaves_no_study_behind(cheap, tmp_path):
    with refused("experiments.argument", "seed is -1"):
        raise run("01", "--seed", "-1").exception
    assert not list(tmp_path.rglob("*.db"))
    assert "1 of 1 finished" in said("01", "--trials", "1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["23"], "choose one of 01, 05, 07"),
        (["09", "--trials", "0"], "trials is 0"),
        (["09", "--workers", "0"], "workers is 0"),
        (["09", "--storage", "nowhere/a.db"], "nowhere"),
        (["09", "--storage", "mysql://me:secret@localhost/studies"], "pymysql"),
        (["09", "--storage", "damaged"], "damaged"),
    ],
)
def test_bad_input_is_one_sentence(cheap, arguments, message):
    Path("damaged").write_text("hello")
    done = run(*arguments)
    assert isinstance(done.exception, CourseError) and message in str(done.exception)
    assert "secret" not in done.output + str(done.exception)


def test_a_search_without_a_single_score_is_told(monkeypatch):
    monkeypatch.setattr(objective.Objective, "__call__", lambda self, trial: float("nan"))
    done = run("09", "--trials", "2")
    assert "None of 2 trials came to a score" in str(done.exception)


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (Progress(9, 0, 0, 0, 0, None), "0 of 9 finished (0 pruned, 0 failed)"),
        (
            Progress(9, 2, 1, 1, 2, 0.912, {}, 4.0),
            "4 of 9 finished (1 pruned, 1 failed), 2 running, best 91.2%, about 10 s left",
        ),
        (
            Progress(90, 2, 0, 0, 0, 0.5, {}, 40.0),
            "2 of 90 finished (0 pruned, 0 failed), best 50.0%, about 29 min left",
        ),
    ],
)
def test_a_line_of_progress(state, line):
    assert command.line_of(state, 2) == line


def test_every_task_belongs_to_a_lesson_and_its_defaults_lie_in_its_space():
    from course_utils.lessons import LESSONS

    for number in ("01", "05", "07", "08", "09"):
        task = objective.find_task(number)
        assert task.lesson in [lesson.slug for lesson in LESSONS]
        assert task.defaults.keys() == task.space.keys() | {"epochs"}
        assert all(each._contains(task.defaults[name]) for name, each in task.space.items())


@pytest.mark.parametrize("lesson", ["05", "09"])
def test_a_task_trains_with_its_default_settings(lesson):
    task = objective.find_task(lesson)
    learn = objective.fine_tune(task, task.defaults | {"epochs": 2, "frozen": 1}, seed=0)
    stem = next(iter(learn.opt.param_lists))
    assert len(learn.opt.param_lists) == task.blocks
    assert not any(weights.requires_grad for weights in stem if weights.ndim == 4)
    assert 0 <= objective.score(learn, "valid") <= 1


def test_a_rate_that_is_far_too_high_is_recorded_with_rate_and_step():
    task = objective.find_task("09")
    with pytest.raises(objective.Diverged, match=r"became (nan|inf) at step \d+ of epoch \d+ \(learning rate "):
        objective.fine_tune(task, task.defaults | {"lr": 1e30}, seed=0)


@pytest.mark.skipif("scans" not in data.DATA_SETS, reason="the data set is not there")
def test_scans_are_searched_by_balanced_accuracy():
    assert objective.find_task("08").metric == "balanced accuracy"


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_a_real_search_killed_in_the_middle_finishes_exactly_the_remaining_trials():
    call = [COURSE, "tune", "09", "--trials", "4", "--workers", "2", "--storage", "real.db", "--seed", "0"]
    log = Path("log")
    with log.open("w") as written:
        search = subprocess.Popen(call, stdout=written, stderr=subprocess.STDOUT, start_new_session=True)
    began = time.monotonic()
    while "1 of 4 finished" not in log.read_text() and "2 of 4 finished" not in log.read_text():
        assert search.poll() is None and time.monotonic() - began < 120, log.read_text()
        time.sleep(0.05)
    os.killpg(search.pid, signal.SIGKILL)
    search.wait()
    told = said(*call[2:])
    before = int(told.split()[0])
    assert 1 <= before < 4
    assert "4 of 4 finished" in told and "Test accuracy" in told
    study = optuna.load_study(
        study_name="09_tuning", storage=storage.open_storage(find_address("real.db", "09_tuning"))
    )
    assert sum(map(has_finished, study.trials)) == 4
