"""The ways to fine-tune, by their names in the field: each turns a fresh learner into a trained one.

HeadOnly(epochs=5, lr=1e-2).train(learn)
"""

from course_utils.training.caching import Cached, cached_body
from course_utils.training.callbacks import KeepBest, RecordSchedule, StopWhenLost
from course_utils.training.checks import check_data
from course_utils.training.few_weights import (
    BiasesOnly,
    BottleneckAdapters,
    LoRA,
    NormalisationOnly,
    TunedWeights,
    add_adapters,
    add_lora,
    as_peft,
    merge_lora,
    remove_additions,
    tuned_weights,
)
from course_utils.training.phases import Phase, run_phases
from course_utils.training.precision import suit_device
from course_utils.training.probing import Probe, SolvedHead, solve_head
from course_utils.training.randomness import randomness_kept
from course_utils.training.running_statistics import ReestimateBatchNorm, reestimate_batchnorm, reestimated
from course_utils.training.strategies import (
    STRATEGIES,
    Discriminative,
    FineTune,
    FromScratch,
    Full,
    GradualUnfreezing,
    HeadOnly,
    HeadThenAll,
    LinearProbe,
    MultiDepthProbe,
    Partial,
    ProbeThenAll,
    Strategy,
    Surgical,
)
from course_utils.training.what_trains import BlockAndHead, Everything, FromBlock, FromGroup, Head, WhatTrains

__all__ = [
    "STRATEGIES",
    "BiasesOnly",
    "BlockAndHead",
    "BottleneckAdapters",
    "Cached",
    "Discriminative",
    "Everything",
    "FineTune",
    "FromBlock",
    "FromGroup",
    "FromScratch",
    "Full",
    "GradualUnfreezing",
    "Head",
    "HeadOnly",
    "HeadThenAll",
    "KeepBest",
    "LinearProbe",
    "LoRA",
    "MultiDepthProbe",
    "NormalisationOnly",
    "Partial",
    "Phase",
    "Probe",
    "ProbeThenAll",
    "RecordSchedule",
    "ReestimateBatchNorm",
    "SolvedHead",
    "StopWhenLost",
    "Strategy",
    "Surgical",
    "TunedWeights",
    "WhatTrains",
    "add_adapters",
    "add_lora",
    "as_peft",
    "cached_body",
    "check_data",
    "merge_lora",
    "randomness_kept",
    "reestimate_batchnorm",
    "reestimated",
    "remove_additions",
    "run_phases",
    "solve_head",
    "suit_device",
    "tuned_weights",
]
