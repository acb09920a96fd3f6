"""The detector's pre-training: it can be stopped, boxes are mirrored with their streets, and the card is true."""

import json

import pytest
import torch
from safetensors.torch import load

from course_utils import data
from tools.pretraining import companion
from tools.pretraining.streets import card, training


class Stopped(Exception):
    pass


def test_mirrored_streets_keep_their_boxes():
    images, targets = training.draw(training.TESTED_BY, 12)
    random = torch.Generator().manual_seed(0)
    changed, moved = training.change(images, targets, random)
    assert changed.shape == images.shape and changed.min() >= 0 and changed.max() <= 255
    mirrored = [not torch.equal(one, other) for one, other in zip(targets, moved, strict=True)]
    assert 2 < sum(mirrored) < 12
    for before, after in zip(targets, moved, strict=True):
        held = before[:, 4] >= 0
        assert torch.equal(before[~held], after[~held]) and torch.equal(before[:, 4], after[:, 4])
        there = after[held]
        assert (there[:, 2] > there[:, 0]).all() and torch.equal(before[held][:, 1::2], there[:, 1::2])
        assert torch.equal(before[held][:, 0], there[:, 0]) or torch.equal(96 - before[held][:, 2], there[:, 0])


def test_no_street_of_the_course_is_trained_on():
    trained, _ = training.draw(training.TRAINED_BY, 40)
    streets = data.streets(20, seed=training.SEED, split=(10, 10))
    shown = torch.cat(list(streets.images.values()))
    assert not {image.numpy().tobytes() for image in trained} & {image.numpy().tobytes() for image in shown}


def test_a_stopped_run_goes_on_where_it_was(tmp_path, monkeypatch):
    """Two runs, one of them stopped in its second epoch, end with the same weights."""
    monkeypatch.setattr(training, "BATCH", 4)
    sizes = {"streets": 8, "epochs": 2, "tested": 2}
    training.pretrain(tmp_path / "whole", **sizes)
    step = training._step
    with monkeypatch.context() as patched, pytest.raises(Stopped):
        steps = iter(range(4))

        def stop(*given):
            if next(steps) == 3:
                raise Stopped("here")
            return step(*given)

        patched.setattr(training, "_step", stop)
        training.pretrain(tmp_path / "cut", **sizes)
    torch.manual_seed(99)  # a new process knows nothing of the random numbers that the first one drew
    training.pretrain(tmp_path / "cut", **sizes)
    whole, cut = (load((tmp_path / out / "street_detector.safetensors").read_bytes()) for out in ("whole", "cut"))
    assert whole.keys() == cut.keys() and all(torch.equal(whole[name], cut[name]) for name in whole)
    assert [row["epoch"] for row in json.loads((tmp_path / "cut" / "history.json").read_text())] == [1, 2]


def test_the_card_states_the_manifests_figures():
    figures = json.loads((companion.IN_CLONE / "manifest.json").read_text())["street_detector"]
    stated = (companion.IN_CLONE / figures["card"]).read_text()
    assert stated == card.render(figures), "python -m tools.pretraining.streets.card renews it"
    assert len(figures["history"]) == training.EPOCHS and figures["bytes"] < 6e6
    day, night, rain = (figures["precision"][weather][0] for weather in ("by day", "by night", "in the rain"))
    assert day > 0.9 > night > rain, "what the lesson begins with"
