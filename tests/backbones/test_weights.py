"""The bundled weights: checked quickly, and refused in one sentence where something is wrong."""

import pytest
import torch
from support.errors import refused

from course_utils import backbones
from course_utils.backbones import companion, resnet18_half, vgg16_quarter, weights


def test_bundled_weights_are_fast_to_check_and_small():
    backbones.verify_weights()
    assert weights.weights_file("resnet18_half").stat().st_size == weights.training_record()["bytes"] < 6e6
    assert {t.dtype for t in weights.load_weights().values()} == {torch.float16, torch.int64}


@pytest.mark.parametrize(
    ("damage", "problem", "word"),
    [
        (lambda file: file.unlink(), "missing", "no such file"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "damaged", "are damaged"),
        (lambda file: file.write_bytes(b"\0" + file.read_bytes()[1:]), "damaged", "are damaged"),
        (lambda file: file.write_bytes(b""), "damaged", "are damaged"),
    ],
)
def test_missing_or_damaged_weights_get_one_sentence(damage, problem, word, tmp_path, monkeypatch):
    bundled = weights.weights_file("resnet18_half")
    for file in (bundled, bundled.with_suffix(".json")):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    damage(tmp_path / bundled.name)
    with refused(f"backbones.weights-{problem}", word, "install the course again"):
        resnet18_half("DEFAULT")
    with refused(f"backbones.weights-{problem}", word) as caught:
        backbones.verify_weights()
    assert str(tmp_path) not in str(caught.value)


def test_wrong_arguments_name_the_right_ones():
    with refused("backbones.unknown-weights", "'DEFAULT'"):
        resnet18_half("imagenet")
    with refused("backbones.other-classes", "weights=None"):
        resnet18_half("DEFAULT", num_classes=2)


def test_weights_that_are_not_there_get_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    monkeypatch.setattr(companion, "_folders", lambda: iter([]))
    with refused("backbones.weights-missing", "vgg16_quarter"):
        vgg16_quarter("DEFAULT")
