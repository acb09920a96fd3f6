"""See and change a network: its blocks, its head, what is frozen, and how far its weights have moved."""

from course_utils.surgery.blocks import Block, blocks, split_by_block
from course_utils.surgery.channels import change_input_channels
from course_utils.surgery.cutting import cut
from course_utils.surgery.describing import block_outputs, describe
from course_utils.surgery.drift import drift, fingerprints, snapshot
from course_utils.surgery.forward import example_input
from course_utils.surgery.freezing import freeze, freeze_to, hold_in_eval, set_batchnorm, unfreeze, unfreeze_block
from course_utils.surgery.heads import replace_head
from course_utils.surgery.multi_depth import MultiDepthHead

__all__ = [
    "Block",
    "MultiDepthHead",
    "block_outputs",
    "blocks",
    "change_input_channels",
    "cut",
    "describe",
    "drift",
    "example_input",
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
