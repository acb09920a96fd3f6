"""The ways to fine-tune, by their names in the field: each turns a fresh learner into a trained one.

HeadOnly(epochs=5, lr=1e-2).train(learn)
"""

from course_utils.training.caching import Cached, cached_body
from course_utils.training.callbacks import KeepBest, RecordSchedule, StopWhenLost
from course_utils.training.checks import check_data
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
    "BlockAndHead",
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
    "MultiDepthProbe",
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
    "WhatTrains",
    "cached_body",
    "check_data",
    "randomness_kept",
    "reestimate_batchnorm",
    "reestimated",
    "run_phases",
    "solve_head",
    "suit_device",
]
