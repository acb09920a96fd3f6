"""Sound tasks: the protocol that they keep, what a learner of theirs depends on, and trainings of some steps."""

import json
import pickle

import pytest
import torch
from support.errors import refused

from course_utils import surgery, training
from course_utils.tasks import SoundTask, Task, sound_learner, train, train_and_score

TASK = SoundTask("trade_words", bs=12, split=(2, 6))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setenv("COURSE_NETWORK", "small")
    monkeypatch.setenv("COURSE_IMAGES", "drawings")


def test_it_keeps_the_protocol():
    assert isinstance(TASK, Task)
    assert TASK.epochs >= 1 and TASK.higher_is_better and TASK.name == "trade_words"
    assert json.loads(json.dumps(TASK.describe())) == TASK.describe()
    assert pickle.loads(pickle.dumps(TASK)) == TASK
    other = TASK.changed(bs=4, trade="workshop")
    assert (other.bs, other.options["trade"]) == (4, "workshop") and other.changed(bs=12).bs == 12


def test_seed_and_start_decide_split_and_head():
    way = training.Full(1)
    first, again, other = (TASK.learner(0, 1, way, start=start) for start in (None, None, 7))
    heads = [learn.model.fc.weight for learn in (first, again, other)]
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])
    waves = [learn.dls.train.dataset.waves for learn in (first, other, TASK.learner(1, 1, way))]
    assert torch.equal(waves[0], waves[1]) and not torch.equal(waves[0], waves[2])
    fresh = TASK.learner(0, 1, training.FromScratch(1)).model
    assert not torch.equal(first.model.layer1[0].conv1.weight, fresh.layer1[0].conv1.weight)


def test_the_head_alone_learns_new_words_from_stored_features():
    """One recording of each of twelve words: better than chance, 8%, with the body as it was."""
    way = training.HeadOnly(20, lr=1e-2, batchnorm="fixed")
    before = surgery.snapshot(TASK.learner(0, 1, way))
    learn = train(TASK, way, 1, 0).learn
    changed = surgery.drift(before, learn)
    assert changed.layer[changed.change != 0].unique().tolist() == ["fc"]
    assert TASK.score(learn) > 0.3


@pytest.mark.parametrize("backbone", ["speech_resnet", "voice_encoder"])
def test_every_network_of_sounds_trains(backbone):
    task = TASK.changed(backbone=backbone)
    score, trained = train_and_score(task, training.Full(1, lr=1e-3), 1, 0)
    assert 0 <= score <= 1 and trained.steps == 1


def test_a_learner_freezes_by_blocks():
    learn = TASK.learner(0, 1, training.Full(1))
    learn.create_opt()
    assert len(learn.opt.param_lists) == len(surgery.blocks(learn)) == 6
    assert sound_learner(learn.dls).model.fc.out_features == 12


def test_other_networks_and_metrics_are_refused():
    with refused("tasks.no-sound-backbone", "resnet18_half", "'speech_resnet'"):
        SoundTask(backbone="resnet18_half").learner(0, 1, training.Full(1))
    with refused("tasks.unmeasured-metric", "A sound task"):
        SoundTask(metric="F1")
    with refused("tasks.option-of-a-run", "seed"):
        SoundTask(seed=1)
