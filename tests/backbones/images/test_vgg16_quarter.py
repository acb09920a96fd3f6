"""The plain network: its topology, and fastai's view of it."""

import torch
from fastai.vision.core import imagenet_stats
from fastai.vision.learner import model_meta
from support.learners import noise_learner
from torchvision.models import vgg16

from course_utils.backbones import vgg16_quarter


def test_the_plain_one_is_torchvisions_vgg16_at_quarter_width():
    quarter, images = vgg16_quarter(), torch.randn(8, 3, 64, 64)
    with torch.device("meta"):  # only shapes are compared: its weights would take half a gigabyte
        whole = vgg16(num_classes=200)
    assert [name for name, _ in quarter.named_children()] == [name for name, _ in whole.named_children()]
    assert [type(part) for part in quarter.features] == [type(part) for part in whole.features]
    for ours, theirs in zip(quarter.features.parameters(), whole.features.parameters(), strict=True):
        assert list(ours.shape) == [n if n == 3 else n // 4 for n in theirs.shape]
    convolutions = [part for part in quarter.modules() if isinstance(part, torch.nn.Conv2d)]
    assert len(convolutions) == 13 and all(part.bias is not None for part in convolutions)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in quarter.modules())
    assert sum(p.numel() for p in quarter.parameters()) == 946_584
    assert quarter(images).shape == (8, 200)
    assert quarter(images[:, :, :32, :32]).shape == (8, 200)


def test_fastai_cuts_groups_and_normalises_the_plain_one():
    learner = noise_learner(vgg16_quarter)
    assert model_meta[vgg16_quarter]["stats"] == imagenet_stats
    body, head = learner.model
    assert len(body) == 1 and len(body[0]) == 31 and head[-1].out_features == 2
    learner.create_opt()
    early, late, last = learner.opt.param_lists
    blocks = list(body.parameters())
    assert [id(p) for p in early] == [id(p) for p in blocks[:14]], "blocks 1 to 3: seven convolutions"
    assert [id(p) for p in late] == [id(p) for p in blocks[14:]]
    assert [id(p) for p in last] == [id(p) for p in head.parameters()]
