"""Frozen means cached: what a frozen body puts out for an image never changes, so it is computed once.

While blocks of a network are frozen, in evaluation mode and given the same images, training needs only their outputs.
`cached_body` computes these once and trains the rest of the network on them; the same weights come out.
"""

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery import Block, blocks
from course_utils.surgery.blocks import evaluating
from course_utils.training import cacheable
from course_utils.training.cut_forward import CutForward, first_of, size_of, tensors_in
from course_utils.training.feature_loader import BUDGET, FeatureDL, like, shape_of_all
from course_utils.training.feature_store import digest, digest_of_code, digest_of_weights
from course_utils.training.randomness import randomness_kept

LOOKED_AT = 4  # examples that the checks before caching pass through the network


@dataclass(frozen=True)
class Cached:
    """What was cached."""

    blocks: tuple[str, ...]  # names of the blocks whose outputs are stored
    shape: tuple[int, ...]  # of one image's features
    bytes: int  # of all features; those of the validation images are computed when they are first asked for
    on_disk: bool  # whether they went beyond the budget
    seconds: float  # that computing them took


@contextmanager
def cached_body(learn: Learner, *, copies: int = 1, budget: int = BUDGET) -> Iterator[Cached]:
    """Inside the `with`, the learner trains on stored outputs of its frozen blocks; each image passes them once.

    For example::

        freeze(learn, batchnorm="fixed")
        with cached_body(learn):
            learn.fit_one_cycle(5)

    Caches up to the first block that still trains, so a partly unfrozen body is cached as far as it is frozen. The
    order of images, the random numbers and so the final weights are those of the uncached run, within rounding.

    Parameters
    ----------
    learn : Learner
        A learner of any network that `surgery.blocks` can read; its batches are one tensor, or one dictionary of
        tensors, and the targets. It keeps its network, and images still pass it as before.
    copies : int
        How many randomly augmented versions of the training images to store; epochs take them in turn.
    budget : int
        Bytes of features to keep in memory; beyond it they go to a temporary file that vanishes by itself.

    Yields
    ------
    Cached
        What was stored, and how long it took.

    Raises
    ------
    CourseError
        Where caching would change the result: random augmentation (unless copies > 1), BatchNorm or dropout still
        active in a frozen block, nothing frozen, nothing left to train, a network that can't be cut (see `cacheable`
        for the codes). And, when a fit begins, if the weights of the frozen blocks or the data have changed since
        ("training.features-out-of-date"; of the data, it looks at the first batch), and for callbacks that change the
        inputs, such as MixUp ("training.inputs-changed"), or read frozen layers ("training.hooked-block").

    Notes
    -----
    `predict`, `get_preds`, `show_results`, `export` and copies of the network go by the images, as they do outside.
    """
    with stored_features(learn, copies=copies, budget=budget) as what:
        yield what


class Earlier:
    """Features of an earlier depth, kept from phase to phase of one training.

    A training that unfreezes block after block needs deep features first and earlier ones later: the images pass the
    earlier blocks once, and all depths go on from there.

    Attributes
    ----------
    depth : int
        How many blocks the features have passed; 0 as long as there are none.
    """

    def __init__(self) -> None:
        self.depth, self.loaders, self.weights = 0, [], ""  # type: int, list[FeatureDL], str

    def serve(self, model: nn.Module, parts: Sequence[Block]) -> bool:
        """Whether there are features of these very blocks, as they are now, that reach no further than them."""
        if not 0 < self.depth <= len(parts) or self.loaders[0].cut.model is not model:
            return False
        return self.weights == digest_of_weights(parts[: self.depth])


