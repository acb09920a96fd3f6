"""Image tasks: the protocol that they keep, and what a learner of theirs depends on."""

import gc
import json
import pickle
import weakref
from functools import partial

import pytest
import torch
from fastai.data.core import DataLoaders, TfmdDL
from fastai.data.transforms import Normalize
from fastai.torch_core import TensorImage
from support.datasets import class_folders, write_images
from support.errors import refused

from course_utils import data, training
from course_utils.backbones import resnet18_half
from course_utils.experiments import Experiment
from course_utils.tasks import TASKS, ImageTask, Task, find_task, train, train_and_score
from course_utils.tasks.running import NoValidation

TASK = ImageTask("digits", size=16, bs=8, augment=False, split=(0.02, 0.05), arch=resnet18_half)


def head_of(learn) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in learn.model[1].parameters()]


@pytest.mark.parametrize("task", [TASK, *TASKS.values()], ids=lambda task: task.name)
def test_every_task_keeps_the_protocol(task):
    assert isinstance(task, Task)
    assert task.epochs >= 1 and task.higher_is_better
    assert json.loads(json.dumps(task.describe())) == json.loads(json.dumps(task.describe()))
    assert pickle.loads(pickle.dumps(task)) == task


def test_a_copy_changes_what_is_named_and_nothing_else():
    other = TASK.changed(size=24, epochs=9)
    assert (other.options["size"], other.epochs) == (24, 9)
    assert other.changed(size=16, epochs=5) == TASK
    assert {name: value for name, value in other.options.items() if TASK.options[name] != value} == {"size": 24}


