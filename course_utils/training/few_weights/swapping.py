"""Several tunings on one frozen body: take what trained off a network, keep it, and put it on again."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from course_utils.errors import CourseError
from course_utils.surgery.blocks import BATCHNORM, Network, is_held, model_of
from course_utils.training.few_weights.additions import additions

LOOKED_AT = 8  # numbers of each frozen tensor that tell two bodies apart


@dataclass(frozen=True)
class TunedWeights:
    """What training changed in a network, apart from its frozen body.

    Attributes
    ----------
    weights : mapping of str to Tensor
        Copies, by their dotted names: weights that train, and running statistics of BatchNorm that moved with them.
    body : str
        A digest of what is frozen: names, shapes and some numbers of each tensor.
    """

    weights: Mapping[str, Tensor]
    body: str

    @property
    def megabytes(self) -> float:
        """The size in MB, of a million bytes each."""
        return sum(weight.nbytes for weight in self.weights.values()) / 1e6

    def save(self, path: Path | str) -> None:
        """Write a safetensors file."""
        save_file({name: weight.contiguous() for name, weight in self.weights.items()}, path, {"body": self.body})

    @classmethod
    def load(cls, path: Path | str) -> "TunedWeights":
        """Read such a file.

        Raises
        ------
        CourseError
            Where it can't be read, or isn't one that `save` wrote (`training.no-tuned-weights`).
        """
        try:
            with safe_open(path, "pt") as file:
                body = (file.metadata() or {})["body"]
                return cls({name: file.get_tensor(name) for name in file.keys()}, body)  # noqa: SIM118
        except (OSError, SafetensorError, KeyError) as problem:
            raise CourseError(
                f"{path} holds no tuned weights ({problem}): give a file that TunedWeights.save wrote.",
                code="training.no-tuned-weights",
            ) from problem

    @torch.no_grad()
    def put_on(self, network: Network) -> None:
        """Give a network these weights, in place of those that it has by the same names.

        Parameters
        ----------
        network : nn.Module or Learner
            With the same frozen body, LoRA or adapters hung on the same layers, and a head of the same shape.

        Raises
        ------
        CourseError
            Where names or shapes differ (`training.tuned-weights-do-not-fit`), and where the frozen body is another one
            or has moved since (`training.other-body`). Nothing is changed then.
        """
        own = _tensors(network)
        for name, weight in self.weights.items():
            if name not in own or own[name].shape != weight.shape:
                found = f"has {tuple(own[name].shape)} there" if name in own else "has no such weight"
                raise CourseError(
                    f"These weights don't fit: they hold {name!r} of shape {tuple(weight.shape)}, and this network "
                    f"{found}. Hang LoRA or adapters on the same layers first, with the same rank or size, and give "
                    "it as many classes.",
                    code="training.tuned-weights-do-not-fit",
                )
        if more := sorted(set(_tuned(network)) - set(self.weights)):
            raise CourseError(
                f"These weights don't fit: this network also has {more[0]!r}, which they don't hold. Take such layers "
                "off with remove_additions, or freeze what these weights left frozen.",
                code="training.tuned-weights-do-not-fit",
            )
        if _digest(own, self.weights) != self.body:
            raise CourseError(
                "These weights belong to another frozen body, or to this one before something in it moved, such as "
                "BatchNorm's running statistics: put them on the network that they were trained on.",
                code="training.other-body",
            )
        for name, weight in self.weights.items():
            own[name].copy_(weight)


def tuned_weights(network: Network) -> TunedWeights:
    """Copy what trains in a network with a frozen body: to keep it, and to put it on again.

        before = tuned_weights(learn)
        ...
        before.put_on(learn)

    Raises
    ------
    CourseError
        Where nothing is frozen (`training.nothing-frozen`).
    """
    own, tuned = _tensors(network), _tuned(network)
    if all(name in tuned for name, _ in model_of(network).named_parameters()):
        raise CourseError(
            "Everything in this network trains, so there is no frozen body to put weights on: save the whole network.",
            code="training.nothing-frozen",
        )
    return TunedWeights({name: own[name].detach().clone() for name in tuned}, _digest(own, tuned))


def _tensors(network: Network) -> dict[str, Tensor]:
    model = model_of(network)
    return dict(model.named_parameters()) | dict(model.named_buffers())


def _tuned(network: Network) -> list[str]:
    """The names of what training changes."""
    model = model_of(network)
    hung = tuple(f"{name}.addition." for name in additions(model))
    tuned = [name for name, weight in model.named_parameters() if weight.requires_grad or name.startswith(hung)]
    for name, layer in model.named_modules():
        if isinstance(layer, BATCHNORM) and not is_held(layer):
            tuned += [f"{name}.{buffer}" for buffer, _ in layer.named_buffers(recurse=False)]
    return tuned


def _digest(own: Mapping[str, Tensor], tuned: Mapping[str, Tensor] | list[str]) -> str:
    digest = hashlib.sha256()
    for name, tensor in own.items():
        if name not in tuned:
            some = tensor.detach().flatten()
            some = some[:: max(some.numel() // LOOKED_AT, 1)].to("cpu", torch.float64)
            digest.update(f"{name} {tuple(tensor.shape)}".encode() + some.numpy().tobytes())
    return digest.hexdigest()
