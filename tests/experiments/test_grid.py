"""The grid of experiments: paired, tuned on an equal budget, resumable, and honest about failed runs."""

import mmap
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.vision.all import accuracy, set_seed, vision_learner
from support.errors import refused

from course_utils import data, training
from course_utils.backbones import resnet18_half
from course_utils.experiments import Experiment, grid
from course_utils.experiments.memory import peak_memory
from course_utils.tasks import ImageTask

TASK = ImageTask("digits", size=32, bs=8, augment=False, split=(0.02, 0.05))


def experiment(**arguments) -> Experiment:
    settings = {"strategies": [training.LinearProbe(1), training.HeadOnly(1)], "labels": [2], "seeds": [0, 1]}
    return Experiment(**({"task": TASK} | settings | arguments))


@dataclass(frozen=True)
class Described:
    """As much of a task as an experiment needs that trains nothing."""

    def describe(self) -> dict:
        return {}


@pytest.fixture
def counted(monkeypatch):
    """Counts the runs, which give made-up rows at once."""
    runs = []

    def train_and_test(name, strategy, labels, seed, **_):
        runs.append((name, labels, seed, strategy.lr))
        row = {"strategy": name, "labels": labels, "seed": seed, "lr": strategy.lr}
        return row | {
            "metric": "accuracy",
            "score": strategy.lr,
            "seconds": 1.0,
            "steps": 1,
            "trainable": 1,
            "memory_mb": 1,
            "error": "",
        }

    monkeypatch.setattr(grid, "train_and_test", train_and_test)
    return runs


def test_every_run_is_a_row_with_its_costs():
    table = experiment().run()
    assert list(table.columns) == grid.COLUMNS
    assert table[["strategy", "labels", "seed"]].to_numpy().tolist() == [
        [name, 2, seed] for name in ("linear probe", "head only") for seed in (0, 1)
    ]
    assert (table.metric == "accuracy").all()
    assert table.score.between(0, 1).all() and (table.seconds > 0).all() and (table.error == "").all()
    assert (table.steps == 2).all(), "20 images in batches of 8, one epoch"
    trainable = table.groupby("strategy").trainable.first()
    assert trainable["linear probe"] == 256 * 10 + 10 < trainable["head only"]


def test_a_run_repeats_whatever_ran_before_it_and_in_another_process():
    whole = experiment().run()
    alone = experiment(strategies=[training.HeadOnly(1)], seeds=[1]).run()
    apart = experiment(jobs=2).run()
    pick = whole[(whole.strategy == "head only") & (whole.seed == 1)].score.item()
    assert alone.score.item() == pick
    assert apart.score.tolist() == pytest.approx(whole.score.tolist(), abs=0.03)  # threads round differently


def test_a_failing_run_is_a_row_with_its_error():
    table = experiment(strategies=[training.LinearProbe(1), training.Partial(1, depth="stage 9")]).run()
    failed = table[table.strategy == "partial"]
    assert failed.score.isna().all() and failed.error.str.contains("no depth 'stage 9'").all()
    assert table[table.strategy == "linear probe"].score.notna().all()


def test_each_strategy_chooses_among_the_same_learning_rates_on_a_split_of_its_own(counted):
    trial = experiment(lrs=[1e-3, 1e-1, 1e-2])
    table = trial.run()
    assert (table.lr == 1e-1).all(), "the made-up score is the learning rate, so the highest is best"
    tuning = [run for run in counted if run[2] == grid.TUNING_SEED]
    assert len(tuning) == len(trial.tuning) == 2 * 3 and grid.TUNING_SEED not in set(table.seed)


