"""What the model cards state is what the pre-training runs gave, and what the files give."""

import math
import zipfile
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import backbones
from course_utils.backbones import weights
from tools.pretraining import card
from tools.pretraining.training import accuracy

PROMISED = {"resnet18_half": 45, "vgg16_quarter": 38}  # top-1 in percent


@pytest.mark.parametrize("name", weights.bundled())
def test_the_model_card_states_the_runs_figures(name):
    stated = card.render(name, weights.training_record(name))
    assert card.card_file(name).read_text() == stated, "python -m tools.pretraining.card renews it"


@pytest.mark.parametrize("name", weights.bundled())
def test_the_shipped_figures_reach_the_promised_accuracy(name):
    figures = weights.training_record(name)
    assert figures["top1"] >= PROMISED[name] and figures["validation_images"] == 10_000


@pytest.mark.parametrize("name", weights.bundled())
def test_shipped_accuracy_is_what_the_file_gives(name, mirror):
    """The card's top-1 on every tenth validation image of the archive, within its sampling error."""
    archive = mirror / "tiny-imagenet-200-webp.zip"
    with zipfile.ZipFile(archive) as z:
        names = sorted(n for n in z.namelist() if n.split("/")[1] == "val" and n.endswith(".webp"))
        classes = sorted({n.split("/")[2] for n in names})
        names = names[::10]
        decoded = [np.asarray(Image.open(BytesIO(z.read(n))).convert("RGB")) for n in names]
    seen = torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2)
    labels = torch.tensor([classes.index(n.split("/")[2]) for n in names])
    top1, top5 = accuracy(getattr(backbones, name)("DEFAULT"), seen, labels)
    figures = weights.training_record(name)
    for measured, stated in ((top1, figures["top1"]), (top5, figures["top5"])):
        assert abs(measured - stated) < 3 * math.sqrt(stated * (100 - stated) / len(names))
