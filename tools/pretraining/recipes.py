"""Recipes of the pre-training runs: everything that decides the outcome, so that a model card can state it."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Cycle:
    """One rise and fall of the learning rate, on images that grow.

    At 32 px a step takes a quarter of the arithmetic of 64 px. Crops of 48 px show things as large as whole images of
    64 px do, which suits the measuring (Touvron et al. 2019, "Fixing the train-test resolution discrepancy").
    """

    stages: tuple[tuple[int, int, float], ...]  # epochs, side in pixels, smallest crop as a share of the area
    batch_size: int  # of all processes together
    peak_lr: float
    warm_up: float  # share of the steps
    late: tuple[float, float] = (1, 1)  # from this share of the steps on, this part of the learning rate

    @property
    def epochs(self) -> int:
        """Epochs of this cycle."""
        return sum(epochs for epochs, *_ in self.stages)

    def stage(self, epoch: int) -> tuple[int, float]:
        """Side in pixels and smallest crop of an epoch of this cycle."""
        each_epoch = [(side, smallest) for epochs, side, smallest in self.stages for _ in range(epochs)]
        return each_epoch[epoch]

    def lr(self, done: float) -> float:
        """Learning rate when a share `done` of the steps is behind: a linear rise, then a cosine."""
        if done < self.warm_up:
            return self.peak_lr * done / self.warm_up
        cosine = 0.5 * (1 + math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up)))
        return self.peak_lr * cosine * (1 if done < self.late[0] else self.late[1])


@dataclass(frozen=True)
class Recipe:
    """The cycles of a run and what stays the same in all of them."""

    cycles: tuple[Cycle, ...]
    weight_decay: float = 5e-4  # on convolution and linear weights only
    momentum: float = 0.9
    label_smoothing: float = 0.1
    average_decay: float = 0.998  # exponential average of the weights, per step
    averaged_ends: int = 3  # the last cycles whose ends are averaged once more (Izmailov et al. 2018)
    jitter: float = 0.2  # brightness and contrast
    bfloat16: bool = False  # the forward pass of training in mixed precision; what is measured and shipped isn't
    seed: int = 0

    @property
    def epochs(self) -> int:
        """Epochs of the whole run."""
        return sum(cycle.epochs for cycle in self.cycles)

    def cycle(self, epoch: int) -> tuple[Cycle, int]:
        """Return the cycle that an epoch of the run belongs to, and which of its epochs that is."""
        for cycle in self.cycles:
            if epoch < cycle.epochs:
                return cycle, epoch
            epoch -= cycle.epochs
        raise IndexError("the run is over")


# Warm restarts (Loshchilov and Hutter 2016, "SGDR"). The first cycle's peak stalled the loss, hence its `late`. The
# last two crop less: a network this small never learns all of the narrow crops, and is measured on whole images.
# The last one overfits, yet adds to the average.
RESNET18_HALF = Recipe(
    cycles=(
        Cycle(((18, 32, 0.35), (13, 48, 0.35), (5, 64, 0.45)), 256, peak_lr=0.8, warm_up=0.15, late=(8 / 36, 1 / 3)),
        Cycle(((20, 48, 0.35), (3, 64, 0.5)), 128, peak_lr=0.1, warm_up=0.05),
        Cycle(((9, 56, 0.6), (3, 64, 0.7)), 128, peak_lr=0.06, warm_up=0.05),
        Cycle(((9, 56, 0.7), (4, 64, 0.8)), 128, peak_lr=0.05, warm_up=0.05),
    )
)

# A third of the other network's parameters: it underfits, so it is cropped, dimmed and decayed less. bfloat16 halves
# the time of a step on CPUs that multiply in it.
VGG16_QUARTER = Recipe(
    cycles=(Cycle(((14, 32, 0.6), (14, 48, 0.6), (4, 64, 0.8)), 128, peak_lr=0.15, warm_up=0.1),),
    weight_decay=2e-4,
    averaged_ends=1,
    jitter=0.1,
    bfloat16=True,
)
