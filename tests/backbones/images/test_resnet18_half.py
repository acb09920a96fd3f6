"""The bundled network: its topology, fastai's view of it, and precisions."""

import pytest
import torch
from fastai.vision.core import imagenet_stats
from fastai.vision.learner import model_meta
from support.learners import noise_learner
from torchvision.models import resnet18

from course_utils.backbones import resnet18_half, weights


@pytest.fixture(scope="module")
def pretrained() -> torch.nn.Module:
    return resnet18_half("DEFAULT").eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_it_is_torchvisions_resnet18_at_half_width():
    half, whole = resnet18_half().state_dict(), resnet18(num_classes=200).state_dict()
    assert list(half) == list(whole)
    for name, value in whole.items():
        halved = [n if n in (3, 7, 200) or i > 1 else n // 2 for i, n in enumerate(value.shape)]
        assert list(half[name].shape) == halved, name
    assert sum(p.numel() for p in resnet18_half().parameters()) == weights.training_record()["parameters"]


def test_its_steps_are_torchvisions(images):
    """With a full-width network's modules in its place, the forward pass gives torchvision's own scores."""
    whole, half = resnet18(num_classes=200).eval(), resnet18_half().eval()
    for name, part in whole.named_children():
        setattr(half, name, part)
    assert torch.equal(half(images), whole(images))


def test_fastai_cuts_groups_and_normalises_it_like_a_resnet():
    learner = noise_learner(pretrained=True)
    assert model_meta[resnet18_half]["stats"] == imagenet_stats
    body, head = learner.model
    shipped = weights.load_weights()
    assert torch.equal(body[0].weight, shipped["conv1.weight"].float())
    assert torch.equal(body[7][1].conv2.weight, shipped["layer4.1.conv2.weight"].float())
    assert len(body) == 8 and head[-1].out_features == 2
    learner.create_opt()
    groups = learner.opt.param_lists
    assert len(groups) == 3
    assert [p.shape for p in groups[2]] == [p.shape for p in head.parameters()]
    assert len(groups[0]) == sum(1 for _ in body[:6].parameters())
    frozen = {name for name, p in learner.model.named_parameters() if not p.requires_grad}
    assert "0.0.weight" in frozen and not any(name.startswith("1.") for name in frozen)


def test_an_untrained_one_has_random_weights():
    first, second = resnet18_half().conv1.weight, resnet18_half().conv1.weight
    assert not torch.equal(first, second)


def test_other_precisions_and_layouts_give_the_same_answers(pretrained, images):
    with torch.inference_mode():
        scores = pretrained(images)
        assert torch.isfinite(scores).all()
        last = resnet18_half("DEFAULT").eval().to(memory_format=torch.channels_last)
        torch.testing.assert_close(last(images.to(memory_format=torch.channels_last)), scores, rtol=1e-3, atol=1e-3)
        with torch.autocast("cpu", torch.bfloat16):
            rough = pretrained(images)
    assert rough.dtype == torch.bfloat16
    close = torch.nn.functional.cosine_similarity(rough.float(), scores)
    assert close.min() > 0.99
