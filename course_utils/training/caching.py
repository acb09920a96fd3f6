"""Frozen means cached: what a frozen body puts out for an image never changes, so it is computed once.

While blocks of a network are frozen, in evaluation mode and given the same images, training needs only their outputs.
`cached_body` computes these once and trains the rest of the network on them; the same weights come out.
"""

import copy
import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.torch_basics import chunked
from fastai.vision.augment import RandTransform
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import BATCHNORM, HEADS, Block, blocks, evaluating, moves
from course_utils.training.randomness import randomness_kept

BUDGET = 2**29  # bytes of features that are kept in memory; more go to a file
DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


@dataclass(frozen=True)
class Cached:
    """What was cached."""

    blocks: tuple[str, ...]  # names of the blocks whose outputs are stored
    shape: tuple[int, ...]  # of one image's features
    bytes: int  # of all features
    on_disk: bool  # whether they went beyond the budget
    seconds: float  # that computing them took


class FeatureDL(DataLoader):
    """Batches of stored features, in the order that the loader of the images would have taken."""

    _default = "source"  # what this loader doesn't know (vocab, n_inp), that one does

    def __init__(self, source: DataLoader, copies: Tensor, targets: list[Tensor]):
        super().__init__(range(copies.shape[1]), bs=source.bs, drop_last=source.drop_last, device=source.device)
        self.source, self.copies, self.targets, self.turn = source, copies, targets, -1

    def get_idxs(self) -> list[int]:
        return self.source.get_idxs()

    def randomize(self) -> None:
        self.source.randomize()
        self.turn += 1

    def new(self, *arguments, **options) -> DataLoader:
        """Loaders made from this one, as `get_preds` makes them, load images; the learner takes those as well."""
        return self.source.new(*arguments, **options)

    def create_batches(self, places: Iterator[int]) -> Iterator[tuple[Tensor, ...]]:
        features = self.copies[self.turn % len(self.copies)]
        for chunk in chunked(places, self.bs, self.drop_last):
            yield features[chunk], *(target[chunk] for target in self.targets)


@contextmanager
def cached_body(learn: Learner, *, copies: int = 1, budget: int = BUDGET) -> Iterator[Cached]:
    """Inside the `with`, the learner trains on stored outputs of its frozen blocks; each image passes them once.

        freeze(learn, batchnorm="fixed")
        with cached_body(learn):
            learn.fit_one_cycle(5)

    Caches up to the first block that still trains, so a partly unfrozen body is cached as far as it is frozen. The
    order of images, the random numbers and so the final weights are those of the uncached run, within rounding.
    copies: how many randomly augmented versions of the training images to store; epochs take them in turn
    budget: bytes of features to keep in memory; beyond it they go to a temporary file that vanishes by itself
    Raises CourseError where caching would change the result: random augmentation (unless copies > 1), BatchNorm or
    dropout still active in a frozen block, nothing frozen, nothing left to train; and, when a fit begins, if the
    weights of the frozen blocks or the data have changed since (of the data, it looks at the first batch).
    """
    if not isinstance(copies, int) or copies < 1:
        raise CourseError(f"copies is {copies!r}: give a whole number of at least 1.")
    model, data, start = learn.model, learn.dls, time.perf_counter()
    if "forward" in vars(model):
        raise CourseError("This learner's body is cached already: leave the first `with` before a second one.")
    parts = blocks(model)
    frozen = parts[: _frozen_blocks(parts)]
    body, tail = _joined(frozen), _joined(parts[len(frozen) :])
    if copies == 1 and (names := _random_transforms(data.train)):
        raise CourseError(
            f"The training images are augmented at random ({', '.join(names)}), so their features change with every "
            "epoch: load the data with augment=False, or store some versions of each image with copies=4."
        )
    with evaluating(model), randomness_kept():
        loaders = [_in_order(dl) for dl in data.loaders[:2]]
        first = loaders[0].one_batch()
        _check(model, body, tail, first)
        if copies == 1 and not torch.equal(first[0], loaders[0].one_batch()[0]):
            raise CourseError(
                "The training images differ each time they are read, so their features do too: take the random part "
                "out of their transforms (a Resize that crops is one), or store some versions with copies=4."
            )
        with torch.no_grad():
            shape = tuple(body(first[0]).shape[1:])
        stored = [
            FeatureDL(dl, *_features(body, ordered, shape, turns, budget))
            for dl, ordered, turns in zip(data.loaders, loaders, (copies, 1), strict=False)
        ]
    cached = copy.copy(data)
    cached.loaders = [*stored, *data.loaders[2:]]
    whole = model.forward
    # The learner keeps its own network, so its state, its optimiser and a look at other images stay what they are.
    model.forward = lambda x: tail(x) if x.shape[1:] == shape else whole(x)
    learn.dls = cached
    guard = _Guard(cached, body, loaders[0], stored[0], copies)
    learn.add_cb(guard)
    size = sum(dl.copies.nbytes for dl in stored)
    on_disk = any(_on_disk(dl.copies.nbytes, budget) for dl in stored)
    try:
        yield Cached(tuple(b.name for b in frozen), shape, size, on_disk, time.perf_counter() - start)
    finally:
        learn.remove_cb(guard)
        if learn.dls is cached:
            learn.dls = data
        del model.forward