@contextmanager
def stored_features(
    learn: Learner, *, copies: int = 1, budget: int = BUDGET, earlier: Earlier | None = None, ahead: int | None = None
) -> Iterator[Cached]:
    """Do what `cached_body` does, and keep the features of an earlier depth for the phases ahead.

    earlier: what phases have kept so far, changed in place
    ahead: how many blocks stay frozen in the phases ahead, which will want their outputs
    """
    if not isinstance(copies, int) or copies < 1:
        raise CourseError(
            f"copies is {copies!r}: give a whole number of at least 1.", code="training.bad-number-of-copies"
        )
    model, data, start = learn.model, learn.dls, time.perf_counter()
    if "forward" in vars(model) and any(isinstance(dl, FeatureDL) for dl in data.loaders):
        raise CourseError(
            "This learner's body is cached already: leave the first `with` before a second one.",
            code="training.cached-already",
        )
    parts = blocks(model)
    depth = cacheable.count_frozen(model, parts)
    frozen = parts[:depth]
    cacheable.check_callbacks(learn.cbs)
    if copies == 1:
        cacheable.check_augmentation(data.train)
    with evaluating(model), randomness_kept():
        ordered = [_in_order(dl) for dl in data.loaders[:2] if dl is data.train or getattr(dl, "n", None) != 0]
        most = None if earlier is None else budget
        cut = _checked_cut(learn, frozen, parts[depth:], ordered[0], copies, most)
        if earlier is not None and copies == 1:
            if not earlier.serve(model, frozen):
                earlier.depth = 0
            if not earlier.depth and ahead and ahead < depth:
                _keep_earlier(learn, earlier, parts, ahead, ordered, budget)
        if earlier is not None and earlier.depth == depth:
            stored, cut = earlier.loaders, earlier.loaders[0].cut
        else:
            network = _fingerprint(model, parts, depth)
            before = earlier.loaders if earlier is not None and earlier.depth else [None] * len(ordered)
            stored = [
                FeatureDL(dl, cut, images, turns, budget, earlier=base, network=network)
                for dl, images, turns, base in zip(data.loaders, ordered, (copies, 1), before, strict=False)
            ]
    cacheable.check_hooks(frozen, cut, learn.cbs)
    stored[0].fill()  # those of the validation images are computed when they are asked for
    features = copy.copy(data)
    features.loaders = [*stored, *data.loaders[len(stored) :]]
    what = Cached(
        blocks=tuple(block.name for block in frozen),
        shape=tuple(stored[0].copies.shape[2:]),
        bytes=sum(dl.copies.nbytes for dl in stored),
        on_disk=any(dl.on_disk for dl in stored),
        seconds=time.perf_counter() - start,
    )
    guard = _Guard(features, frozen, ordered[0])
    with _swapped(learn, features, cut, guard):
        yield what


def _keep_earlier(
    learn: Learner, earlier: Earlier, parts: Sequence[Block], depth: int, ordered: list[DataLoader], budget: int
) -> None:
    """Make loaders for the features of an earlier depth, where they fit into memory."""
    few = first_of(ordered[0].one_batch()[0], LOOKED_AT)
    cut = CutForward(learn.model, parts[:depth], parts[depth:], few)
    if sum(4 * prod(shape_of_all(cut, dl)) * len(dl.dataset) for dl in ordered) > budget:
        return
    earlier.loaders = [
        FeatureDL(dl, cut, images, 1, budget, network=_fingerprint(learn.model, parts, depth))
        for dl, images in zip(learn.dls.loaders, ordered, strict=False)
    ]
    earlier.depth, earlier.weights = depth, digest_of_weights(parts[:depth])


def _fingerprint(model: nn.Module, parts: Sequence[Block], depth: int) -> str:
    """Make a digest of all that decides what the blocks before a depth put out; "" where their code can't be read."""
    code = digest_of_code(model, parts[:depth], parts[depth:])
    return digest([code, digest_of_weights(parts[:depth])]) if code else ""


def _in_order(dl: DataLoader) -> DataLoader:
    """Load the same images with the same transforms, each image once and from first to last."""
    cacheable.check_loader(dl)
    indices = list(range(len(dl.dataset)))
    return dl.new(shuffle=False, drop_last=False, get_idxs=lambda: indices)


def _checked_cut(
    learn: Learner,
    frozen: Sequence[Block],
    training: Sequence[Block],
    images: DataLoader,
    copies: int,
    most: int | None,
) -> CutForward:
    """Cut the learner's network behind its frozen blocks; refuse where that would change the result.

    most: bytes that the features may take, if they may not go to a file
    """
    batch = images.one_batch()
    cacheable.check_batch(batch, getattr(learn.dls, "n_inp", 1))
    given = first_of(batch[0], LOOKED_AT)
    cut = CutForward(learn.model, frozen, training, given)
    if most is not None and 4 * prod(shape_of_all(cut, images)) * len(images.dataset) > most:
        raise CourseError(
            f"The features of {len(images.dataset):,} images don't fit into {most / 1e9:.1f} GB of memory: freeze "
            "deeper (later features are smaller), or take smaller images.",
            code="training.features-too-large",
        )
    cacheable.check_still(cut, frozen, given)
    cacheable.check_forward(cut, given)
    if copies == 1:
        cacheable.check_same_inputs(batch[0], images.one_batch()[0])
    return cut


