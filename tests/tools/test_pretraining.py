"""The pre-training script: recipes, folded BatchNorm, and a run that was stopped."""

import json
import subprocess
import sys
import zipfile
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from course_utils.backbones import weights
from course_utils.backbones.resnet18_half import ResNet18Half
from course_utils.backbones.vgg16_quarter import VGG16Quarter
from tools.pretraining import card
from tools.pretraining.architectures import ARCHITECTURES
from tools.pretraining.batchnorm import add_batchnorm, fold_batchnorm
from tools.pretraining.images import augment
from tools.pretraining.training import VIEW

ROOT = Path(__file__).parents[2]
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


@pytest.mark.parametrize(
    ("name", "first", "averaged"),
    [("resnet18_half", "conv1.weight", True), ("vgg16_quarter", "classifier.weight", False)],
)
def test_a_stopped_pre_training_goes_on_where_it_was(name, first, averaged, tmp_path):
    """Two runs, one of them killed after its first epoch, end with the same weights."""
    _archive(tmp_path / "tiny.zip")
    script = (
        "import sys, torch, torch.distributed as dist; from pathlib import Path\n"
        "from dataclasses import replace\n"
        "from tools.pretraining.architectures import ARCHITECTURES\n"
        "from tools.pretraining.recipes import Cycle\n"
        "from tools.pretraining.training import pretrain\n"
        "dist.init_process_group('gloo', init_method=f'file://{sys.argv[2]}.rendezvous', rank=0, world_size=1)\n"
        "torch.manual_seed(9); torch.use_deterministic_algorithms(True); torch.set_num_threads(1)\n"
        "if sys.argv[3] == 'stop':\n"
        "    save = torch.save\n"
        "    def stop(*a, **k):\n"
        "        Path(sys.argv[2], 'checkpoint.pt').exists() and sys.exit(7)\n"
        "        save(*a, **k)\n"
        "    torch.save = stop\n"
        "architecture = ARCHITECTURES[sys.argv[4]]\n"
        "cycles = (Cycle(((1, 32, .5),), 20, .1, .1), Cycle(((1, 48, .5), (1, 64, .5)), 10, .05, .1))\n"
        "architecture = replace(architecture, recipe=replace(architecture.recipe, cycles=cycles))\n"
        "pretrain(architecture, Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )

    def run(out: str, how: str) -> int:
        (tmp_path / f"{out}.rendezvous").unlink(missing_ok=True)
        command = [sys.executable, "-c", script, str(tmp_path / "tiny.zip"), str(tmp_path / out), how, name]
        return subprocess.run(command, capture_output=True, cwd=ROOT).returncode

    assert run("whole", "go") == 0
    assert run("cut", "stop") == 7
    assert run("cut", "go") == 0
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
    figures["recipe"] = asdict(ARCHITECTURES["vgg16_quarter"].recipe)
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