class _Guard(Callback):
    """Before each fit: are the stored features still those of this body and these images?"""

    order = -100
    run_valid = False

    def __init__(self, cached, body: nn.Sequential, images: DataLoader, stored: FeatureDL, copies: int):
        super().__init__()
        self.cached, self.body, self.images, self.stored, self.copies = cached, body, images, stored, copies
        self.weights = _digest(body)

    def before_fit(self) -> None:
        if self.learn.dls is not self.cached:
            self._refuse("the learner was given other data")
        if any(weight.requires_grad for weight in self.body.parameters()):
            self._refuse("blocks whose outputs are stored were unfrozen")
        if _digest(self.body) != self.weights:
            self._refuse("the weights of the frozen blocks changed")
        with evaluating(self.body), randomness_kept(), torch.no_grad():
            images, *targets = self.images.one_batch()
            now, n = self.body(images).cpu(), len(images)
        pairs = [(new, old[:n]) for new, old in zip(targets, self.stored.targets, strict=True)]
        if self.copies == 1:  # augmented images differ each time
            pairs.append((now, self.stored.copies[0, :n]))
        same = all(torch.allclose(new.cpu(), old.cpu(), atol=1e-4) for new, old in pairs)
        if not same or len(self.images.dataset) != self.stored.copies.shape[1]:
            self._refuse("the training data changed")

    def _refuse(self, why: str) -> None:
        raise CourseError(f"The stored features are out of date, since {why}: leave the `with` and cache again.")


def _frozen_blocks(parts: list[Block]) -> int:
    """How many blocks from the input on can't change in training."""
    count = 0
    for block in parts:
        norms = [module for module in block.modules() if isinstance(module, BATCHNORM)]
        affine = {id(weight) for norm in norms for weight in norm.parameters()}
        if any(weight.requires_grad and id(weight) not in affine for weight in block.parameters()):
            break
        if any(map(moves, norms)):
            raise CourseError(
                f"The weights of {block.name!r} are frozen but its BatchNorm layers still follow the data, so its "
                "outputs change: freeze them too with surgery.freeze(learn, batchnorm='fixed') or freeze_to."
            )
        for module in block.modules():
            if isinstance(module, DROPOUT) and module.p and not getattr(module, "held_in_eval", False):
                raise CourseError(
                    f"{block.name!r} is frozen but has active dropout, so its outputs change with every batch: "
                    "hold it with surgery.hold_in_eval(layer)."
                )
        count += 1
    if count == len(parts):
        raise CourseError("Everything is frozen, so there is nothing to train: freeze to an earlier depth.")
    if not count:
        raise CourseError(f"Nothing before {parts[0].name!r} is frozen: call surgery.freeze(learn, batchnorm='fixed').")
    return count


