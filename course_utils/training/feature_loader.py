"""Stored features: where they are kept, how they are computed, and the loader that makes batches of them."""

import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from fastai.data.load import DataLoader
from fastai.torch_basics import chunked, to_device
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import evaluating
from course_utils.training.cut_forward import CutForward, size_of
from course_utils.training.randomness import randomness_kept

BUDGET = 2**29  # bytes of features that are kept in memory; more go to a file


class FeatureDL(DataLoader):
    """Batches of stored features, in the order that the loader of the images would have taken.

    Parameters
    ----------
    source : DataLoader
        The loader of the images; it draws the order.
    cut : CutForward
        The network that the features are of.
    ordered : DataLoader
        The same images, each once and from first to last.
    copies : int
        How often the images pass the frozen blocks; epochs take the outputs in turn.
    budget : int
        Bytes of features to keep in memory.
    earlier : FeatureDL, optional
        The features of an earlier depth of the same network and images, to go on from in place of the images.
    """

    _default = "source"  # what this loader doesn't know (vocab, n_inp), that one does

    def __init__(
        self,
        source: DataLoader,
        cut: CutForward,
        ordered: DataLoader,
        copies: int = 1,
        budget: int = BUDGET,
        *,
        earlier: "FeatureDL | None" = None,
    ) -> None:
        size = len(ordered.dataset)
        super().__init__(range(size), bs=source.bs, drop_last=source.drop_last, device=source.device)
        self.source, self.cut, self.turn, self.ordered, self.earlier = source, cut, -1, ordered, earlier
        self.copies = empty_features((copies, size, *cut.shape), budget)
        self.on_disk = self.copies.nbytes > budget
        self.kept: dict[str, Tensor] = {}
        self.targets: list[Tensor] = []
        self.filled = self.differ = False

    def fill(self) -> None:
        """Compute the features, unless they are there."""
        if self.filled:
            return
        with evaluating(self.cut.model), randomness_kept():
            for turn in self.copies:
                self._compute(turn)
        if not self.on_disk:
            self.copies = self.copies.to(self.source.device)
        self.filled = True

    def __iter__(self) -> Iterator[tuple]:
        """Give batches of features, computed now if need be; or the images, where their features differ in shape."""
        if not self.differ:
            try:
                self.fill()
            except CourseError:
                self.differ = True
        yield from self.source if self.differ else super().__iter__()

    def get_idxs(self) -> list[int]:
        """Let the loader of the images draw the order of an epoch."""
        return self.source.get_idxs()

    def randomize(self) -> None:
        """Begin an epoch: the next copy's turn."""
        self.source.randomize()
        self.turn += 1

    def new(self, *arguments: Any, **options: Any) -> DataLoader:
        """Loaders made from this one, as `get_preds` makes them, load images; the learner takes those as well."""
        return self.source.new(*arguments, **options)

    def create_batches(self, samps: Iterator[int]) -> Iterator[tuple]:
        """Yield a batch of features and targets for each chunk of the order."""
        for chunk in chunked(samps, self.bs, self.drop_last):
            yield self._batch(chunk, self.turn % len(self.copies))

    def holds_for(self, layers: Collection[nn.Module]) -> bool:
        """Whether these layers come behind the cut, and the features are those of images without augmentation."""
        before = {module for layer in self.cut.layers for module in layer.modules()}
        return len(self.copies) == 1 and before.isdisjoint(layers)

    def batches(self, order: Sequence[int], bs: int) -> Iterator[tuple]:
        """Yield batches in an order of the caller's own; the order of training stays what it is."""
        self.fill()
        for chunk in chunked(order, bs):
            yield to_device(self._batch(chunk, 0), self.device)

    def _batch(self, chunk: list[int], turn: int) -> tuple:
        kept = {name: part[chunk] for name, part in self.kept.items()}
        return self.cut.stored(self.copies[turn][chunk], kept), *(target[chunk] for target in self.targets)

    def _compute(self, stored: Tensor) -> None:
        """Fill `stored` (examples, *shape) from one pass, and note the inputs to keep and the targets."""
        if self.earlier is not None:
            for start, (given, *_) in self._read(self.earlier.batches(range(self.n), self.ordered.bs)):
                self._put(stored, start, self.cut.features(given, self.earlier.cut))
            self.kept, self.targets = self.earlier.kept, self.earlier.targets
            return
        kept: list[dict[str, Tensor]] = []
        targets: list[list[Tensor]] = []
        for start, (given, *rest) in self._read(self.ordered):
            self._put(stored, start, self.cut.features(given))
            kept.append(self.cut.kept(given))
            targets.append(rest)
        self.kept = {name: torch.cat([part[name] for part in kept]) for name in kept[0]}
        self.targets = [torch.cat(part) for part in zip(*targets, strict=True)]

    def _read(self, batches: Iterable[tuple]) -> Iterator[tuple[int, tuple]]:
        """Give each batch with the number of its first example."""
        start = 0
        for batch in batches:
            yield start, batch
            start += size_of(batch[0])

    def _put(self, stored: Tensor, start: int, features: Tensor) -> None:
        if features.shape[1:] != stored.shape[1:]:
            raise CourseError(
                f"The features of one batch have shape {tuple(features.shape[1:])} and those of the first one "
                f"{tuple(stored.shape[1:])}: bring all inputs to one size, such as texts to one length.",
                code="training.features-differ",
            )
        stored[start : start + len(features)] = features


def empty_features(shape: tuple[int, ...], budget: int) -> Tensor:
    """Make a tensor of 32-bit floats, in memory or, beyond the budget, over a file.

    The file has no name, so nothing stays behind however the run ends. Raises CourseError "training.disk-full".
    """
    size = 4 * prod(shape)
    if size <= budget:
        return torch.empty(shape)
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if size > free:
        raise CourseError(
            f"The features take {size / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB left: freeze deeper (later "
            "features are smaller), take smaller images, or fewer copies.",
            code="training.disk-full",
        )
    return torch.from_numpy(np.memmap(tempfile.TemporaryFile(), dtype=np.float32, mode="w+", shape=shape))
