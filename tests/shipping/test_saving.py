"""A saved network is the network, its files run nothing, and what doesn't belong together is refused."""

import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from fastai.vision.learner import vision_learner
from PIL import Image
from support.errors import refused
from torch import nn
from torchvision.models import mobilenet_v3_small

from course_utils import data
from course_utils.backbones import resnet18_half
from course_utils.shipping import load_network, save_network
from course_utils.surgery import replace_head


@pytest.fixture
def folder(learn, tmp_path):
    return save_network(learn, tmp_path / "network", temperature=2.0)


def test_the_same_scores_come_back(learn, batch, folder):
    with torch.no_grad():
        assert torch.equal(load_network(folder).network(batch), learn.model.eval()(batch).as_subclass(torch.Tensor))


@pytest.mark.parametrize("size", [(32, 32), (90, 40), (333, 500)])
def test_a_photo_from_outside_is_prepared_as_fastai_prepares_it(learn, tmp_path, size):
    pixels = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    answer = load_network(save_network(learn, tmp_path / "network")).predict(tmp_path / "photo.png")
    with learn.no_bar():
        expected = learn.predict(tmp_path / "photo.png")[2]
    assert list(answer) == list(learn.dls.vocab)
    torch.testing.assert_close(torch.tensor(list(answer.values())), torch.Tensor(expected), atol=1e-5, rtol=0)


def test_the_temperature_divides_the_scores(learn, batch, folder, tmp_path):
    photo = Image.fromarray(np.full((32, 32, 3), 90, np.uint8))
    hot, plain = (load_network(each).predict(photo) for each in (folder, save_network(learn, tmp_path / "plain")))
    hot, plain = (np.log(list(each.values())) for each in (hot, plain))
    assert hot[0] - hot[1] == pytest.approx((plain[0] - plain[1]) / 2, rel=1e-3)


def test_no_file_of_it_is_a_pickle(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["network.json", "network.safetensors"]
    for path in folder.iterdir():
        with pytest.raises((pickle.UnpicklingError, ValueError, KeyError, IndexError, EOFError)):
            pickle.loads(path.read_bytes())


def test_a_linear_head_is_told_and_built_again(batch, tmp_path):
    dls = data.vehicles("cars or trucks", n_per_class=4, split=(4, 4), size=32, bs=4)
    other = vision_learner(dls, resnet18_half)
    replace_head(other, "linear")
    saved = load_network(save_network(other, tmp_path))
    assert saved.config.head == "linear"
    with torch.no_grad():
        assert torch.equal(saved.network(batch), other.model.eval()(batch).as_subclass(torch.Tensor))


def test_a_network_that_a_config_cant_describe_is_refused_before_anything_is_written(learn, tmp_path):
    other = vision_learner(learn.dls, resnet18_half)
    replace_head(other, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 7), nn.Linear(7, 2)))
    with refused("shipping.unknown-network", "ONNX"):
        save_network(other, tmp_path / "own head")
    foreign = vision_learner(learn.dls, mobilenet_v3_small, pretrained=False)
    with refused("shipping.unknown-network", "resnet18_half"):
        save_network(foreign, tmp_path / "own body")
    assert not list(tmp_path.iterdir())


def test_images_without_normalisation_are_refused(tmp_path):
    dls = data.vehicles("cars or trucks", n_per_class=4, split=(4, 4), size=32, bs=4, normalize=False)
    with refused("shipping.unknown-images", "normalize=True"):
        save_network(vision_learner(dls, resnet18_half, normalize=False), tmp_path)


@pytest.mark.parametrize("name", ["network.json", "network.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with refused("shipping.no-network", name):
        load_network(folder)


@pytest.mark.parametrize("name", ["network.json", "network.safetensors"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"[1, 2]", b'"text"', b"{}", b'{"backbone": 1}'])
def test_a_damaged_file_is_refused(folder, name, content):
    (folder / name).write_bytes(content)
    with refused("shipping.bad-network", name):
        load_network(folder)


@pytest.mark.parametrize(
    "changes",
    [{"backbone": "resnet99"}, {"form": 2}, {"resize": "stretch"}, {"head": "three layers"}, {"more": 1}]
    + [{"temperature": each} for each in (0, -1, "hot", float("nan"), None)]
    + [
        {"classes": "ab"},
        {"classes": [1, 2]},
        {"size": "32"},
        {"side": 0},
        {"mean": [0.5]},
        {"std": [0, 1, 1]},
        {"backbone": {}},
    ],
)
def test_a_config_that_this_course_doesnt_know_is_refused(folder, changes):
    file = folder / "network.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with refused("shipping.bad-network", "network.json"):
        load_network(folder)


def test_weights_of_another_network_are_refused(learn, folder, tmp_path):
    other = vision_learner(learn.dls, resnet18_half)
    replace_head(other, "linear")
    shutil.copy(save_network(other, tmp_path / "other") / "network.safetensors", folder)
    with refused("shipping.bad-network", "network.safetensors"):
        load_network(folder)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_scores_cant_be_divided_by_is_refused(learn, tmp_path, temperature):
    with refused("shipping.bad-temperature", "above 0"):
        save_network(learn, tmp_path / "network", temperature)
    assert not (tmp_path / "network").exists()
