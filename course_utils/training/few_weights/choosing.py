"""What trains when few weights do: low-rank changes, biases, normalisation or adapters, and always the head."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastai.learner import Learner
from torch import nn

from course_utils.errors import CourseError
from course_utils.surgery import blocks, freeze
from course_utils.surgery.blocks import BATCHNORM
from course_utils.surgery.freezing import BatchNorm, hold_in_eval
from course_utils.training.few_weights.bottlenecks import add_adapters
from course_utils.training.few_weights.lora import add_lora

NORMS = (*BATCHNORM, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)


@dataclass(frozen=True)
class LowRankAndHead:
    """Changes of low rank and the head train (LoRA)."""

    rank: int = 8
    alpha: float = 16.0
    where: str | Sequence[str] = "all"

    def select(self, learn: Learner, batchnorm: BatchNorm) -> None:
        """Freeze the body, and hang the changes on it."""
        freeze(learn, batchnorm=batchnorm)
        add_lora(learn, self.rank, alpha=self.alpha, where=self.where)
        learn.create_opt()


@dataclass(frozen=True)
class AdaptersAndHead:
    """Bottleneck adapters and the head train."""

    size: int = 16
    after: str | Sequence[str] = "blocks"

    def select(self, learn: Learner, batchnorm: BatchNorm) -> None:
        """Freeze the body, and hang the adapters on it."""
        freeze(learn, batchnorm=batchnorm)
        add_adapters(learn, self.size, after=self.after)
        learn.create_opt()


@dataclass(frozen=True)
class BiasesAndHead:
    """The biases of all layers and the head train (BitFit)."""

    def select(self, learn: Learner, batchnorm: BatchNorm) -> None:
        """Freeze all but the biases; `batchnorm` says whether running statistics follow the data."""
        chosen = {
            layer: [weight for name, weight in layer.named_parameters(recurse=False) if _is_bias(name)]
            for layer in _body(learn)
        }
        _train_alone(learn, chosen, batchnorm, "biases")


@dataclass(frozen=True)
class NormalisationAndHead:
    """The weights of the normalisation layers and the head train."""

    def select(self, learn: Learner, batchnorm: BatchNorm) -> None:
        """Freeze all but normalisation; `batchnorm` says whether running statistics follow the data."""
        chosen = {
            layer: list(layer.parameters(recurse=False))
            for layer in _body(learn)
            if isinstance(layer, NORMS) or type(layer).__name__.endswith(("LayerNorm", "RMSNorm"))
        }
        _train_alone(learn, chosen, batchnorm, "normalisation layers with weights")


def _body(learn: Learner) -> list[nn.Module]:
    """All layers of the body, once each."""
    return list(dict.fromkeys(layer for block in blocks(learn)[:-1] for layer in block.modules()))


def _is_bias(name: str) -> bool:
    return name.endswith("bias") or name.startswith("bias_")  # the latter in torch's recurrent layers


def _train_alone(
    learn: Learner, chosen: dict[nn.Module, list[nn.Parameter]], batchnorm: BatchNorm, called: str
) -> None:
    """Freeze the body but for some weights."""
    if not any(chosen.values()):
        raise CourseError(
            f"The body of this network has no {called}: choose another method, such as LoRA.",
            code="training.nothing-to-train",
        )
    freeze(learn, batchnorm=batchnorm)
    for layer in _body(learn):
        if isinstance(layer, BATCHNORM):  # held without the rule that lets fixed layers go once their weights train
            hold_in_eval(layer, batchnorm == "fixed")
            layer.requires_grad_(False)
    for weights in chosen.values():
        for weight in weights:
            weight.requires_grad_(True)
