"""A small trained classifier of drawn photos, made once."""

import pytest
from fastai.learner import Learner
from fastai.vision.learner import vision_learner

from course_utils import data
from course_utils.backbones import resnet18_half
from course_utils.training import HeadOnly


@pytest.fixture(scope="session")
def learn() -> Learner:
    dls = data.vehicles("cars or trucks", n_per_class=10, split=(10, 10), size=32, bs=10, seed=0)
    return HeadOnly(1).train(vision_learner(dls, resnet18_half, metrics=dls.metric))


@pytest.fixture(scope="session")
def batch(learn):
    """Prepared validation images, on the CPU."""
    import torch

    return learn.dls.valid.one_batch()[0].as_subclass(torch.Tensor).cpu()
