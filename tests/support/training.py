"""Train a learner in a test, compare how two trainings ended, and look at the running statistics of BatchNorm."""

import torch
from fastai.learner import Learner
from fastai.torch_core import set_seed
from torch import nn

from course_utils.surgery import snapshot
from course_utils.surgery.blocks import BATCHNORM
from course_utils.training import reestimate_batchnorm


def train(learn: Learner, epochs: int = 2) -> dict[str, torch.Tensor]:
    """All tensors of the network after a short training, whose random numbers are always the same."""
    set_seed(5)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, 1e-2)
    return snapshot(learn)


def close(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Whether two networks are equal but for the order in which a few numbers were added."""
    return all(torch.allclose(a[name].float(), b[name].float(), rtol=1e-3, atol=1e-4) for name in a)


def running_statistics(model: nn.Module) -> list[nn.Module]:
    """The BatchNorm layers, in order."""
    return [layer for layer in model.modules() if isinstance(layer, BATCHNORM)]


def furthest_from_settled(learn: Learner) -> float:
    """By how many standard deviations a running mean differs from that of the training images, at most."""
    layers = running_statistics(learn.model)
    before = [layer.running_mean.clone() for layer in layers]
    kept = [{name: buffer.clone() for name, buffer in layer.named_buffers()} for layer in layers]
    reestimate_batchnorm(learn)
    found = [
        ((layer.running_mean - mean).abs() / (layer.running_var + 1e-5).sqrt()).max().item()
        for layer, mean in zip(layers, before, strict=True)
    ]
    with torch.no_grad():
        for layer, buffers in zip(layers, kept, strict=True):
            layer.load_state_dict(buffers, strict=False)
    return max(found, default=0.0)
