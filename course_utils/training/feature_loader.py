"""Stored features: where they are kept, how they are computed, and the loader that makes batches of them."""

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from fastai.data.load import DataLoader
from fastai.torch_basics import chunked, to_device
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import evaluating
from course_utils.training import feature_store
from course_utils.training.cut_forward import MASK, CutForward, Input, length_of
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
    network : str
        A digest of the frozen blocks, by which the features are kept on disk; "" keeps them in memory alone.
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
        network: str = "",
    ) -> None:
        size = len(ordered.dataset)
        options = {"bs": source.bs, "drop_last": source.drop_last, "device": source.device}
        super().__init__(source.dataset, n=size, indexed=True, **options)  # the images, for predict and export
        self.source, self.cut, self.turn, self.ordered, self.earlier = source, cut, -1, ordered, earlier
        self.network, self.inputs = network, ""  # digests, of the inputs once they were read
        self.copies = empty_features((copies, size, *shape_of_all(cut, ordered)), budget)
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
        self.it = None  # fastai deletes it at the end, and would find that of `source` where a look at a batch left it
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
        features = self.copies[turn][chunk]
        if self.cut.of_texts:  # padded no further than to the longest text of the batch, as its tokens were
            longest = int(kept[MASK].any(0).nonzero().max()) + 1
            kept, features = {name: part[:, :longest] for name, part in kept.items()}, features[:, :longest]
        return self.cut.stored(features, kept), *(target[chunk] for target in self.targets)

    def _compute(self, stored: Tensor) -> None:
        """Fill `stored` (examples, *shape) from one pass, or from disk, and note inputs to keep and targets."""
        lasting = bool(self.network) and len(self.copies) == 1 and not self.on_disk and feature_store.is_on()
        read = self._reader(lasting)
        key = feature_store.digest(["features", self.network, self.inputs]) if lasting else ""
        if key and self._load(key, stored, next(iter(read()))):
            return
        start, before = 0, None if self.earlier is None else self.earlier.cut
        for given in read():
            features = self.cut.features(given, before)
            self._put(stored, start, features)
            start += len(features)
        if key:
            feature_store.keep(key, stored)

    def _reader(self, lasting: bool) -> Callable[[], Iterable[Input]]:
        """Give what reads the inputs of all batches, images or earlier features, as often as it is called.

        lasting: look through the images first, for a digest of what the network gets
        """
        if earlier := self.earlier:
            earlier.fill()
            self.kept, self.targets, self.inputs = earlier.kept, earlier.targets, earlier.inputs
            return lambda: (batch[0] for batch in earlier.batches(range(self.n), self.ordered.bs))
        if not lasting:
            return self._images
        held: list[Input] = []
        digests, size = [], 0
        for given in self._images():
            digests.append(feature_store.digest(_named(given)))
            size += sum(part.nbytes for part in _named(given) if isinstance(part, Tensor))
            if size <= BUDGET:
                held.append(given)
        self.inputs = feature_store.digest(digests)
        return self._images if size > BUDGET else lambda: held

    def _images(self) -> Iterator[Input]:
        """Give the images batch by batch, and note the targets and the inputs that are needed behind the cut."""
        kept: list[dict[str, Tensor]] = []
        targets: list[list[Tensor]] = []
        for given, *rest in self.ordered:
            kept.append(self.cut.kept(given))
            targets.append(rest)
            yield given
        self.kept = {name: _joined([part[name] for part in kept]) for name in kept[0]}
        self.targets = [torch.cat(part) for part in zip(*targets, strict=True)]

    def _load(self, key: str, stored: Tensor, first: Input) -> bool:
        """Whether the features of that key were on disk and are those of the first batch, too."""
        found = feature_store.find(key, tuple(stored.shape))
        if found is None:
            return False
        now = self.cut.features(first, None if self.earlier is None else self.earlier.cut)
        if not torch.allclose(now.cpu(), like(now, found), rtol=1e-3, atol=1e-4):
            feature_store.discard(key)
            return False
        stored.copy_(found)
        return True

    def _put(self, stored: Tensor, start: int, features: Tensor) -> None:
        rows = stored[start : start + len(features)]
        if self.cut.of_texts and features.shape[1] < stored.shape[1]:
            rows[:, features.shape[1] :] = 0
            rows = rows[:, : features.shape[1]]
        if features.shape != rows.shape:
            raise CourseError(
                f"The features of one batch have shape {tuple(features.shape[1:])} and those of the first one "
                f"{tuple(stored.shape[1:])}: bring all inputs to one size, such as texts to one length.",
                code="training.features-differ",
            )
        rows.copy_(features)


def _named(given: Input) -> Iterator[str | Tensor]:
    """Give the tensors of a batch's input, and their names."""
    for name, part in given.items() if isinstance(given, Mapping) else [("", given)]:
        yield name
        yield part


def shape_of_all(cut: CutForward, loader: DataLoader) -> tuple[int, ...]:
    """Give the shape that holds the features of each example: those of texts are as long as the longest."""
    if not cut.of_texts:
        return cut.shape
    return max(length_of(batch[0]) for batch in loader), *cut.shape[1:]


def like(some: Tensor, stored: Tensor) -> Tensor:
    """Give of stored rows as many as there are in `some`, and as long ones."""
    rows = stored[: len(some)]
    return rows[:, : some.shape[1]] if some.ndim > 1 else rows


def _joined(parts: list[Tensor]) -> Tensor:
    """Join batches; those of texts are padded to the longest one."""
    longest = max(part.shape[1] if part.ndim == 2 else 0 for part in parts)
    return torch.cat([F.pad(part, (0, longest - part.shape[1])) if part.ndim == 2 else part for part in parts])


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
