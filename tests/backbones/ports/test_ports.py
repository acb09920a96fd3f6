"""The course's networks in other frameworks: the same scores, the same steps, and refusals in a sentence."""

import copy
from importlib.util import find_spec

import pytest
import torch
from support.errors import refused
from torch import nn
from torchvision.models import mobilenet_v3_small, resnet18, resnet50

from course_utils.backbones import as_keras, as_transformers, resnet18_half, vgg16_quarter
from course_utils.backbones.ports.as_transformers import transformers_name

pytestmark = pytest.mark.skipif(not find_spec("keras"), reason="the extra 'frameworks' isn't installed")


def images(batch=3, size=48):
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0))


def keras_scores(model, batch, training=False):
    return model(batch.permute(0, 2, 3, 1).contiguous(), training=training)


def layers_of(model, kind):
    return [layer for layer in model.layers if type(layer).__name__ == kind]


@pytest.mark.parametrize("build", [resnet18_half, resnet18])
def test_hugging_faces_resnet_gives_the_same_scores(build):
    network = build(weights=None).eval() if build is resnet18 else build("DEFAULT").eval()
    with torch.no_grad():
        assert torch.equal(as_transformers(network)(images()).logits, network(images()))


@pytest.mark.parametrize("build", [resnet18_half, vgg16_quarter])
def test_keras_gives_the_same_scores(build):
    network = build("DEFAULT").eval()
    with torch.no_grad():
        found, expected = keras_scores(as_keras(network), images()), network(images())
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


def test_keras_takes_a_size_and_refuses_others():
    model = as_keras(vgg16_quarter("DEFAULT"), size=48)
    assert model.input_shape == (None, 48, 48, 3)
    with pytest.raises(ValueError, match="incompatible"):
        keras_scores(model, images(size=64))


def test_a_port_shares_no_memory_with_the_network():
    network = resnet18_half("DEFAULT").eval()
    before = copy.deepcopy(network.state_dict())
    for port in (as_transformers(network), as_keras(network)):
        with torch.no_grad():
            for weight in port.parameters():
                weight.add_(1)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_gradients_of_hugging_faces_port_are_the_networks():
    network, labels = resnet18_half("DEFAULT"), torch.tensor([0, 1, 2])
    port = as_transformers(network).train()
    nn.functional.cross_entropy(network.train()(images()), labels).backward()
    port(images(), labels=labels).loss.backward()
    theirs = {name: weight.grad for name, weight in port.named_parameters()}
    assert len(theirs) == 62
    for name, weight in network.named_parameters():
        assert torch.equal(weight.grad, theirs[transformers_name(name)]), name


def test_frozen_batchnorm_stays_in_keras_and_moves_in_torch():
    network = resnet18_half("DEFAULT")
    model = as_keras(network)
    model.trainable = False
    network.requires_grad_(False)
    before, held = model.get_layer("bn1").get_weights(), network.bn1.running_mean.clone()
    keras_scores(model, images(), training=True)
    network.train()(images())
    assert all((old == new).all() for old, new in zip(before, model.get_layer("bn1").get_weights(), strict=True))
    assert not torch.equal(network.bn1.running_mean, held)


def test_keras_names_layers_after_the_networks():
    model = as_keras(resnet18_half("DEFAULT"))
    assert [layer.name for layer in layers_of(model, "Conv2D")][:3] == ["conv1", "layer1_0_conv1", "layer1_0_conv2"]
    assert [layer.name for layer in layers_of(as_keras(vgg16_quarter("DEFAULT")), "Conv2D")][-1] == "block5_conv3"
    assert len(layers_of(model, "BatchNormalization")) == 20


def test_names_of_classes_reach_hugging_faces_config():
    network = resnet18_half("DEFAULT")
    network.fc = nn.Linear(256, 2)
    config = as_transformers(network, ["cardboard", "glass"]).config
    assert config.id2label == {0: "cardboard", 1: "glass"} and config.label2id == {"cardboard": 0, "glass": 1}
    for wrong in (["glass"], ["glass", "glass"], ["a", "b", "c"]):
        with refused("backbones.port-classes", "2 classes"):
            as_transformers(network, wrong)


@pytest.mark.parametrize("port", [as_transformers, as_keras])
@pytest.mark.parametrize(
    "build", [lambda: resnet50(weights=None), lambda: mobilenet_v3_small(weights=None), nn.Flatten]
)
def test_other_networks_are_refused(port, build):
    with refused("backbones.port-unknown", "resnet18_half"):
        port(build())


@pytest.mark.parametrize("port", [as_transformers, as_keras])
def test_a_head_of_several_layers_is_refused(port):
    network = resnet18_half("DEFAULT")
    network.fc = nn.Sequential(nn.Linear(256, 8), nn.Linear(8, 2))
    with refused("backbones.port-unknown", "linear"):
        port(network)