def test_where_a_lower_score_is_better_the_lowest_one_chooses_the_learning_rate(counted):
    @dataclass(frozen=True)
    class Losses(Described):
        metric: str = "loss"
        higher_is_better: bool = False

    assert (experiment(task=Losses(), lrs=[1e-1, 1e-3, 1e-2]).run().lr == 1e-3).all()


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
    for other in ({"task": TASK.changed(size=48)}, {"strategies": [training.LinearProbe(2), training.HeadOnly(1)]}):
        with refused("experiments.other-experiment", "runs.jsonl"):
            experiment(keep=tmp_path / "runs.jsonl", **other)
    more = experiment(keep=tmp_path / "runs.jsonl", seeds=[0, 1, 2])
    assert len(more.run()) == 6 and len(counted) == 6


@pytest.mark.parametrize("seeds", [[0, 1, 0], np.array([3, 3]), (seed for seed in (1, 1))])
def test_a_seed_that_comes_twice_is_no_further_evidence(seeds):
    with refused("experiments.repeated", "seeds", "more than once"):
        experiment(seeds=seeds)
    for repeated in ({"labels": [2, 2]}, {"lrs": [1e-3, np.float32(1e-2), np.float32(1e-2)]}):
        with refused("experiments.repeated", *repeated):
            experiment(**repeated)


def test_a_run_that_two_sessions_have_kept_counts_once(counted, tmp_path):
    file = tmp_path / "runs.jsonl"
    experiment(keep=file).run()
    first, *runs = file.read_text().splitlines()
    file.write_text("\n".join([first, *runs, *runs]))
    assert len(experiment(keep=file).run()) == 4 and len(counted) == 4


def test_kept_runs_at_a_learning_rate_that_is_no_choice_now_are_left_out(counted, tmp_path):
    file = tmp_path / "runs.jsonl"
    experiment(keep=file, labels=[2, 5], lrs=[1e-3, 1e-1]).run()
    narrower = experiment(keep=file, lrs=[1e-3, 1e-2])
    table = narrower.run()
    assert (table.lr == 1e-2).all() and len(table) == 4, "1e-1 isn't offered here, and 5 labels aren't asked for"
    assert set(narrower.tuning.lr) == {1e-3, 1e-2}


@pytest.mark.parametrize("as_given", [np.array, torch.tensor, pd.Series, tuple, iter])
def test_numbers_of_any_library_are_numbers(as_given, counted, tmp_path):
    file = tmp_path / "runs.jsonl"
    numpys = {"lrs": np.logspace(-3, -1, 3), "labels": as_given([2, 5]), "seeds": as_given([0, 1]), "jobs": np.int64(1)}
    table = experiment(**numpys, keep=file).run()
    assert len(table) == 8 and len(experiment(keep=file, labels=[2, 5], lrs=[1e-3, 1e-2, 1e-1]).table) == 8


