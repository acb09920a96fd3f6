"""The strategies of the course, by their names in the field: each is a short list of phases.

    HeadOnly(epochs=5, lr=1e-2).train(learn)

Every strategy sees each training example `epochs` times in all, so that strategies of equal `epochs` are compared on
an equal number of steps; those that are `solved` take no steps. One of your own is a frozen dataclass with a `name`
and `phases`:

    @dataclass(frozen=True)
    class TopHalf(Strategy):
        name = "top half"

        def phases(self) -> list[Phase]:
            return [Phase(FromBlock("stage 3"), self.epochs, self.lr)]
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self, get_args

from fastai.learner import Learner

from course_utils.errors import CourseError
from course_utils.surgery import blocks, split_by_block
from course_utils.surgery.freezing import BatchNorm
from course_utils.training.checks import check_data, note_flat_images
from course_utils.training.phases import Cache, Phase, run_phases
from course_utils.training.probing import SolvedHead
from course_utils.training.running_statistics import Statistics, batches_seen
from course_utils.training.what_trains import BlockAndHead, Everything, FromBlock, FromGroup, Head, WhatTrains


@dataclass(frozen=True)
class Strategy:
    """What all strategies share: how long, and how fast.

    Parameters
    ----------
    epochs : int
        How often each training example is seen, over all phases.
    lr : float
        The highest learning rate of the fastest part, reached within a one-cycle schedule.
    batchnorm_statistics : "re-estimated" or "as trained"
        What is evaluated after training: running statistics of BatchNorm that were estimated anew on the training
        images (see `reestimate_batchnorm`), or those that training left, which lag behind where it was short. Held
        layers (`batchnorm="fixed"`) and networks without BatchNorm have nothing to re-estimate.
    cache : "when exact", "never" or int
        Whether what the blocks before the first one that trains put out is computed once in each phase, and stored
        (see `cached_body`). "when exact": where the same weights come out, which takes frozen blocks in which nothing
        moves (`batchnorm="fixed"`, or no BatchNorm) and images without random augmentation; everything else trains
        uncached. A number: so many augmented versions of each training image are stored, which takes the place of
        augmenting anew in each epoch; what can't be stored is then refused.
    """

    epochs: int = 5
    lr: float = 1e-2
    batchnorm_statistics: Statistics = field(default="re-estimated", kw_only=True)
    cache: Cache = field(default="when exact", kw_only=True)

    name: ClassVar[str]
    pretrained: ClassVar[bool] = True  # whether the learner should start from pre-trained weights
    solved: ClassVar[bool] = False  # whether an optimum is computed, without epochs and without a learning rate

    def phases(self) -> Sequence[Phase | SolvedHead]:
        """List what is done, in order: this is the strategy."""
        raise NotImplementedError

    @property
    def least_epochs(self) -> int:
        """The fewest epochs that give each phase one."""
        return 1

    def with_lr(self, lr: float) -> Self:
        """Make the same strategy with another learning rate."""
        return replace(self, lr=lr)

    def check(self, learn: Learner) -> None:
        """Refuse settings that can't work on this learner, before anything is changed."""
        if self.epochs < self.least_epochs or not self.lr > 0:
            raise CourseError(
                f"{self.name} with epochs={self.epochs} and lr={self.lr} can't train: give at least "
                f"{self.least_epochs} epochs and a learning rate above 0.",
                code="training.bad-setting",
            )
        if self.batchnorm_statistics not in get_args(Statistics):
            raise CourseError(
                f"batchnorm_statistics is {self.batchnorm_statistics!r}: give 're-estimated' or 'as trained'.",
                code="training.bad-setting",
            )
        if self.cache not in ("when exact", "never") and (not isinstance(self.cache, int) or self.cache < 1):
            raise CourseError(
                f"cache is {self.cache!r}: give 'when exact', 'never', or how many versions of each image to store.",
                code="training.bad-setting",
            )

    def train(self, learn: Learner) -> Learner:
        """Train a fresh learner, as `vision_learner` has just made it, and return it.

        Raises
        ------
        CourseError
            For a wrong setting ("training.bad-setting"), for data that can't be trained on (see `check_data`), and
            when the loss or the memory gives out (see `run_phases`).
        """
        self.check(learn)
        check_data(learn)
        note_flat_images(learn)
        phases = [
            replace(phase, cache=self.cache) if isinstance(phase, Phase) and phase.cache == "when exact" else phase
            for phase in self.phases()
        ]
        return run_phases(learn, phases, called=self.name, batchnorm_statistics=self.batchnorm_statistics)


