"""The table of docs/networks.md: what surgery reads in each family of networks, found anew on torch's meta device.

Run as a script, this writes the table into the page: `python -m support.networks.table` in the folder tests.
"""

import copy
import re
from collections.abc import Callable
from pathlib import Path

import timm
import torch
import torchvision.models as tv
from fastai.vision.all import create_timm_model, create_vision_model
from fastai.vision.models import xresnet
from torch import nn

from course_utils import surgery
from course_utils.errors import CourseError
from course_utils.surgery.forward import dummy_forward, first_tensor
from course_utils.surgery.heads import head_path, several_classifiers

PAGE = Path(__file__).parents[3] / "docs" / "networks.md"
BEGIN, END = "<!-- table: written by tests/support/networks/table.py -->", "<!-- end of table -->"
TORCHVISION = """
    alexnet vgg16_bn googlenet inception_v3 squeezenet1_1 resnet18 resnext50_32x4d densenet121 mobilenet_v2
    mobilenet_v3_small mnasnet0_5 shufflenet_v2_x0_5 efficientnet_b0 efficientnet_v2_s convnext_tiny vit_b_16 swin_t
    swin_v2_t maxvit_t
"""
TIMM = """
    resnet18 efficientnet_b0 mobilenetv3_small_050 convnext_atto vit_tiny_patch16_224 deit_tiny_distilled_patch16_224
    swin_tiny_patch4_window7_224 mixer_s16_224 inception_v3
"""
FASTAI = ("xresnet18",)
OUTPUTS = 7


def networks() -> dict[tuple[str, str], Callable[[], nn.Module]]:
    """How each network of the table is built, by library and name."""
    found: dict[tuple[str, str], Callable[[], nn.Module]] = {}
    for name in TORCHVISION.split():
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        found["torchvision", name] = lambda name=name, options=options: tv.get_model(name, weights=None, **options)
    for name in TIMM.split():
        found["timm", name] = lambda name=name: timm.create_model(name)
    for name in FASTAI:
        found["fastai", name] = lambda name=name: getattr(xresnet, name)()
    return found


def row(library: str, name: str, make: Callable[[], nn.Module]) -> str:
    """One line of the table; what it says has been done."""
    network = built(make)
    parts = surgery.blocks(network)
    surgery.freeze(network, batchnorm="fixed")
    assert {n for n, w in network.named_parameters() if w.requires_grad} == set(parts[-1].weights)
    assert len(surgery.split_by_block(network)) == len(parts) and all(surgery.describe(network).output)
    surgery.cut(network, len(parts) // 2)
    begun = beginning(library, name, network)
    surgery.replace_head(network, "linear", n_out=OUTPUTS)
    assert first_tensor(dummy_forward(network)).shape == (2, OUTPUTS)
    return f"{begun} {_in_a_vision_learner(library, name)} |"


def beginning(library: str, name: str, network: nn.Module) -> str:
    """What the line says of blocks and head, which takes no forward pass."""
    names = _shortened([block.name for block in surgery.blocks(network)])
    several = several_classifiers(network)
    heads = [head_path(network)] if several is None else several.pretrained_cfg["classifier"]
    return f"| {library} `{name}` | {names} | {', '.join(f'`{head}`' for head in heads)} |"


def built(make: Callable[[], nn.Module]) -> nn.Module:
    """A network on the meta device: only names and shapes are needed."""
    with torch.device("meta"):
        return make()


def _shortened(names: list[str]) -> str:
    """List names, with "stage 1 to 4" for a series."""
    told, kinds = [], [name.rpartition(" ")[0] for name in names]
    for kind in dict.fromkeys(kinds):
        series = [name for name, its in zip(names, kinds, strict=True) if its == kind]
        if kind == "":
            told += [(names.index(name), name) for name in series]
        else:
            many = f"{series[0]} to {len(series)}" if len(series) > 1 else series[0]
            told.append((names.index(series[0]), many))
    return ", ".join(name for _, name in sorted(told))


def _in_a_vision_learner(library: str, name: str) -> str:
    """Whether fastai's `vision_learner` makes a network of it that works."""
    try:
        with torch.device("meta"):
            if library == "timm":
                network = create_timm_model(name, OUTPUTS, pretrained=False)[0]
            elif library == "torchvision":
                network = create_vision_model(getattr(tv, name), OUTPUTS, pretrained=False)
            else:
                network = create_vision_model(getattr(xresnet, name), OUTPUTS, pretrained=False)
    except Exception:  # fastai has no words of its own for it
        return "no: `Learner`"
    try:
        dummy_forward(copy.deepcopy(network))
    except CourseError:
        surgery.replace_head(network, "linear", n_out=OUTPUTS)
        assert first_tensor(dummy_forward(network)).shape == (2, OUTPUTS)
        return "with a new head"
    return "yes"


def table() -> str:
    """The whole table."""
    head = "| network | blocks | a new head replaces | `vision_learner` |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(row(*which, make) for which, make in networks().items())


def written(page: str) -> str:
    """The table that a page holds."""
    found = re.search(f"{re.escape(BEGIN)}\n(.*?)\n{re.escape(END)}", page, re.DOTALL)
    assert found, "the page has no table between its two markers"
    return found[1]


def table_lines(table: str) -> list[str]:
    """The lines of a table, without its head."""
    return table.splitlines()[2:]


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(text.replace(written(text), table()), encoding="utf-8")
