"""Small learners for tests: a tiny network of our own, and the bundled one on a few real digits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from fastai.callback.progress import ProgressCallback
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.torch_core import set_seed
from fastai.vision.core import imagenet_stats
from fastai.vision.learner import default_split, model_meta, vision_learner
from torch import nn

from course_utils.backbones import resnet18_half
from support.datasets import few_digits


def tiny(weights: str | None = None) -> nn.Sequential:
    """A network that learns colours, in the form that vision_learner cuts: body, pooling, head."""
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Linear(8, 3))


@contextmanager
def tiny_is_known() -> Iterator[None]:
    """Within it, fastai knows where to cut `tiny` and how its images are normalised."""
    with pytest.MonkeyPatch.context() as patch:
        meta = {"cut": 3, "split": default_split, "stats": imagenet_stats, "weights": "any"}
        patch.setitem(model_meta, tiny, meta)
        yield


def tiny_learner(dls: DataLoaders, pretrained: bool = False, path: Any = ".") -> Learner:
    """A silent learner of `tiny` with a head of one layer; only within `tiny_is_known`."""
    learn = vision_learner(dls, tiny, pretrained=pretrained, metrics=accuracy, path=path, lin_ftrs=[], ps=0.0)
    return silent(learn)


def silent(learn: Learner) -> Learner:
    """The same learner without progress bars and without a table of epochs."""
    learn.remove_cbs([callback for callback in learn.cbs if isinstance(callback, ProgressCallback)])
    learn.logger = lambda _: None
    return learn


def digits_learner(*, pretrained: bool = True, seed: int = 3, arguments: dict | None = None, **options: Any) -> Learner:
    """The bundled network on thirty digits (`few_digits`), its head drawn from the seed.

    `arguments` go to vision_learner, all other options to the data set.
    """
    set_seed(seed)
    dls = few_digits(**options)
    return vision_learner(dls, resnet18_half, pretrained=pretrained, metrics=accuracy, **(arguments or {}))


def noise_learner(arch: Callable[..., nn.Module] = resnet18_half, **arguments: Any) -> Learner:
    """An untrained learner of two classes on images of noise, for tests that take its network apart."""
    torch.manual_seed(0)
    batches = [(torch.randn(4, 3, 32, 32), torch.arange(4) % 2) for _ in range(3)]
    dls = DataLoaders(batches, batches)
    dls.c = 2
    options = {"n_out": 2, "pretrained": False, "normalize": False, "loss_func": CrossEntropyLossFlat()}
    return vision_learner(dls, arch, **(options | arguments))
