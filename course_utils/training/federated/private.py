"""Training with differential privacy: each example's gradient is clipped, and noise hides what single ones changed."""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.arguments import finite
from course_utils.errors import CourseError
from course_utils.surgery.blocks import BATCHNORM
from course_utils.training.checks import check_above_zero, check_counts
from course_utils.training.federated.clients import Client, trainable


@dataclass(frozen=True)
class ClipAndNoise:
    """Local training by DP-SGD (Abadi et al. 2016, https://arxiv.org/abs/1607.00133), as `federate(train=)` takes it.

    In each step every example takes part with probability bs / n, its gradient is scaled to a length of at most `clip`,
    Gaussian noise of `noise` times `clip` is added to the sum, and the sum is divided by bs.

    Parameters
    ----------
    clip : float
        The largest length of one example's gradient, over all weights that train.
    noise : float
        The noise multiplier: the noise's standard deviation in units of `clip`. 0 clips alone, which keeps nothing
        private.

    Raises
    ------
    CourseError
        For settings outside of their range (`training.bad-setting`); in training, where BatchNorm would mix examples
        (`training.mixed-examples`), and where nothing trains (`training.nothing-trains`).

    Notes
    -----
    For a network without BatchNorm, or with `batchnorm="fixed"`; a head on frozen features is the usual case. Random
    numbers are torch's, which are no cryptographic ones, so this shows the cost and isn't for real secrets.
    """

    clip: float = 1.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        check_above_zero(clip=self.clip)
        _check_noise(self.noise)

    def __call__(
        self, model: nn.Module, client: Client, epochs: int, lr: float, *, bs: int = 16, generator: torch.Generator
    ) -> int:
        """Train on one client's examples; return the number of steps."""
        trainable(model)
        if any(isinstance(layer, BATCHNORM) and layer.training for layer in model.modules()):
            raise CourseError(
                "BatchNorm mixes the examples of a batch, so no gradient belongs to one of them: give federate "
                "batchnorm='fixed', or train a head on frozen features.",
                code="training.mixed-examples",
            )
        weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        bs = min(bs, len(client))
        steps = epochs * steps_an_epoch(len(client), bs)
        for _ in range(steps):
            taken = torch.rand(len(client), generator=generator) < bs / len(client)
            sums = clipped_sums(model, client.inputs[taken], client.labels[taken], self.clip)
            with torch.no_grad():
                for name, weight in weights.items():
                    noise = torch.randn(weight.shape, generator=generator).to(weight) * self.noise * self.clip
                    weight.sub_(lr * (sums[name] + noise) / bs)
        return steps


def steps_an_epoch(examples: int, bs: int) -> int:
    """Return how many steps see as many examples as there are, on average."""
    check_counts(examples=examples, bs=bs)
    return math.ceil(examples / min(bs, examples))


def clipped_sums(model: nn.Module, inputs: Tensor, labels: Tensor, clip: float) -> dict[str, Tensor]:
    """Return the sum over examples of their gradients, each scaled to a length of at most `clip`."""
    weights = {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}
    if not len(labels):  # a draw without any example
        return {name: torch.zeros_like(weight) for name, weight in weights.items()}

    def loss(own: dict[str, Tensor], example: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(torch.func.functional_call(model, own, (example[None],)), label[None])

    each: dict[str, Tensor] = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0), randomness="different")(
        weights, inputs, labels
    )
    lengths = torch.stack([own.flatten(1).norm(dim=1) for own in each.values()]).norm(dim=0)
    scale = (clip / lengths.clamp(min=1e-12)).clamp(max=1)
    return {name: torch.tensordot(scale, own, 1) for name, own in each.items()}


def epsilon(examples: int, bs: int, epochs: int, noise: float, delta: float) -> float:
    """Return the ε of (ε, δ)-differential privacy that `ClipAndNoise` gives each of a client's examples.

    Computed by opacus, by Rényi differential privacy of the subsampled Gaussian mechanism.

    Parameters
    ----------
    examples, bs, epochs : int
        The client's examples, its batch size, and its epochs in all rounds together.
    noise : float
        The noise multiplier.
    delta : float
        Usually below 1 / examples.

    Raises
    ------
    CourseError
        Where opacus is missing (`training.no-opacus`), and for counts below 1, noise below 0, or a δ that is no
        probability (`training.bad-setting`).
    """
    check_counts(examples=examples, bs=bs, epochs=epochs)
    _check_noise(noise)
    if not finite(delta) or not 0 < delta < 1:
        raise CourseError(f"delta is {delta!r}: give a number between 0 and 1.", code="training.bad-setting")
    bs = min(bs, examples)
    rdp, orders = _accounting()
    if not noise:
        return math.inf
    spent = rdp.compute_rdp(
        q=bs / examples, noise_multiplier=noise, steps=epochs * steps_an_epoch(examples, bs), orders=orders
    )
    with warnings.catch_warnings():  # of an ε so small that opacus gives a bound that is safe, but not the tightest
        warnings.filterwarnings("ignore", "Optimal order is the largest alpha", UserWarning)
        return float(rdp.get_privacy_spent(orders=orders, rdp=spent, delta=delta)[0])


def noise_for(examples: int, bs: int, epochs: int, wanted: float, delta: float) -> float:
    """Return the least noise multiplier, to about 1%, whose ε is at most `wanted`; see `epsilon`.

    Raises
    ------
    CourseError
        As `epsilon`; and for an ε that isn't above 0, or that no noise up to 1,000 reaches (`training.bad-setting`).
    """
    low, high = 0.1, 1000.0
    check_above_zero(wanted=wanted)
    if epsilon(examples, bs, epochs, high, delta) > wanted:
        raise CourseError(f"ε = {wanted!r} can't be had: give a larger number.", code="training.bad-setting")
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if epsilon(examples, bs, epochs, middle, delta) <= wanted else (middle, high)
    return high


def _check_noise(noise: float) -> None:
    if not finite(noise) or noise < 0:
        raise CourseError(f"noise is {noise!r}: give a number of 0 or more.", code="training.bad-setting")


def _accounting() -> tuple[Any, list[float]]:
    try:
        from opacus.accountants import RDPAccountant
        from opacus.accountants.analysis import rdp
    except ImportError as missing:
        raise CourseError(
            'ε is computed by opacus, which is missing: pip install "fine-tuning-course[private]".',
            code="training.no-opacus",
        ) from missing
    return rdp, RDPAccountant.DEFAULT_ALPHAS
