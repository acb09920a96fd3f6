"""See and change a network: its blocks, its head, what is frozen, and how far its weights have moved."""

from course_utils.surgery.blocks import Block, blocks, describe, split_by_block
from course_utils.surgery.drift import drift, fingerprints, snapshot
from course_utils.surgery.freezing import freeze, freeze_to, hold_in_eval, set_batchnorm, unfreeze, unfreeze_block
from course_utils.surgery.heads import change_input_channels, cut, replace_head

__all__ = [
    "Block",
    "blocks",
    "change_input_channels",
    "cut",
    "describe",
    "drift",
    "fingerprints",
    "freeze",
    "freeze_to",
    "hold_in_eval",
    "replace_head",
    "set_batchnorm",
    "snapshot",
    "split_by_block",
    "unfreeze",
    "unfreeze_block",
]