@dataclass(frozen=True)
class FromScratch(Strategy):
    """All weights from random ones: the baseline. The learner is made with `pretrained=False`."""

    name = "from scratch"
    pretrained = False

    def check(self, learn: Learner) -> None:
        """Refuse a learner whose weights aren't random: CourseError "training.not-from-scratch"."""
        super().check(learn)
        if getattr(learn, "pretrained", False) or any(batches_seen(learn.model).values()):
            raise CourseError(
                "This learner's weights are pre-trained or have been trained already, so training it isn't training "
                "from scratch: make a fresh one with pretrained=False.",
                code="training.not-from-scratch",
            )

    def phases(self) -> list[Phase]:
        """Train everything."""
        return [Phase(Everything(), self.epochs, self.lr)]


@dataclass(frozen=True)
class LinearProbe(Strategy):
    """One linear layer on a frozen body, whose outputs are computed once (Alain and Bengio 2016)."""

    name = "linear probe"

    def phases(self) -> list[Phase]:
        """Train a new linear head on a body in which nothing moves."""
        return [Phase(Head(), self.epochs, self.lr, batchnorm="fixed", new_head="linear")]


@dataclass(frozen=True)
class MultiDepthProbe(Strategy):
    """A linear head on the pooled outputs of several blocks of a frozen body, solved (Head2Toe, Evci et al. 2022).

    The head is the optimum of a logistic regression, so `epochs` and `lr` have no effect. How many blocks it reads and
    how far its weights are held back is chosen by cross-validation on the training images.

    stages: the blocks to read, such as ("stage 3", "stage 4"), to choose no more than how far weights are held back;
    pools: "average", "max" or both; flip: whether a mirrored image still belongs to its class, to learn from both
    """

    stages: tuple[str, ...] | None = None
    pools: tuple[str, ...] = ("average", "max")
    flip: bool = False

    name = "multi-depth probe"
    solved = True

    def phases(self) -> list[SolvedHead]:
        """Solve for the head."""
        return [SolvedHead("last" if self.stages is None else tuple(self.stages), tuple(self.pools), self.flip)]


@dataclass(frozen=True)
class HeadOnly(Strategy):
    """The learner's own head on a frozen body. With `batchnorm="fixed"` nothing in the body moves."""

    batchnorm: BatchNorm = "train"

    name = "head only"

    def phases(self) -> list[Phase]:
        """Train the head."""
        return [Phase(Head(), self.epochs, self.lr, self.batchnorm)]


@dataclass(frozen=True)
class Partial(Strategy):
    """Everything from a depth on: the blocks before it stay frozen."""

    depth: int | str = "stage 4"
    batchnorm: BatchNorm = "train"

    name = "partial"

    def phases(self) -> list[Phase]:
        """Train from the depth on."""
        return [Phase(FromBlock(self.depth), self.epochs, self.lr, self.batchnorm)]


@dataclass(frozen=True)
class Full(Strategy):
    """All weights from the first step on, at one learning rate."""

    name = "full"

    def phases(self) -> list[Phase]:
        """Train everything."""
        return [Phase(Everything(), self.epochs, self.lr)]


@dataclass(frozen=True)
class Discriminative(Strategy):
    """All weights, each block at a learning rate of its own: `lr / lr_mult` for the first, `lr` for the head.

    The rates between are evenly spaced on a logarithmic scale (Howard and Ruder 2018).
    """

    lr_mult: float = 100

    name = "discriminative"

    def phases(self) -> list[Phase]:
        """Train everything, with a parameter group for each block."""
        return [Phase(Everything(), self.epochs, slice(self.lr / self.lr_mult, self.lr), groups=split_by_block)]


