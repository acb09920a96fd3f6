"""The same LoRA in Hugging Face's `peft`, to compare with and to hand on."""

import copy
from typing import Any

import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.surgery.blocks import Network, model_of
from course_utils.training.few_weights.additions import addition_of, additions, take_off
from course_utils.training.few_weights.lora import LowRank


@torch.no_grad()
def as_peft(network: Network) -> nn.Module:
    """Copy a network with LoRA, the layers of `peft` holding its changes in place of ours.

    Its outputs are the same to rounding, and so are its gradients; as ever in `peft`, the base layers are frozen.

    Raises
    ------
    CourseError
        Without the extra that brings `peft` (`training.extra-missing`), and for a network that carries no LoRA
        (`training.no-lora`).
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as problem:
        raise CourseError(
            'This needs the package peft: install it with python -m pip install "fine-tuning-course[text]".',
            code="training.extra-missing",
        ) from problem
    twin = copy.deepcopy(model_of(network))
    changes = {name: addition_of(layer) for name, layer in additions(twin).items()}
    if not changes or not all(isinstance(change, LowRank) for change in changes.values()):
        raise CourseError("This network carries no LoRA: hang it on with add_lora first.", code="training.no-lora")
    ranks = {name: len(_weight(change, "A")) for name, change in changes.items()}
    alphas = {name: change.scale * ranks[name] for name, change in changes.items() if isinstance(change, LowRank)}
    for layer in additions(twin).values():
        take_off(layer)
    rank, alpha = next(iter(ranks.values())), next(iter(alphas.values()))
    settings = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(changes))  # type: ignore[arg-type]
    trains = {name for name, weight in model_of(network).named_parameters() if weight.requires_grad}
    inject_adapter_in_model(settings, twin)
    for name, change in changes.items():
        there: Any = twin.get_submodule(name)
        there.lora_A["default"].weight.copy_(_weight(change, "A"))
        there.lora_B["default"].weight.copy_(_weight(change, "B"))
    for name, weight in twin.named_parameters():
        weight.requires_grad_("lora_" in name or name.replace(".base_layer.", ".") in trains)
    return twin


def _weight(change: Any, which: str) -> torch.Tensor:
    return getattr(change, which).weight
