"""No comparison of the course sees a network whose BatchNorm statistics lag behind its weights."""

import sys
from pathlib import Path

import optuna
import pytest
from support.training import furthest_from_settled

from course_utils.experiments import Experiment, objective
from course_utils.tasks import ImageTask
from course_utils.training import FineTune, FromScratch, HeadOnly, LinearProbe

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import arms
from comparisons import COMPARISONS, shrink, write_images

TASK = ImageTask("digits", size=32, bs=8, augment=False, split=(0.02, 0.05))


@pytest.fixture
def lags(monkeypatch) -> list[float]:
    """How far the statistics lag whenever a task scores a learner."""
    found: list[float] = []
    real = ImageTask.score

    def score(self, learn, split="test"):
        found.append(furthest_from_settled(learn))
        return real(self, learn, split)

    monkeypatch.setattr(ImageTask, "score", score)
    return found


def test_the_grid_compares_settled_networks(lags):
    ways = [FromScratch(1), LinearProbe(1), HeadOnly(1), FineTune(2)]
    table = Experiment(TASK, ways, labels=[2], seeds=[0]).run()
    assert (table.error == "").all() and len(lags) == len(ways)
    assert max(lags) < 1e-5


def test_a_search_compares_settled_networks_at_the_end_and_where_it_prunes(lags, monkeypatch):
    pruned_by: list[float] = []
    real = objective.Prune.after_epoch
    monkeypatch.setattr(
        objective.Prune, "after_epoch", lambda self: pruned_by.append(furthest_from_settled(self.learn)) or real(self)
    )
    task = objective.SearchedTask(TASK.changed(labels=2, epochs=2))
    study = optuna.create_study()
    study.enqueue_trial({name: task.defaults[name] for name in task.space} | {"augment": 0})
    objective.Objective(task)(study.ask(task.space))
    assert len(pruned_by) == 2 and max(pruned_by + lags) < 1e-5


@pytest.mark.parametrize("arm", ["ours", "torch"])
def test_the_benchmark_times_settled_networks(arm, monkeypatch, tmp_path):
    found: list[float] = []
    real = arms.Watch.test

    def test(self, model, settle):
        def settle_and_look():
            settle()
            before = {name: buffer.clone() for name, buffer in model.named_buffers() if "running" in name}
            settle()
            now = dict(model.named_buffers())
            found.extend((now[name] - buffer).abs().max().item() for name, buffer in before.items())

        real(self, model, settle_and_look)

    monkeypatch.setattr(arms.Watch, "test", test)
    monkeypatch.setenv("COURSE_PROFILE", "mini")
    compared = shrink(COMPARISONS["digits"])
    write_images(compared, 0, tmp_path)
    wanted = {"task": "digits", "quick": True, "regime": "full", "arm": arm, "seed": 0, "rate": 1e-3}
    arms.train(wanted | {"images": str(tmp_path)})
    assert found and max(found) < 0.05, "plain PyTorch's loader mixes anew, so its batches differ a little"
