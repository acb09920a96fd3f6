"""Tuning few weights: LoRA, bottleneck adapters, biases or normalisation alone, and several tunings on one body."""

from course_utils.training.few_weights.additions import remove_additions
from course_utils.training.few_weights.as_peft import as_peft
from course_utils.training.few_weights.bottlenecks import add_adapters
from course_utils.training.few_weights.lora import add_lora, merge_lora
from course_utils.training.few_weights.strategies import BiasesOnly, BottleneckAdapters, LoRA, NormalisationOnly
from course_utils.training.few_weights.swapping import TunedWeights, tuned_weights

__all__ = [
    "BiasesOnly",
    "BottleneckAdapters",
    "LoRA",
    "NormalisationOnly",
    "TunedWeights",
    "add_adapters",
    "add_lora",
    "as_peft",
    "merge_lora",
    "remove_additions",
    "tuned_weights",
]
