"""A phase of training, and the one interpreter that runs a list of them.

run_phases(learn, [
    Phase(Head(), epochs=1, lr=1e-2),
    Phase(Everything(), epochs=4, lr=slice(1e-5, 1e-3)),
])
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import fastai.callback.all  # noqa: F401  (gives every Learner its fit_one_cycle)
import torch
from fastai.learner import Learner
from fastai.torch_core import L
from torch import nn

from course_utils.errors import CourseError
from course_utils.surgery import replace_head
from course_utils.surgery.blocks import BATCHNORM
from course_utils.surgery.freezing import BatchNorm
from course_utils.training import cacheable
from course_utils.training.caching import Earlier, stored_features
from course_utils.training.callbacks import StopWhenLost
from course_utils.training.checks import explained, loss_lost
from course_utils.training.probing import SolvedHead
from course_utils.training.running_statistics import Statistics, batches_seen, reestimate_batchnorm
from course_utils.training.what_trains import WhatTrains

Splitter = Callable[[nn.Module], list[list[nn.Parameter]]]
Cache = Literal["when exact", "never"] | int
UNREAD = {"surgery.no-head-found", "surgery.encoder-decoder"}  # networks without blocks train all the same
NOTHING_TO_STORE = {"training.nothing-frozen"}
INEXACT = {  # why features can't be stored without changing what is learned, or at all
    f"training.{why}"
    for why in (
        "cached-already",
        "disk-full",
        "features-differ",
        "features-too-large",
        "frozen-batchnorm-moves",
        "frozen-block-random",
        "hooked-block",
        "inputs-changed",
        "nothing-frozen",
        "nothing-to-train",
        "random-augmentation",
        "random-inputs",
        "uncacheable-batch",
        "uncacheable-forward",
        "uncacheable-loader",
    )
}


@dataclass(frozen=True)
class Phase:
    """One fit with the one-cycle schedule, and the state of the network that it starts from.

    Parameters
    ----------
    trains : WhatTrains
        The weights that train, such as `Head()` or `FromBlock("stage 3")`.
    epochs : int
        How often each training example is seen.
    lr : float or slice
        The highest learning rate within the schedule, as fastai takes it: one number for all parameter groups, or
        `slice(low, high)` for rates spread evenly on a logarithmic scale, or `slice(high)` for the last group and a
        tenth of it for all others.
    batchnorm : "train" or "fixed"
        What the BatchNorm layers of frozen blocks do.
    one_cycle : mapping
        Further arguments of `fit_one_cycle`: `pct_start`, `div`, `wd`, `moms` and so on.
    new_head : str or None
        A head to put in place of the old one first, as `surgery.replace_head` takes it.
    groups : splitter or None
        A fastai splitter that makes other parameter groups first, such as `surgery.split_by_block`.
    cache : "when exact", "never" or int
        Whether the outputs of the blocks before the first one that trains are computed once and stored (`cached_body`):
        where that gives the same weights, never, or for so many augmented versions of each training image, with an
        error where they can't be stored.
    """

    trains: WhatTrains
    epochs: int
    lr: float | slice
    batchnorm: BatchNorm = "train"
    one_cycle: Mapping[str, Any] = field(default_factory=dict)
    new_head: str | None = None
    groups: Splitter | None = None
    cache: Cache = "when exact"


def run_phases(
    learn: Learner,
    phases: Sequence[Phase | SolvedHead],
    *,
    called: str = "these phases",
    batchnorm_statistics: Statistics = "re-estimated",
) -> Learner:
    """Train a learner phase by phase, and return it.

    Parameters
    ----------
    learn : Learner
        The learner, changed in place.
    phases : sequence of Phase or SolvedHead
        What to do, in order.
    called : str
        What an error calls them: the name of a strategy.
    batchnorm_statistics : "re-estimated" or "as trained"
        Whether the running statistics that have moved are estimated anew on the training images at the end
        (`reestimate_batchnorm`), or stay as they are, which after short training is behind the weights.

    Raises
    ------
    CourseError
        When the loss becomes NaN or infinite, with its cause ("training.loss-lost" for the learning rate or half
        precision, "training.bad-data", "training.weights-lost", "training.lost-at-the-start"; later phases don't run),
        when memory runs out ("training.out-of-memory"), where the network can't take the data
        ("training.network-fails"), its head doesn't fit ("training.head-does-not-fit") or it gives no single tensor
        ("training.several-outputs"), where a target is no class of the network ("training.target-out-of-range"), and
        for what the network doesn't have, such as an unknown block.
    """
    guard, before = StopWhenLost(), batches_seen(learn.model)

    def settle() -> None:
        if batchnorm_statistics == "re-estimated" and not guard.lost:
            seen = batches_seen(learn.model)
            reestimate_batchnorm(learn, [layer for layer, count in seen.items() if count != before.get(layer, 0)])

    learn.add_cb(guard)
    earlier = Earlier()
    try:
        for number, phase in enumerate(phases):
            if isinstance(phase, SolvedHead):
                settle()  # what it solves for are the outputs that will be evaluated
                with _explaining(learn):
                    phase.solve(learn)
                continue
            _prepare(learn, phase)
            with ExitStack() as stack:
                with _explaining(learn):
                    _store_features(stack, learn, phase, phases[number:], earlier)
                    learn.fit_one_cycle(phase.epochs, phase.lr, **phase.one_cycle)
                if number == len(phases) - 1:
                    settle()  # stored features serve here, too
            if guard.lost:
                raise loss_lost(learn, guard, called, f"lr={_highest(phase.lr) / 10:g}")
    except torch.OutOfMemoryError as problem:
        raise CourseError(
            f"Memory ran out in {called} with {learn.dls.bs} examples a batch: load the data with "
            f"bs={max(learn.dls.bs // 2, 1)}, or with smaller ones.",
            code="training.out-of-memory",
        ) from problem
    finally:
        learn.remove_cb(guard)
    return learn


def _prepare(learn: Learner, phase: Phase) -> None:
    """Bring the network into the state that the phase starts from."""
    if phase.new_head is not None:
        replace_head(learn, phase.new_head)
    if phase.groups is not None:
        learn.splitter = phase.groups
        learn.create_opt()
    phase.trains.select(learn, phase.batchnorm)


@contextmanager
def _explaining(learn: Learner) -> Iterator[None]:
    """Within it, an error of a network that can't take the data becomes a sentence."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError, AttributeError) as problem:
        if why := explained(learn, problem):
            raise why from problem
        raise


def _store_features(
    stack: ExitStack, learn: Learner, phase: Phase, left: Sequence[Phase | SolvedHead], earlier: Earlier
) -> None:
    """Let a phase train on stored features, as long as the stack is open, where it asks for that.

    left: this phase and those that follow
    """
    cache = phase.cache
    callbacks = [*learn.cbs, *L(phase.one_cycle.get("cbs"))]
    if cache == "never" or (cache == "when exact" and cacheable.may_change_inputs(callbacks)):
        return
    try:
        if isinstance(cache, int):
            stack.enter_context(stored_features(learn, copies=cache))
        else:
            stack.enter_context(stored_features(learn, earlier=earlier, ahead=_still_frozen(learn, left)))
    except CourseError as problem:
        if problem.code not in (NOTHING_TO_STORE if isinstance(cache, int) else INEXACT | UNREAD):
            raise


def _still_frozen(learn: Learner, phases: Sequence[Phase | SolvedHead]) -> int | None:
    """How many blocks stay frozen in all of the phases that can train on stored features one after the other."""
    depths = []
    has_batchnorm = any(isinstance(layer, BATCHNORM) for layer in learn.model.modules())
    for phase in phases:
        if (
            not isinstance(phase, Phase)
            or phase.cache != "when exact"
            or (has_batchnorm and phase.batchnorm == "train")
        ):
            break
        first = getattr(phase.trains, "first", None)  # not every way to say what trains can tell
        depth = first(learn) if first is not None else 0
        if not depth:
            break
        depths.append(depth)
    return min(depths, default=None)


def _highest(lr: float | slice) -> float:
    return lr.stop if isinstance(lr, slice) else lr