def test_a_home_in_the_name_of_a_file_is_found(counted, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    experiment(keep="~/kept/runs.jsonl").run()
    assert (tmp_path / "kept" / "runs.jsonl").is_file() and not Path("~").exists()


def test_a_file_that_can_not_be_kept_is_told_before_anything_runs(counted, tmp_path):
    (tmp_path / "file").touch()
    with refused("experiments.keep-unusable", "runs.jsonl"):
        experiment(keep=tmp_path / "file" / "runs.jsonl")
    with refused("experiments.keep-unusable"):
        experiment(keep=tmp_path)


@dataclass(frozen=True)
class Own(training.Strategy):
    """A strategy of one's own, as a notebook may change it without renaming it."""

    name = "own"

    def phases(self) -> list:
        return training.HeadOnly(self.epochs, self.lr).phases()


def test_kept_runs_belong_to_the_code_and_the_data_that_made_them(counted, tmp_path, monkeypatch):
    kept = {"keep": tmp_path / "runs.jsonl", "strategies": [Own(1)], "seeds": [0]}
    experiment(**kept).run()
    assert len(experiment(**kept).run()) == len(counted) == 1
    with monkeypatch.context() as patch:
        patch.setattr(Own, "phases", lambda self: training.Full(self.epochs, self.lr).phases())
        with refused("experiments.other-experiment", "other code"):
            experiment(**kept)
    with monkeypatch.context() as patch:
        real = data.digits
        patch.setattr(TASK.__class__, "load", lambda self, seed, labels: real(n_per_class=labels, seed=7, size=32))
        with refused("experiments.other-experiment", "other data"):
            experiment(**kept)
    assert len(experiment(**kept).table) == 1


@pytest.mark.parametrize(
    ("wrong", "code", "fact"),
    [
        ({"strategies": []}, "nothing-to-run", "at least one strategy"),
        ({"seeds": []}, "nothing-to-run", "one seed"),
        ({"strategies": [training.Full(1), training.Full(2)]}, "names", "full, full"),
        ({"seeds": [grid.TUNING_SEED]}, "tuning-seed", "1000"),
        ({"seeds": 5}, "argument", "seeds is 5"),
        ({"seeds": [-1]}, "argument", "from 0 to 4294967295"),
        ({"seeds": [True, 2]}, "argument", "True"),
        ({"labels": [2.5]}, "argument", "2.5"),
        ({"labels": [0]}, "argument", "at least 1"),
        ({"lrs": [0.1, "fast"]}, "argument", "'fast'"),
        ({"lrs": [0.0]}, "argument", "0.0"),
        ({"jobs": 0}, "argument", "jobs is 0"),
        ({"strategies": training.Full(1)}, "argument", "[Full(epochs=5)]"),
        ({"strategies": [training.Full]}, "argument", "strategies is Full"),
    ],
)
def test_an_experiment_that_cannot_be_run_is_refused(wrong, code, fact):
    with refused(f"experiments.{code}", fact):
        experiment(**wrong)


def test_the_table_is_tidy_before_anything_ran():
    table = experiment().table
    assert isinstance(table, pd.DataFrame) and list(table.columns) == grid.COLUMNS and table.empty


def test_peak_memory_sees_what_was_freed_again():
    with peak_memory(0.001) as memory:
        # From the system, since malloc would rather give what this process has freed before and still holds.
        block = mmap.mmap(-1, 80 * 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for start in range(0, len(block), 2**12):
            block[start] = 1
        until = time.monotonic() + 20
        while memory.peak <= 60 * 2**20 and time.monotonic() < until:  # for the sampler to get its turn
            time.sleep(0.01)
        block.close()
    assert memory.peak > 60 * 2**20


def by_hand(strategy, labels: int, seed: int) -> float:
    """What a run of the grid is, in plain fastai."""
    set_seed(seed)
    dls = data.digits(n_per_class=labels, seed=seed, size=32, bs=8, augment=False, split=(0.02, 0.05))
    learn = vision_learner(dls, resnet18_half, pretrained=strategy.pretrained, metrics=accuracy)
    with learn.no_bar(), learn.no_logging():
        strategy.train(learn)
        return float(learn.validate(dl=dls.test)[1])


def test_a_run_scores_what_the_same_steps_score_by_hand():
    ways = [training.Full(1, 5e-3), training.FromScratch(1, 5e-3)]
    table = experiment(task=TASK.changed(arch=resnet18_half), strategies=ways, seeds=[3], labels=[3]).run()
    assert table.score.tolist() == [by_hand(way, 3, 3) for way in ways]


def test_a_solved_strategy_runs_once_whatever_the_learning_rates():
    probing = experiment(strategies=[training.MultiDepthProbe(), training.HeadOnly(1)], seeds=[0], lrs=[1e-3, 1e-2])
    table = probing.run()
    assert not any(table.error), table.error.tolist()
    probe, head = table.iloc[0], table.iloc[1]
    assert pd.isna(probe.lr) and probe.steps == 0 and pd.notna(head.lr)
    assert set(probing.tuning.strategy) == {"head only"}
    runs = len(probing.rows)
    assert probing.run().equals(table) and len(probing.rows) == runs
