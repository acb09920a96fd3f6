"""A search by one process: it ends with exactly the trials asked for, and goes on where it was stopped."""

import threading
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from optuna.trial import TrialState
from support.errors import refused
from support.searches import SPACE, broken, diverges, essence, finished, height, pruned_if_deep, slow

from course_utils.experiments.search import progress_of, trials_table, tune


def stopping_at(number: int):
    """`height`, with Ctrl-C at the trial of that number."""

    def run(trial):
        if trial.number == number:
            raise KeyboardInterrupt
        return height(trial)

    return run


def test_a_search_has_as_many_trials_as_asked_and_goes_on_from_there():
    assert len(tune(height, SPACE, 4, storage="study.db").trials) == 4
    assert len(tune(height, SPACE, 9, storage="sqlite:///study.db").trials) == 9
    study = tune(diverges, SPACE, 6, storage="study.db")  # enough are there: nothing runs
    assert len(study.trials) == 9 and {trial.state for trial in study.trials} == {TrialState.COMPLETE}
    assert study.best_value == max(trial.value for trial in study.trials)


def test_an_interrupted_search_keeps_what_has_finished_and_draws_nothing_twice():
    for number in (2, 7):
        with pytest.raises(KeyboardInterrupt):
            tune(stopping_at(number), SPACE, 12, storage="a.db", seed=3)
    study = tune(height, SPACE, 12, storage="a.db", seed=3)
    assert len(finished(study)) == 12
    assert [trial.number for trial in study.trials if trial.state == TrialState.FAIL] == [2, 7]
    assert len({trial.params["lr"] for trial in study.trials}) == 14


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_seed_decides_the_settings_in_one_go_or_in_two(sampler):
    whole = tune(height, SPACE, 8, storage="whole.db", seed=3, sampler=sampler)
    tune(height, SPACE, 3, storage="parts.db", seed=3, sampler=sampler)
    parts = tune(height, SPACE, 8, storage="parts.db", seed=3, sampler=sampler)
    other = tune(height, SPACE, 3, storage="other.db", seed=4, sampler=sampler)
    assert essence(parts) == essence(whole)
    assert essence(other) != essence(whole)[:3]


def test_pruned_and_diverged_trials_count_and_say_why():
    study = tune(pruned_if_deep, SPACE, 12, storage="pruned.db")
    state = progress_of(study, 12)
    assert state.finished == len(study.trials) == 12 and state.pruned > 0 and state.complete > 0
    study = tune(diverges, SPACE, 3, storage="diverged.db")
    assert progress_of(study, 3).diverged == len(study.trials) == 3
    assert all("step 3 of epoch 1 (rate" in trial.user_attrs["diverged"] for trial in study.trials)
    assert progress_of(study, 3).best is None


def test_a_value_that_is_not_finite_is_recorded_as_diverged():
    for name, value in (("a", float("nan")), ("b", float("inf"))):
        study = tune(lambda trial, value=value: value, SPACE, 2, storage=name)
        assert [trial.state for trial in study.trials] == [TrialState.FAIL] * 2
        assert study.trials[0].user_attrs["diverged"] == f"The objective became {value}"


def test_the_table_has_a_row_for_each_finished_trial():
    assert list(trials_table(optuna.create_study()).columns) == ["number", "state", "value", "reports"]
    with pytest.raises(KeyboardInterrupt):
        tune(stopping_at(1), SPACE, 2, storage="a.db")
    tune(pruned_if_deep, SPACE, 8, storage="a.db")
    table = trials_table(tune(diverges, SPACE, 9, storage="a.db"))
    assert list(table.number) == list(range(9)) and list(table.columns[:4]) == ["number", "state", "value", "reports"]
    assert set(table.columns[4:]) == set(SPACE)
    assert set(table.state) == {"complete", "pruned", "failed"}
    assert table.value.isna().equals(table.state == "failed")
    assert (table.reports == 1).sum() == 7


@pytest.mark.parametrize("error", [KeyError, ValueError])
def test_an_error_ends_the_search_and_its_trial_does_not_count(error):
    def fail(trial):
        raise error("no such image")

    with pytest.raises(error, match="no such image"):
        tune(fail, SPACE, 3, storage="broken.db")
    study = tune(height, SPACE, 3, storage="broken.db")
    assert len(finished(study)) == 3 and len(study.trials) == 4


def test_the_default_storage_is_a_file_in_the_data_folder(tmp_path):
    tune(height, SPACE, 2, name="05_full_or_partial")
    assert (tmp_path / "data" / "studies" / "05_full_or_partial.db").exists()


def test_progress_tells_each_change_and_the_time_left():
    told = []
    tune(slow, SPACE, 4, progress=told.append)
    assert [state.finished for state in told] == [0, 1, 2, 3, 4]
    assert told[0].seconds_left(1) is None and told[-1].seconds_left(1) == 0
    assert told[2].seconds_left(1) > 0.2
    assert told[2].seconds_left(2) == pytest.approx(told[2].seconds_left(1) / 2)
    assert told[-1].best == pytest.approx(max(state.best for state in told[1:]))
    assert set(told[-1].settings) == set(SPACE)


def test_a_trial_whose_process_died_before_its_first_heartbeat_is_run_again():
    tune(height, SPACE, 1, storage="a.db").ask()
    told = []
    study = tune(height, SPACE, 3, storage="a.db", progress=told.append)
    assert told[0].running == 1 and len(finished(study)) == 3
    assert study.trials[1].state == TrialState.FAIL


def test_a_trial_that_was_taken_for_dead_and_lives_does_not_end_the_search():
    """A laptop that slept: another worker has failed the trial when its own process wakes."""

    def sleep_through(trial):
        if trial.number == 1:
            trial.study.tell(trial.number, state=TrialState.FAIL)
        return height(trial)

    study = tune(sleep_through, SPACE, 3, storage="a.db")
    assert len(finished(study)) == 3 and study.trials[1].state == TrialState.FAIL


def test_a_machine_that_was_faster_gets_the_last_trial(monkeypatch):
    """Between our count and our trial comes another machine's: ours is given up before the objective is called."""
    study = tune(height, SPACE, 3, storage="a.db")
    ask = optuna.Study.ask

    def after_the_other(self):
        other = ask(self)
        monkeypatch.setattr(optuna.Study, "ask", ask)
        threading.Timer(0.5, study.tell, [other.number, 1.0]).start()
        return ask(self)

    monkeypatch.setattr(optuna.Study, "ask", after_the_other)
    study = tune(broken, SPACE, 4, storage="a.db")
    assert len(finished(study)) == 4 and len(study.trials) == 5
    assert study.trials[3].value == 1.0 and study.trials[4].state == TrialState.FAIL


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        ({"trials": 0}, "trials is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"workers": True}, "workers is True"),
        ({"trials": 2.0}, "trials is 2.0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "seed is 4294967296"),
        ({"sampler": "best"}, "tpe, random"),
        ({"space": {}}, "space is empty"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_made(arguments, fact):
    with refused("experiments.argument", fact):
        tune(height, **({"space": SPACE, "trials": 1} | arguments))
    assert not any(Path().iterdir())


def test_numbers_of_numpy_and_torch_are_numbers():
    numbers = {"trials": np.int64(2), "workers": torch.tensor(1), "seed": np.uint32(3)}
    study = tune(height, SPACE, **numbers, storage="a.db", task={"seed": np.int64(3), "share": np.float32(0.5)})
    assert essence(study) == essence(tune(height, SPACE, 2, seed=3, storage="b.db"))
    assert study.user_attrs["task"] == {"seed": 3, "share": 0.5}
