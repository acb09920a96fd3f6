"""Features on disk: the second start reads them, other weights or images never do, and damage is mended."""

import importlib.util
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.torch_core import set_seed
from safetensors.torch import load_file, save_file
from support.datasets import coloured_images, store_loaders
from support.errors import refused
from support.learners import silent
from support.training import close, train
from torch import nn
from typer.testing import CliRunner

from course_utils.cli.data import app
from course_utils.data.decoded import write_tensors
from course_utils.settings import features_limit
from course_utils.surgery import blocks, freeze_to
from course_utils.training import cached_body, feature_store
from course_utils.training.cut_forward import CutForward


def body(stride: int = 2) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.ReLU())


def learner(depth: int = -1, *, made: Callable[[], nn.Module] = body, scale: float = 1.0, **options) -> Learner:
    """A small network that is frozen before a depth, on 24 noisy images; the validation set has six others."""
    set_seed(0)
    dls: DataLoaders = store_loaders(coloured_images(36), (24, 6, 6), **{"bs": 8} | options)
    network = nn.Sequential(made(), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)))
    with torch.no_grad():
        network[0][0].weight.mul_(scale)
    learn = silent(Learner(dls, network, loss_func=CrossEntropyLossFlat()))
    freeze_to(learn, depth, batchnorm="fixed")
    return learn


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Path:
    """The folder of features, in a data folder of the test's own."""
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COURSE_FEATURES_GB", "0.1")
    return tmp_path / "features"


@pytest.fixture
def computed(monkeypatch) -> list[int]:
    """How many images each batch had whose features were computed and not only looked at."""
    found: list[int] = []
    real = CutForward.features
    monkeypatch.setattr(
        CutForward, "features", lambda self, given, *rest: found.append(len(given)) or real(self, given, *rest)
    )
    return found


def start(**options) -> dict[str, torch.Tensor]:
    learn = learner(**options)
    with cached_body(learn):
        return train(learn)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_second_start_reads_what_the_first_one_wrote(kept, computed):
    first = start()
    assert len(files(kept)) == 2, "those of training and of validation"
    before, looks = files(kept), computed.copy()
    computed.clear()
    assert close(start(), first) and files(kept) == before
    assert len(computed) < len(looks)
    plain = learner()
    assert close(train(plain), first)


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 1.1},
        {"made": lambda: body(stride=1)},
        {"depth": 1, "made": lambda: nn.Sequential(*body(), nn.Conv2d(8, 8, 1))},
        {"size": 10},
        {"normalize": False},
    ],
    ids=["weights", "a layer's settings", "a layer more", "image size", "transforms"],
)
def test_other_weights_or_images_have_another_name(kept, change):
    start()
    before = files(kept)
    with_disk = start(**change)
    assert len(files(kept) - before) == 2
    other = learner(**change)
    assert close(with_disk, train(other))


def test_another_head_finds_the_same_features(kept):
    start()
    before = files(kept)
    learn = learner()
    learn.model[1] = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    freeze_to(learn, -1, batchnorm="fixed")
    with cached_body(learn):
        train(learn)
    assert files(kept) == before


