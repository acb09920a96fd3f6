"""Strategies that train few weights beside the head: LoRA, adapters, biases alone, normalisation alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastai.learner import Learner

from course_utils.surgery.freezing import BatchNorm
from course_utils.training.few_weights.additions import refuse_second
from course_utils.training.few_weights.bottlenecks import check_size
from course_utils.training.few_weights.choosing import (
    AdaptersAndHead,
    BiasesAndHead,
    LowRankAndHead,
    NormalisationAndHead,
)
from course_utils.training.few_weights.lora import check_rank
from course_utils.training.phases import Phase
from course_utils.training.strategies import STRATEGIES, Strategy


@dataclass(frozen=True)
class LoRA(Strategy):
    """A change of low rank for each chosen layer, and the head; the body stays frozen (Hu et al. 2021).

    rank: of each change; alpha: the changes are scaled by `alpha / rank`; where: "all" linear layers and convolutions
    of the body, or ends of their names, such as ("query", "value"). `merge_lora` makes a plain network of the result.
    """

    rank: int = 8
    alpha: float = 16.0
    where: str | tuple[str, ...] = "all"
    batchnorm: BatchNorm = "fixed"

    name = "LoRA"

    def check(self, learn: Learner) -> None:
        """Refuse a rank that is none, and a network that carries LoRA or adapters already."""
        super().check(learn)
        check_rank(self.rank)
        refuse_second(learn)

    def phases(self) -> list[Phase]:
        """Train the changes and the head."""
        return [Phase(LowRankAndHead(self.rank, self.alpha, _hashed(self.where)), self.epochs, self.lr, self.batchnorm)]


@dataclass(frozen=True)
class BottleneckAdapters(Strategy):
    """A small bottleneck behind chosen layers, and the head; the body stays frozen (Houlsby et al. 2019).

    size: channels in the middle; after: "blocks", or what `add_adapters` takes
    """

    size: int = 16
    after: str | tuple[str, ...] = "blocks"
    batchnorm: BatchNorm = "fixed"

    name = "adapters"

    def check(self, learn: Learner) -> None:
        """Refuse a size that is none, and a network that carries LoRA or adapters already."""
        super().check(learn)
        check_size(self.size)
        refuse_second(learn)

    def phases(self) -> list[Phase]:
        """Train the adapters and the head."""
        return [Phase(AdaptersAndHead(self.size, _hashed(self.after)), self.epochs, self.lr, self.batchnorm)]


@dataclass(frozen=True)
class BiasesOnly(Strategy):
    """The biases of the body, and the head (BitFit, Ben Zaken et al. 2021).

    With `batchnorm="fixed"` BatchNorm keeps its running statistics while its biases train.
    """

    batchnorm: BatchNorm = "fixed"

    name = "biases only"

    def phases(self) -> list[Phase]:
        """Train biases and head."""
        return [Phase(BiasesAndHead(), self.epochs, self.lr, self.batchnorm)]


@dataclass(frozen=True)
class NormalisationOnly(Strategy):
    """The scales and shifts of the normalisation layers, and the head (Frankle et al. 2020; Lu et al. 2021).

    With `batchnorm="fixed"` BatchNorm keeps its running statistics while its weights train.
    """

    batchnorm: BatchNorm = "fixed"

    name = "normalisation only"

    def phases(self) -> list[Phase]:
        """Train normalisation and head."""
        return [Phase(NormalisationAndHead(), self.epochs, self.lr, self.batchnorm)]


def _hashed(names: str | Sequence[str]) -> str | tuple[str, ...]:
    return names if isinstance(names, str) else tuple(names)


STRATEGIES.update({kind.name: kind for kind in (LoRA, BottleneckAdapters, BiasesOnly, NormalisationOnly)})
