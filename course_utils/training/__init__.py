"""The ways to fine-tune, by their names in the field: each turns a fresh learner into a trained one.

HeadOnly(epochs=5, lr=1e-2).train(learn)
"""

from course_utils.training.caching import Cached, cached_body
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
    Partial,
    StopWhenLost,
    Strategy,
    Surgical,
    check_data,
    suit_device,
)

__all__ = [
    "STRATEGIES",
    "Cached",
    "Discriminative",
    "FineTune",
    "FromScratch",
    "Full",
    "GradualUnfreezing",
    "HeadOnly",
    "HeadThenAll",
    "LinearProbe",
    "Partial",
    "StopWhenLost",
    "Strategy",
    "Surgical",
    "cached_body",
    "check_data",
    "suit_device",
]