def test_code_that_changes_makes_another_name_and_unreadable_code_none(tmp_path):
    def code_of(name: str, text: str) -> str:
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location("own_layer", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules["own_layer"] = module  # where inspect looks for the source
        spec.loader.exec_module(module)
        network = nn.Sequential(nn.Sequential(module.Own(), nn.Conv2d(3, 4, 3)), nn.Linear(4, 2))
        parts = blocks(network)
        return feature_store.digest_of_code(network, parts[:-1], parts[-1:])

    text = "from torch import nn\n\n\nclass Own(nn.Module):\n    def forward(self, x):\n        return {} * x\n"
    try:
        assert code_of("one", text.format(2)) == code_of("two", text.format(2)) != code_of("three", text.format(30))
    finally:
        del sys.modules["own_layer"]
    exec(text.format(2), made := {"__name__": "nowhere"})
    network = nn.Sequential(nn.Sequential(made["Own"](), nn.Conv2d(3, 4, 3)), nn.Linear(4, 2))
    parts = blocks(network)
    assert feature_store.digest_of_code(network, parts[:-1], parts[-1:]) == ""


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: b[:-9] + b"damaged!!", lambda b: b"", lambda b: b"\x80" * 50]
)
def test_a_damaged_file_is_computed_again_and_a_sentence_says_so(kept, capsys, damage):
    first = start()
    capsys.readouterr()
    for path in kept.iterdir():
        path.write_bytes(damage(path.read_bytes()))
    assert close(start(), first)
    assert "Features in the data folder were damaged: they are computed again." in capsys.readouterr().out
    assert close(start(), first) and capsys.readouterr().out == ""


def test_sound_files_with_other_values_are_noticed(kept, capsys):
    first = start()
    for path in kept.iterdir():
        tensors = load_file(path)
        write_tensors(path, {name: tensor + 1 for name, tensor in tensors.items()})
    assert close(start(), first)
    assert "damaged" in capsys.readouterr().out


def test_no_pickle_is_loaded(kept):
    start()
    for path in kept.iterdir():
        torch.save({"features": torch.zeros(3)}, path)
    start()
    save_file({"other": torch.zeros(3)}, next(kept.iterdir()))
    start()


def test_the_folder_stays_within_its_limit_and_keeps_what_was_used_last(kept, monkeypatch):
    start()
    size = sum(path.stat().st_size for path in kept.iterdir())
    monkeypatch.setenv("COURSE_FEATURES_GB", f"{1.6 * size / 1e9:.9f}")
    first = files(kept)
    for number, path in enumerate(kept.iterdir()):
        os.utime(path, (number, number))
    start()  # used again, so newer than the next one's limit allows to remove first
    times = {path.name: path.stat().st_mtime for path in kept.iterdir()}
    assert min(times.values()) > 1000
    start(scale=1.2)
    assert sum(path.stat().st_size for path in kept.iterdir()) <= 1.6 * size and not first <= files(kept)
    monkeypatch.setenv("COURSE_FEATURES_GB", "0")
    before = files(kept)
    start(scale=1.3)
    assert files(kept) == before


def test_a_disk_that_cannot_be_written_costs_a_sentence(kept, capsys):
    kept.write_text("in the way")
    plain = learner()
    assert close(start(), train(plain))
    said = capsys.readouterr().out
    assert "Features can't be kept in the data folder (" in said and str(kept) not in said


def test_two_processes_write_at_once(kept, monkeypatch):
    def write(process: int) -> None:
        for turn in range(40):
            feature_store.keep("shared", torch.full((300, 50), 7.0))
            feature_store.keep(f"own {process} {turn}", torch.full((300, 50), 7.0))
            assert feature_store.find("shared", (300, 50)).eq(7).all()

    monkeypatch.setenv("COURSE_FEATURES_GB", "0.0005")  # eight files, so that each removes what the other wrote
    children = [multiprocessing.get_context("fork").Process(target=write, args=(number,)) for number in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0]
    assert all(name.endswith(".safetensors") for name in files(kept)) and len(files(kept)) <= 8


def test_the_command_clears_it(kept):
    assert "0 files of features removed" in CliRunner().invoke(app, ["clear"]).output
    start()
    assert "2 files of features removed, 0 MB" in CliRunner().invoke(app, ["clear"]).output
    assert files(kept) == set()


@pytest.mark.parametrize("value", ["-1", "much", "1e9", "nan"])
def test_a_wrong_limit_is_answered_in_a_sentence(monkeypatch, value):
    monkeypatch.setenv("COURSE_FEATURES_GB", value)
    with refused("environment.wrong-value", "COURSE_FEATURES_GB", "gigabytes"):
        features_limit()