@dataclass(frozen=True)
class GradualUnfreezing(Strategy):
    """The head first, then one block more in each stage, last blocks first (Howard and Ruder 2018).

    The epochs are shared out over `stages` stages; the later ones get what is left over.
    """

    stages: int = 3
    batchnorm: BatchNorm = "train"

    name = "gradual unfreezing"

    @property
    def least_epochs(self) -> int:
        """An epoch for each stage."""
        return self.stages

    def check(self, learn: Learner) -> None:
        """Refuse more stages than the network has blocks."""
        super().check(learn)
        most = len(blocks(learn))
        if not 2 <= self.stages <= most:
            raise CourseError(
                f"stages is {self.stages}: this network has blocks for 2 to {most}.", code="training.bad-stages"
            )

    def phases(self) -> list[Phase]:
        """Begin with the head, add a block in each phase, and unfreeze all blocks in the last one."""
        shortest, longer = divmod(self.epochs, self.stages)
        epochs = [shortest] * (self.stages - longer) + [shortest + 1] * longer
        growing: list[WhatTrains] = [FromBlock(-1 - stage) for stage in range(self.stages - 1)]
        return [
            Phase(trains, share, self.lr, self.batchnorm)
            for trains, share in zip([*growing, Everything()], epochs, strict=True)
        ]


@dataclass(frozen=True)
class HeadThenAll(Strategy):
    """A head on the frozen body for some epochs, then everything at a lower learning rate.

    Its head is trained, not converged; `ProbeThenAll` begins with the optimum.

    head_epochs: how many of the epochs go to the head; all_lr: the learning rate of the rest, a tenth of `lr` unless
    given
    """

    head_epochs: int = 2
    all_lr: float | None = None

    name = "head, then all"

    @property
    def least_epochs(self) -> int:
        """One more than the head gets."""
        return self.head_epochs + 1

    def phases(self) -> list[Phase]:
        """Train the head on a body in which nothing moves, then everything."""
        return [
            Phase(Head(), self.head_epochs, self.lr, batchnorm="fixed"),
            Phase(Everything(), self.epochs - self.head_epochs, self.all_lr or self.lr / 10),
        ]


@dataclass(frozen=True)
class ProbeThenAll(Strategy):
    """LP-FT: a converged linear probe of the frozen body, then everything (Kumar et al. 2022).

    The probe is solved, not trained, so all `epochs` go to the second phase.

    stages: the blocks that the probe and the head after it read, averaged over positions
    """

    stages: tuple[str, ...] = ("stage 4",)

    name = "LP-FT"

    def phases(self) -> list[Phase | SolvedHead]:
        """Solve for the head, then train everything, the head included."""
        return [SolvedHead(tuple(self.stages), ("average",)), Phase(Everything(), self.epochs, self.lr)]


@dataclass(frozen=True)
class Surgical(Strategy):
    """One block and the head; all other blocks stay frozen (Lee et al. 2022, "Surgical fine-tuning")."""

    block: int | str = "stem"
    batchnorm: BatchNorm = "fixed"

    name = "surgical"

    def phases(self) -> list[Phase]:
        """Train the block and the head."""
        return [Phase(BlockAndHead(self.block), self.epochs, self.lr, self.batchnorm)]


@dataclass(frozen=True)
class FineTune(Strategy):
    """fastai's `learn.fine_tune`: the head for `freeze_epochs`, then all at discriminative rates up to half of `lr`.

    `FineTune(epochs, lr)` is `learn.fine_tune(epochs - freeze_epochs, lr)`; the other arguments are fastai's. To the
    bit with `batchnorm_statistics="as trained"`; otherwise the running statistics are re-estimated at the end.
    """

    lr_mult: float = 100
    freeze_epochs: int = 1
    pct_start: float = 0.3
    div: float = 5.0

    name = "fine_tune"

    @property
    def least_epochs(self) -> int:
        """One more than the head gets."""
        return self.freeze_epochs + 1

    def phases(self) -> list[Phase]:
        """Train the last parameter group, then all of them."""
        half = self.lr / 2
        return [
            Phase(FromGroup(-1), self.freeze_epochs, slice(self.lr), one_cycle={"pct_start": 0.99}),
            Phase(
                FromGroup(0),
                self.epochs - self.freeze_epochs,
                slice(half / self.lr_mult, half),
                one_cycle={"pct_start": self.pct_start, "div": self.div},
            ),
        ]


STRATEGIES: dict[str, type[Strategy]] = {
    kind.name: kind
    for kind in (
        FromScratch,
        LinearProbe,
        MultiDepthProbe,
        HeadOnly,
        Partial,
        GradualUnfreezing,
        Full,
        Discriminative,
        HeadThenAll,
        ProbeThenAll,
        Surgical,
        FineTune,
    )
}
