"""The page on networks says what the libraries' networks are now."""

import pytest
from support.networks.table import PAGE, beginning, built, networks, row, table_lines, written

from course_utils import surgery

LINES = table_lines(written(PAGE.read_text(encoding="utf-8")))
LIGHT = [
    ("torchvision", "squeezenet1_1"),
    ("torchvision", "googlenet"),
    ("timm", "swin_tiny_patch4_window7_224"),
    ("fastai", "xresnet18"),
]


def test_the_table_names_the_blocks_and_the_head_of_each_network():
    for line, (which, make) in zip(LINES, networks().items(), strict=True):
        network = built(make)
        assert line.startswith(beginning(*which, network))
        held = [id(weight) for block in surgery.blocks(network) for weight in block.parameters()]
        assert sorted(held) == sorted(map(id, network.parameters())), "each weight is in one block, once"


@pytest.mark.parametrize("which", LIGHT, ids=" ".join)
def test_what_a_line_says_works(which):
    assert row(*which, networks()[which]) in LINES
