"""The grid of experiments: paired, tuned on an equal budget, resumable, and honest about failed runs."""

import time

import pandas as pd
import pytest

from course_utils import training
from course_utils.errors import CourseError
from course_utils.experiments import Experiment, grid

OPTIONS = {"size": 32, "bs": 8, "augment": False, "split": (0.02, 0.05)}


def experiment(**arguments) -> Experiment:
    settings = {"strategies": [training.LinearProbe(1), training.HeadOnly(1)], "labels": [2], "seeds": [0, 1]}
    return Experiment(**(settings | {"options": OPTIONS} | arguments))


@pytest.fixture
def counted(monkeypatch):
    """Counts the runs, which give made-up rows at once."""
    runs = []

    def train_and_test(name, strategy, labels, seed, **_):
        runs.append((name, labels, seed, strategy.lr))
        row = {"strategy": name, "labels": labels, "seed": seed, "lr": strategy.lr, "accuracy": strategy.lr}
        return row | {"seconds": 1.0, "steps": 1, "trainable": 1, "memory_mb": 1, "error": ""}

    monkeypatch.setattr(grid, "train_and_test", train_and_test)
    return runs


def test_every_run_is_a_row_with_its_costs():
    table = experiment().run()
    assert list(table.columns) == grid.COLUMNS
    assert table[["strategy", "labels", "seed"]].to_numpy().tolist() == [
        [name, 2, seed] for name in ("linear probe", "head only") for seed in (0, 1)
    ]
    assert table.accuracy.between(0, 1).all() and (table.seconds > 0).all() and (table.error == "").all()
    assert (table.steps == 2).all(), "20 images in batches of 8, one epoch"
    trainable = table.groupby("strategy").trainable.first()
    assert trainable["linear probe"] == 256 * 10 + 10 < trainable["head only"]


def test_a_run_repeats_whatever_ran_before_it_and_in_another_process():
    whole = experiment().run()
    alone = experiment(strategies=[training.HeadOnly(1)], seeds=[1]).run()
    apart = experiment(jobs=2).run()
    pick = whole[(whole.strategy == "head only") & (whole.seed == 1)].accuracy.item()
    assert alone.accuracy.item() == pick
    assert apart.accuracy.tolist() == pytest.approx(whole.accuracy.tolist(), abs=0.03)  # threads round differently


def test_a_failing_run_is_a_row_with_its_error():
    table = experiment(strategies=[training.LinearProbe(1), training.Partial(1, depth="stage 9")]).run()
    failed = table[table.strategy == "partial"]
    assert failed.accuracy.isna().all() and failed.error.str.contains("no depth 'stage 9'").all()
    assert table[table.strategy == "linear probe"].accuracy.notna().all()


def test_each_strategy_chooses_among_the_same_rates_on_a_split_of_its_own(counted):
    trial = experiment(rates=[1e-3, 1e-1, 1e-2])
    table = trial.run()
    assert (table.lr == 1e-1).all(), "the made-up accuracy is the rate, so the highest is best"
    tuning = [run for run in counted if run[2] == grid.TUNING_SEED]
    assert len(tuning) == len(trial.tuning) == 2 * 3 and grid.TUNING_SEED not in set(table.seed)


def test_an_interrupt_keeps_what_is_finished_and_the_rest_follows(counted, monkeypatch, tmp_path):
    made_up = grid.train_and_test

    def interrupt(**run):
        if len(counted) == 3:
            raise KeyboardInterrupt
        return made_up(**run)

    monkeypatch.setattr(grid, "train_and_test", interrupt)
    trial = experiment(keep=tmp_path / "runs.jsonl")
    with pytest.raises(KeyboardInterrupt):
        trial.run()
    assert len(trial.table) == 3
    monkeypatch.setattr(grid, "train_and_test", made_up)
    assert len(trial.run()) == 4 and len(counted) == 4
    again = experiment(keep=tmp_path / "runs.jsonl")  # as in another session
    assert len(again.run()) == 4 and len(counted) == 4


def test_a_file_with_a_damaged_end_loses_that_run_alone(counted, tmp_path):
    file = tmp_path / "runs.jsonl"
    experiment(keep=file).run()
    file.write_text(file.read_text()[:-20])
    assert len(experiment(keep=file).table) == 3
    assert len(experiment(keep=file).run()) == 4 and len(counted) == 5
    assert len(experiment(keep=file).run()) == 4 and len(counted) == 5


def test_a_file_of_another_experiment_is_refused(counted, tmp_path):
    experiment(keep=tmp_path / "runs.jsonl").run()
    for other in ({"options": OPTIONS | {"size": 48}}, {"strategies": [training.LinearProbe(2), training.HeadOnly(1)]}):
        with pytest.raises(CourseError, match="another experiment"):
            experiment(keep=tmp_path / "runs.jsonl", **other)
    more = experiment(keep=tmp_path / "runs.jsonl", seeds=[0, 1, 2])
    assert len(more.run()) == 6 and len(counted) == 6


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"strategies": []}, "at least one strategy"),
        ({"seeds": []}, "one seed"),
        ({"strategies": [training.Full(1), training.Full(2)]}, "names="),
        ({"seeds": [grid.TUNING_SEED]}, "kept for choosing"),
    ],
)
def test_an_experiment_that_cannot_be_run_is_refused(wrong, said):
    with pytest.raises(CourseError, match=said):
        experiment(**wrong)


def test_the_table_is_tidy_before_anything_ran():
    table = experiment().table
    assert isinstance(table, pd.DataFrame) and list(table.columns) == grid.COLUMNS and table.empty


def test_peak_memory_sees_what_was_freed_again():
    with grid.peak_memory(0.001) as memory:
        block = bytearray(80 * 2**20)
        block[:: 2**12] = b"x" * len(block[:: 2**12])
        until = time.monotonic() + 20
        while memory.peak <= 60 * 2**20 and time.monotonic() < until:  # for the sampler to get its turn
            time.sleep(0.01)
        del block
    assert memory.peak > 60 * 2**20
