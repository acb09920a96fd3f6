"""The page on networks says what the libraries' networks are now."""

import pytest
from support.networks.table import PAGE, beginning, built, networks, row, table_lines, written

LINES = table_lines(written(PAGE.read_text(encoding="utf-8")))
LIGHT = [
    ("torchvision", "squeezenet1_1"),
    ("torchvision", "googlenet"),
    ("torchvision", "shufflenet_v2_x0_5"),
    ("timm", "vit_tiny_patch16_224"),
    ("timm", "swin_tiny_patch4_window7_224"),
    ("fastai", "xresnet18"),
]


def test_the_table_names_the_blocks_and_the_head_of_each_network():
    for line, (which, make) in zip(LINES, networks().items(), strict=True):
        assert line.startswith(beginning(*which, built(make)))


@pytest.mark.parametrize("which", LIGHT, ids=" ".join)
def test_what_a_line_says_works(which):
    assert row(*which, networks()[which]) in LINES