@contextmanager
def _swapped(learn: Learner, features: DataLoaders, cut: CutForward, guard: "_Guard") -> Iterator[None]:
    """Within it, the learner takes features from other loaders; afterwards it has its own again."""
    model, data = learn.model, learn.dls

    def forward(*inputs: Any, **named: Any) -> Any:
        if inputs and cut.is_stored(inputs[0]):
            return cut.rest(inputs[0])
        return cut.forward(*inputs, **named)

    def plain_state() -> dict[str, Any]:
        """What a copy or an export of the network holds: it takes images, as the network does outside."""
        return {name: value for name, value in vars(model).items() if name not in own} | before

    # The learner keeps its own network, so its state, its optimiser and a look at other images stay what they are.
    own = {"forward": forward, "__getstate__": plain_state}
    before = {name: vars(model)[name] for name in own if name in vars(model)}
    vars(model).update(own)
    learn.dls = features
    witness = _Witness(guard)
    learn.add_cbs([guard, witness])
    try:
        yield
    finally:
        learn.remove_cbs([guard, witness])
        if learn.dls is features:
            learn.dls = data
        for name in own:
            del vars(model)[name]
        vars(model).update(before)


class _Guard(Callback):
    """Look before each fit whether the stored features are still those of these blocks and these images."""

    order = -100
    run_valid = False

    def __init__(self, features: DataLoaders, frozen: Sequence[Block], images: DataLoader) -> None:
        super().__init__()
        self.features, self.frozen, self.images = features, frozen, images
        self.weights = digest_of_weights(frozen)

    def before_fit(self) -> None:
        if self.learn.dls is not self.features:
            self._refuse("the learner was given other data")
        if any(weight.requires_grad for block in self.frozen for weight in block.parameters()):
            self._refuse("blocks whose outputs are stored were unfrozen")
        if digest_of_weights(self.frozen) != self.weights:
            self._refuse("the weights of the frozen blocks changed")
        if not self._same_data():
            self._refuse("the training data changed")
        cacheable.check_callbacks(self.learn.cbs)
        cacheable.check_hooks(self.frozen, self.features.train.cut, self.learn.cbs)

    def before_batch(self) -> None:
        """Note the inputs before other callbacks can change them, and how often they were changed in place."""
        self.given = [(part, part._version) for part in tensors_in(self.learn.xb)]

    def __reduce__(self) -> tuple:
        """Leave the features out of an exported learner."""
        return Callback, ()

    def _same_data(self) -> bool:
        """Whether the first batch has the features and targets that were stored, and nothing was added."""
        stored = self.features.train
        with evaluating(self.learn.model), randomness_kept():
            given, *targets = self.images.one_batch()
            count, now = size_of(given), stored.cut.features(given)
        pairs = [(new, old[:count]) for new, old in zip(targets, stored.targets, strict=True)]
        if len(stored.copies) == 1:  # augmented images differ each time
            pairs.append((now, like(now, stored.copies[0])))
            pairs += [(part, like(part, stored.kept[name])) for name, part in stored.cut.kept(given).items()]
        same = all(torch.allclose(new.cpu(), old.cpu(), atol=1e-4) for new, old in pairs)
        return same and len(self.images.dataset) == stored.copies.shape[1]

    def _refuse(self, why: str) -> None:
        raise CourseError(
            f"The stored features are out of date, since {why}: leave the `with` and cache again.",
            code="training.features-out-of-date",
        )


class _Witness(Callback):
    """Look at each batch, when all other callbacks have, whether it still holds the features that were stored."""

    order = 1000
    run_valid = False

    def __init__(self, guard: _Guard) -> None:
        super().__init__()
        self.guard = guard

    def before_batch(self) -> None:
        now = tensors_in(self.learn.xb)
        given = self.guard.given
        if len(now) != len(given) or not all(_unchanged(*old, new) for old, new in zip(given, now, strict=True)):
            raise cacheable.inputs_changed(cacheable.may_change_inputs(self.learn.cbs))

    def __reduce__(self) -> tuple:
        return Callback, ()


def _unchanged(old: Tensor, version: int, new: Tensor) -> bool:
    """Whether a batch's input is what it was, but for rounding to half precision."""
    if old._version != version or old.shape != new.shape:
        return False
    return old is new or torch.allclose(old.float(), new.float(), rtol=1e-2, atol=1e-3)