def test_seed_and_start_decide_split_and_weights():
    way = training.Full(1)
    first, again, other = (TASK.learner(0, 2, way, start=start) for start in (None, None, 7))
    assert all(torch.equal(a, b) for a, b in zip(head_of(first), head_of(again), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(head_of(first), head_of(other), strict=True))
    assert first.dls.train.items == other.dls.train.items != TASK.learner(1, 2, way).dls.train.items


def test_a_strategy_from_scratch_gets_random_weights():
    fresh, trained = (TASK.learner(0, 2, way(1)).model[0] for way in (training.FromScratch, training.Full))
    first, second = next(fresh.parameters()), next(trained.parameters())
    assert not torch.equal(first, second)


def test_a_task_may_ask_for_another_head():
    linear = TASK.changed(head="linear")
    assert [tuple(weight.shape) for weight in head_of(linear.learner(0, 2, training.Full(1)))] == [(10, 256), (10,)]
    assert linear.describe() == TASK.describe() | {"head": "linear"}


def test_a_training_counts_its_steps_and_keeps_no_callback():
    score, trained = train_and_score(TASK, training.HeadOnly(2), 2, 0, cbs=[NoValidation()])
    assert trained.steps == 4 and trained.seconds > 0
    assert score == TASK.score(trained.learn, "test") and 0 <= TASK.score(trained.learn, "valid") <= 1
    assert not {"step_counter", "no_validation"} & {each.name for each in trained.learn.cbs}
    all_of_it = train(TASK, training.Full(1), 2, 0, cbs=[NoValidation()])
    assert all_of_it.trainable == sum(weight.numel() for weight in all_of_it.learn.model.parameters())
    assert trained.trainable < all_of_it.trainable
    weights = list(all_of_it.learn.model.parameters())
    assert all(weight.grad is None for weight in weights), "gradients as large as the weights stay in the memory"


def test_past_learners_are_given_up_before_they_fill_the_memory(monkeypatch):
    monkeypatch.setattr("course_utils.tasks.running.UNCOLLECTED", 1)
    gc.disable()  # Python's collector may come or not
    try:
        first = weakref.ref(train(TASK, training.Full(1), 2, 0, cbs=[NoValidation()]).learn)
        assert first() is not None, "the learner goes by itself: nothing needs to be collected any more"
        kept = train(TASK, training.Full(1), 2, 0, cbs=[NoValidation()])
    finally:
        gc.enable()
    assert first() is None and kept.learn.model is not None


def test_images_of_its_own_last_as_long_as_the_loading(monkeypatch):
    from course_utils import environment

    seen = []
    real = data.load
    monkeypatch.setattr(data, "load", lambda *given, **how: seen.append(environment.images()) or real(*given, **how))
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    TASK.changed(images="photographs").learner(0, 2, training.Full(1))
    assert seen == ["photographs"] and environment.images() == "drawings"
    assert TASK.changed(images="photographs").describe()["images"] == "photographs"


@pytest.mark.parametrize(
    ("options", "code", "fact"),
    [
        ({"metric": "loss"}, "unmeasured-metric", "'loss'"),
        ({"metric": "glory"}, "unknown-metric", "'glory'"),
        ({"seed": 1}, "option-of-a-run", "seed"),
        ({"n_per_class": 1}, "option-of-a-run", "n_per_class"),
    ],
)
def test_a_task_that_cannot_be_is_refused(options, code, fact):
    with refused(f"tasks.{code}", fact):
        ImageTask("digits", **options)


def test_an_unknown_task_is_refused():
    with refused("tasks.unknown-task", "'glory'", "09_tuning"):
        find_task("glory")


# ---------------------------------------------------------------------------------------------------- data of one's own


def plain(n_per_class: int, seed: int, sets: int = 3):
    """fastai's own loaders of a few images in two colours, without the course's classes."""
    labels = torch.arange(2 * n_per_class + 16) % 2
    pixels = torch.rand(len(labels), 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    pixels[labels == 1, 0] += 1
    pairs = list(zip(map(TensorImage, pixels), labels, strict=True))
    parts = [pairs[: 2 * n_per_class], pairs[-16:-8], pairs[-8:]][:sets]
    dls = DataLoaders(*(TfmdDL(part, bs=2, shuffle=not n, num_workers=0) for n, part in enumerate(parts)))
    dls.c, dls.vocab = 2, ["dark", "red"]
    return dls


class Loads:
    """A loader with a state, as objects may have one."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, **options):
        return data.images(self.folder, **options)


@pytest.fixture
def folder(tmp_path):
    return class_folders(tmp_path / "photos", each=9)


def test_any_function_that_loads_images_is_data(folder):
    own = {"size": 16, "bs": 4, "augment": False, "split": (2, 2)}
    ways = {
        "plain": (plain, {}),
        "<lambda>": (lambda **options: plain(**options), {}),
        "Loads": (Loads(folder), own),
        f"images({str(folder)!r})": (partial(data.images, str(folder)), own),
    }
    for name, (load, options) in ways.items():
        task = ImageTask(load, arch=resnet18_half, **options)
        assert isinstance(task, Task) and task.name == task.describe()["dataset"] == name
        assert json.loads(json.dumps(task.describe())) == task.describe()
        score, trained = train_and_score(task, training.HeadOnly(1), 4, 0, cbs=[NoValidation()])
        assert 0 <= score <= 1 and trained.steps >= 2
        again = train_and_score(task, training.HeadOnly(1), 4, 0, cbs=[NoValidation()])[1]
        assert all(torch.equal(a, b) for a, b in zip(head_of(trained.learn), head_of(again.learn), strict=True))


def test_loaders_that_a_function_gives_again_and_again_stay_as_they_are():
    given = plain(4, 0)
    task = ImageTask(lambda n_per_class, seed: given, arch=resnet18_half)
    first = task.learner(0, 4, training.HeadOnly(1))
    assert any(isinstance(step, Normalize) for step in first.dls.train.after_batch.fs)
    assert not any(isinstance(step, Normalize) for dl in given.loaders for step in dl.after_batch.fs)


def test_data_without_a_test_set_say_so():
    task = ImageTask(partial(plain, sets=2), arch=resnet18_half)
    with refused("tasks.no-such-set", "no test set"):
        train_and_score(task, training.HeadOnly(1), 4, 0, cbs=[NoValidation()])
    assert 0 <= train_and_score(task, training.HeadOnly(1), 4, 0, split="valid")[0] <= 1


def test_a_task_of_ones_own_data_runs_in_an_experiment_of_two_processes(folder, tmp_path):
    task = ImageTask(lambda **options: data.images(folder, **options), arch=resnet18_half, size=16, split=(2, 2), bs=4)
    runs = {"labels": [3], "seeds": [0, 1], "keep": tmp_path / "runs.jsonl"}
    table = Experiment(task, [training.HeadOnly(1)], jobs=2, **runs).run()
    assert not any(table.error), table.error.tolist()
    write_images(folder, ["cat/1.png"], seed=5)  # another image under the same name
    with refused("experiments.other-experiment", "other data"):
        Experiment(task, [training.HeadOnly(1)], **runs)