def _joined(parts: list[Block]) -> nn.Sequential:
    """Blocks as one module; torchvision's networks flatten in their forward, just before the head's own layer."""
    layers: list[nn.Module] = []
    for block in parts:
        for name, layer in block.layers.items():
            layers += [nn.Flatten(1), layer] if name in HEADS else [layer]
    return nn.Sequential(*layers)


def _random_transforms(dl: DataLoader) -> list[str]:
    """Names of the random transforms of training images, from fastai's pipelines and those inside a transform."""
    found, waiting = [], [getattr(dl, name, None) for name in ("after_item", "before_batch", "after_batch")]
    waiting += [getattr(each, "tfms", None) for each in getattr(dl.dataset, "tls", ())]
    while waiting:
        each = waiting.pop()
        inner = getattr(each, "fs", None) or getattr(getattr(each, "transforms", None), "fs", None)
        if inner:
            waiting += list(inner)
        elif isinstance(each, RandTransform) and type(each).__name__ != "Resize":  # random for some shapes only
            found.append(type(each).__name__)
    return sorted(set(found))


def _in_order(dl: DataLoader) -> DataLoader:
    """The same images and transforms, each image once and from first to last."""
    if not isinstance(dl, DataLoader) or dl.bs is None or not dl.n:
        raise CourseError("Only fastai DataLoaders of a known length can be cached: build them from a data set.")
    n = len(dl.dataset)
    return dl.new(shuffle=False, drop_last=False, get_idxs=lambda: list(range(n)))


@torch.no_grad()
def _check(model: nn.Module, body: nn.Module, tail: nn.Module, batch: tuple) -> None:
    """Refuse a network that does more than pass images through its blocks in order."""
    if len(batch) < 2 or not isinstance(batch[0], Tensor):
        raise CourseError("Caching needs batches of one input tensor and its targets.")
    if not torch.allclose(tail(body(batch[0])), model(batch[0]), rtol=1e-3, atol=1e-4):
        raise CourseError(
            f"The forward of this {type(model).__name__} does more than call its blocks in order, so it can't be cut "
            "for caching: put body and head into nn.Sequential(body, head)."
        )


@torch.no_grad()
def _features(body: nn.Module, dl: DataLoader, shape: tuple, copies: int, budget: int) -> tuple[Tensor, list[Tensor]]:
    """Features (copies, images, *shape) and the targets, from `copies` passes over the images."""
    stored = _room((copies, len(dl.dataset), *shape), budget)
    for turn in stored:
        end, targets = 0, []
        for images, *rest in dl:
            turn[end : end + len(images)] = body(images).as_subclass(Tensor)
            end += len(images)
            targets.append(rest)
    return stored.to(dl.device) if not _on_disk(stored.nbytes, budget) else stored, [
        torch.cat(part) for part in zip(*targets, strict=True)
    ]


def _on_disk(size: int, budget: int) -> bool:
    return size > budget


def _room(shape: tuple[int, ...], budget: int) -> Tensor:
    """An empty tensor, in memory or over a file that has no name, so that nothing stays behind however the run ends."""
    size = 4 * prod(shape)
    if not _on_disk(size, budget):
        return torch.empty(shape)
    if size > (free := shutil.disk_usage(tempfile.gettempdir()).free):
        raise CourseError(
            f"The features take {size / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB left: freeze deeper (later "
            "features are smaller), take smaller images, or fewer copies."
        )
    return torch.from_numpy(np.memmap(tempfile.TemporaryFile(), dtype=np.float32, mode="w+", shape=shape))


def _digest(module: nn.Module) -> str:
    digest = hashlib.blake2b()
    for tensor in module.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
