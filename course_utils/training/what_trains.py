"""What trains in a phase: the head, everything from a block on, one block and the head, fastai's parameter groups.

Each is a small frozen dataclass with one method, `select`; those that also say which is the `first` block to train let
features be kept for the phases ahead. A method of fine-tuning that trains other weights (biases
alone, adapters, low-rank updates) is one more such class; strategies, phases and their interpreter stay as they are.
"""

from dataclasses import dataclass
from typing import Protocol

from fastai.learner import Learner

from course_utils.surgery import freeze, freeze_to, unfreeze, unfreeze_block
from course_utils.surgery.blocks import block_index
from course_utils.surgery.freezing import BatchNorm, release_batchnorm


class WhatTrains(Protocol):
    """Anything that can say which weights of a learner train."""

    def select(self, learn: Learner, batchnorm: BatchNorm) -> None:
        """Let the chosen weights train and freeze all others, before a phase begins.

        A class that adds weights to the network calls `learn.create_opt()` afterwards: the old optimiser doesn't know
        them.

        Parameters
        ----------
        learn : Learner
            The learner; its network is changed in place.
        batchnorm : "train" or "fixed"
            What the BatchNorm layers of frozen blocks do: follow the new data, or keep weights and statistics.
        """


@dataclass(frozen=True)
class Everything:
    """All weights train."""

    def select(self, learn: Learner, batchnorm: BatchNorm) -> None:
        """Unfreeze every block; no BatchNorm layer is left in a frozen block, so `batchnorm` has no effect."""
        unfreeze(learn)


@dataclass(frozen=True)
class Head:
    """Only the head trains."""

    def select(self, learn: Learner, batchnorm: BatchNorm) -> None:
        """Freeze all blocks but the head."""
        freeze(learn, batchnorm=batchnorm)

    def first(self, learn: Learner) -> int:
        """How many blocks lie before the head."""
        return block_index(learn, -1)


@dataclass(frozen=True)
class FromBlock:
    """A block and all later ones train."""

    depth: int | str  # the block's name, or how many blocks lie before it; -1 is the head

    def select(self, learn: Learner, batchnorm: BatchNorm) -> None:
        """Freeze the blocks before the depth."""
        freeze_to(learn, self.depth, batchnorm=batchnorm)

    def first(self, learn: Learner) -> int:
        """How many blocks lie before the depth."""
        return block_index(learn, self.depth)


@dataclass(frozen=True)
class BlockAndHead:
    """One block and the head train."""

    block: int | str

    def select(self, learn: Learner, batchnorm: BatchNorm) -> None:
        """Freeze all blocks but this one and the head."""
        freeze(learn, batchnorm=batchnorm)
        unfreeze_block(learn, self.block)

    def first(self, learn: Learner) -> int:
        """How many blocks lie before the one that trains."""
        return block_index(learn, self.block)


@dataclass(frozen=True)
class FromGroup:
    """fastai's parameter groups from a number on train, as after `learn.freeze_to(number)`.

    BatchNorm layers of frozen groups always train, as fastai lets them; `batchnorm` has no effect.
    """

    group: int  # -1 is `learn.freeze()`, 0 is `learn.unfreeze()`

    def select(self, learn: Learner, batchnorm: BatchNorm) -> None:
        """Freeze the parameter groups before the number; BatchNorm that was fixed before follows the data again."""
        release_batchnorm(learn)
        learn.freeze_to(self.group)
