"""The pre-training script: recipes, folded BatchNorm, and a run that was stopped."""

import json
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from course_utils.backbones import weights
from course_utils.backbones.images.resnet18_half import ResNet18Half
from course_utils.backbones.images.vgg16_quarter import VGG16Quarter
from tools.pretraining import card
from tools.pretraining.architectures import ARCHITECTURES
from tools.pretraining.batchnorm import add_batchnorm, fold_batchnorm
from tools.pretraining.images import augment
from tools.pretraining.recipes import Cycle
from tools.pretraining.training import VIEW, pretrain

CYCLES = [cycle for architecture in ARCHITECTURES.values() for cycle in architecture.recipe.cycles]


def _archive(file: Path, side: int = 64) -> None:
    random = np.random.default_rng(0)
    with zipfile.ZipFile(file, "w") as z:
        for part, count in (("train", 12), ("val", 3)):
            for label, shade in (("n1", 40), ("n2", 120), ("n3", 200), ("n4", 250), ("n5", 5)):
                for i in range(count):
                    coded = BytesIO()
                    noise = random.integers(0, 5, (side, side, 3), dtype=np.uint8)
                    Image.fromarray(noise + np.uint8(shade)).save(coded, "webp")
                    z.writestr(f"tiny/{part}/{label}/{i}.webp", coded.getvalue())


class Stopped(Exception):
    """A run ends here, as if its process had been killed."""


@pytest.fixture(scope="module")
def one_process(tmp_path_factory) -> Iterator[None]:
    """The process group that pre-training asks for, of this process alone; nothing random by the order of threads."""
    meeting = tmp_path_factory.mktemp("group") / "rendezvous"
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=0, world_size=1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)
    dist.destroy_process_group()


@pytest.mark.parametrize(
    ("name", "first", "averaged"),
    [("resnet18_half", "conv1.weight", True), ("vgg16_quarter", "classifier.weight", False)],
)
def test_a_stopped_pre_training_goes_on_where_it_was(name, first, averaged, tmp_path, monkeypatch, one_process):
    """Two runs, one of them stopped after its first epoch, end with the same weights."""
    _archive(tmp_path / "tiny.zip")
    cycles = (Cycle(((1, 32, 0.5),), 20, 0.1, 0.1), Cycle(((1, 48, 0.5), (1, 64, 0.5)), 10, 0.05, 0.1))
    recipe = replace(ARCHITECTURES[name].recipe, cycles=cycles)
    architecture = replace(ARCHITECTURES[name], recipe=recipe)
    save = torch.save

    def save_once(state: dict, file: Path) -> None:
        if (tmp_path / "cut" / "checkpoint.pt").exists():
            raise Stopped
        save(state, file)

    pretrain(architecture, tmp_path / "tiny.zip", tmp_path / "whole")
    with monkeypatch.context() as patched, pytest.raises(Stopped):
        patched.setattr(torch, "save", save_once)
        pretrain(architecture, tmp_path / "tiny.zip", tmp_path / "cut")
    torch.manual_seed(99)  # a new process knows nothing of the random numbers that the first one drew
    pretrain(architecture, tmp_path / "tiny.zip", tmp_path / "cut")

    whole, cut = (json.loads((tmp_path / out / f"{name}.json").read_text()) for out in ("whole", "cut"))
    assert whole["sha256"] == cut["sha256"]
    assert [row["epoch"] for row in cut["history"]] == [1, 2, 3]
    assert set(whole) == set(weights.training_record())
    ends = [load_file(tmp_path / "whole" / f"end-{epochs}.safetensors") for epochs in (1, 3)]
    shipped = load_file(tmp_path / "whole" / f"{name}.safetensors")
    mean = (ends[0][first].float() + ends[1][first].float()) / 2 if averaged else ends[1][first]
    assert torch.equal(shipped[first], mean.half()), "what is shipped is the average of the cycles' last ends"
    network = {"resnet18_half": ResNet18Half, "vgg16_quarter": VGG16Quarter}[name](5)
    network.load_state_dict(shipped)  # the network that learners build takes them


def test_augmentation_is_drawn_per_image():
    same = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8).expand(16, -1, -1, -1)
    views = augment(same, 32, 0.35, 0.2, torch.Generator().manual_seed(0))
    assert views.shape == (16, 3, 32, 32)
    assert len({tuple(view.flatten()[:50].tolist()) for view in views}) == 16


@pytest.mark.parametrize("cycle", CYCLES)
def test_each_cycle_rises_and_falls_to_zero(cycle):
    rates = [cycle.lr(i / 1000) for i in range(1001)]
    assert max(rates) == pytest.approx(cycle.peak_lr) and rates[0] == 0 and rates[-1] == pytest.approx(0)
    assert rates.index(max(rates)) == round(1000 * cycle.warm_up)
    sides = [cycle.stage(epoch)[0] for epoch in range(cycle.epochs)]
    assert sides == sorted(sides) and sides[-1] == VIEW


def test_epochs_of_the_run_fall_into_cycles():
    recipe = ARCHITECTURES["resnet18_half"].recipe
    first, second, *later = recipe.cycles
    assert recipe.epochs == first.epochs + second.epochs + sum(cycle.epochs for cycle in later)
    assert recipe.cycle(first.epochs - 1) == (first, first.epochs - 1)
    assert recipe.cycle(first.epochs) == (second, 0)
    with pytest.raises(IndexError):
        recipe.cycle(recipe.epochs)


@pytest.mark.parametrize("name", weights.bundled())
def test_the_shipped_weights_come_from_todays_recipe(name):
    """The figures hold the recipe as JSON does: lists in place of tuples."""
    assert weights.training_record(name)["recipe"] == json.loads(json.dumps(asdict(ARCHITECTURES[name].recipe)))


def test_folded_batchnorm_gives_the_same_scores():
    trained = add_batchnorm(VGG16Quarter(7))
    images = torch.randn(4, 3, 64, 64)
    trained(images)  # the running statistics move away from their start
    for part in trained.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias)
    folded = fold_batchnorm(trained)
    assert [type(part) for part in folded.features] == [type(part) for part in VGG16Quarter().features]
    assert list(folded.state_dict()) == list(VGG16Quarter().state_dict())
    torch.testing.assert_close(folded(images), trained.eval()(images), rtol=1e-4, atol=1e-4)


def test_a_finished_run_is_bundled_and_gets_its_card(tmp_path, monkeypatch):
    run, package = tmp_path / "run", tmp_path / "package"
    run.mkdir()
    package.mkdir()
    figures = weights.training_record("resnet18_half")
    recipe = ARCHITECTURES["vgg16_quarter"].recipe
    figures["recipe"] = asdict(replace(recipe, cycles=recipe.cycles[:1]))
    figures |= {"ends_alone": [40.0], "top1": 40.0}
    (run / "vgg16_quarter.json").write_text(json.dumps(figures))
    (run / "vgg16_quarter.safetensors").write_bytes(b"weights")
    for module in (card, weights):
        monkeypatch.setattr(module, "FOLDER", package)
    monkeypatch.setattr(sys, "argv", ["card", "--bundle", str(run)])
    card.main()
    assert (package / "vgg16_quarter.safetensors").read_bytes() == b"weights"
    written = (package / "MODEL_CARD_vgg16_quarter.md").read_text()
    assert "# Model card: vgg16_quarter" in written and "| top-1 | 40.0 |" in written
    assert "cycle 1" in written and "cycle 2" not in written and "alone reach" not in written
