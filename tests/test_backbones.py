"""The bundled networks: weights, fastai's view of them, and precisions."""

import math
import zipfile
from io import BytesIO

import numpy as np
import pytest
import torch
from fastai.vision.all import DataLoaders, Learner, TensorCategory, TensorImage, imagenet_stats, vision_learner
from fastai.vision.learner import model_meta
from PIL import Image
from torchvision.models import resnet18, vgg16

from course_utils import backbones
from course_utils.backbones import resnet18_half, vgg16_quarter, weights
from course_utils.errors import CourseError
from tools.pretraining import card
from tools.pretraining.training import accuracy

PROMISED = {"resnet18_half": 45, "vgg16_quarter": 38}  # top-1 in percent


@pytest.fixture(scope="module")
def pretrained() -> torch.nn.Module:
    return resnet18_half("DEFAULT").eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_it_is_torchvisions_resnet18_at_half_width():
    half, whole = resnet18_half().state_dict(), resnet18(num_classes=200).state_dict()
    assert list(half) == list(whole)
    for name, value in whole.items():
        halved = [n if n in (3, 7, 200) or i > 1 else n // 2 for i, n in enumerate(value.shape)]
        assert list(half[name].shape) == halved, name
    assert sum(p.numel() for p in resnet18_half().parameters()) == weights.training_record()["parameters"]


def test_its_steps_are_torchvisions(images):
    """With a full-width network's modules in its place, the forward pass gives torchvision's own scores."""
    whole, half = resnet18(num_classes=200).eval(), resnet18_half().eval()
    for name, part in whole.named_children():
        setattr(half, name, part)
    assert torch.equal(half(images), whole(images))


def test_the_plain_one_is_torchvisions_vgg16_at_quarter_width(images):
    quarter = vgg16_quarter()
    with torch.device("meta"):  # only shapes are compared: its weights would take half a gigabyte
        whole = vgg16(num_classes=200)
    assert [name for name, _ in quarter.named_children()] == [name for name, _ in whole.named_children()]
    assert [type(part) for part in quarter.features] == [type(part) for part in whole.features]
    for ours, theirs in zip(quarter.features.parameters(), whole.features.parameters(), strict=True):
        assert list(ours.shape) == [n if n == 3 else n // 4 for n in theirs.shape]
    convolutions = [part for part in quarter.modules() if isinstance(part, torch.nn.Conv2d)]
    assert len(convolutions) == 13 and all(part.bias is not None for part in convolutions)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in quarter.modules())
    assert sum(p.numel() for p in quarter.parameters()) == 946_584
    assert quarter(images).shape == (8, 200)
    assert quarter(images[:, :, :32, :32]).shape == (8, 200)


def test_bundled_weights_are_fast_to_check_and_small():
    backbones.verify_weights()
    assert weights.weights_file("resnet18_half").stat().st_size == weights.training_record()["bytes"] < 6e6
    assert {t.dtype for t in weights.load_weights().values()} == {torch.float16, torch.int64}


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda file: file.unlink(), "no such file"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "damaged"),
        (lambda file: file.write_bytes(b"\0" + file.read_bytes()[1:]), "damaged"),
        (lambda file: file.write_bytes(b""), "damaged"),
    ],
)
def test_missing_or_damaged_weights_get_one_sentence(damage, word, tmp_path, monkeypatch):
    bundled = weights.weights_file("resnet18_half")
    for file in (bundled, bundled.with_suffix(".json")):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    damage(tmp_path / bundled.name)
    with pytest.raises(CourseError, match=rf"(?s)^[^\n]*{word}[^\n]*install the course again[^\n]*$"):
        resnet18_half("DEFAULT")
    with pytest.raises(CourseError) as caught:
        backbones.verify_weights()
    assert str(tmp_path) not in str(caught.value)


def test_wrong_arguments_name_the_right_ones():
    with pytest.raises(ValueError, match="'DEFAULT'"):
        resnet18_half("imagenet")
    with pytest.raises(ValueError, match="weights=None"):
        resnet18_half("DEFAULT", num_classes=2)


def test_weights_that_are_not_there_get_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(CourseError, match=r"vgg16_quarter\.safetensors can't be read \(no such file"):
        vgg16_quarter("DEFAULT")


def _learner(pretrained: bool, arch=resnet18_half) -> Learner:
    items = [(TensorImage(torch.rand(3, 64, 64)), TensorCategory(i % 2)) for i in range(8)]
    loaders = DataLoaders.from_dsets(items, items, bs=4, device=torch.device("cpu"), num_workers=0)
    return vision_learner(loaders, arch, n_out=2, pretrained=pretrained, loss_func=torch.nn.CrossEntropyLoss())


def test_fastai_cuts_groups_and_normalises_it_like_a_resnet():
    learner = _learner(pretrained=True)
    assert model_meta[resnet18_half]["stats"] == imagenet_stats
    body, head = learner.model
    shipped = weights.load_weights()
    assert torch.equal(body[0].weight, shipped["conv1.weight"].float())
    assert torch.equal(body[7][1].conv2.weight, shipped["layer4.1.conv2.weight"].float())
    assert len(body) == 8 and head[-1].out_features == 2
    learner.create_opt()
    groups = learner.opt.param_lists
    assert len(groups) == 3
    assert [p.shape for p in groups[2]] == [p.shape for p in head.parameters()]
    assert len(groups[0]) == sum(1 for _ in body[:6].parameters())
    frozen = {name for name, p in learner.model.named_parameters() if not p.requires_grad}
    assert "0.0.weight" in frozen and not any(name.startswith("1.") for name in frozen)


def test_fastai_cuts_groups_and_normalises_the_plain_one():
    learner = _learner(pretrained=False, arch=vgg16_quarter)
    assert model_meta[vgg16_quarter]["stats"] == imagenet_stats
    body, head = learner.model
    assert len(body) == 1 and len(body[0]) == 31 and head[-1].out_features == 2
    learner.create_opt()
    early, late, last = learner.opt.param_lists
    blocks = list(body.parameters())
    assert [id(p) for p in early] == [id(p) for p in blocks[:14]], "blocks 1 to 3: seven convolutions"
    assert [id(p) for p in late] == [id(p) for p in blocks[14:]]
    assert [id(p) for p in last] == [id(p) for p in head.parameters()]


def test_an_untrained_one_has_random_weights():
    first, second = _learner(pretrained=False).model[0][0].weight, _learner(pretrained=False).model[0][0].weight
    assert not torch.equal(first, second)


def test_other_precisions_and_layouts_give_the_same_answers(pretrained, images):
    with torch.inference_mode():
        scores = pretrained(images)
        assert torch.isfinite(scores).all()
        last = resnet18_half("DEFAULT").eval().to(memory_format=torch.channels_last)
        torch.testing.assert_close(last(images.to(memory_format=torch.channels_last)), scores, rtol=1e-3, atol=1e-3)
        with torch.autocast("cpu", torch.bfloat16):
            rough = pretrained(images)
    assert rough.dtype == torch.bfloat16
    close = torch.nn.functional.cosine_similarity(rough.float(), scores)
    assert close.min() > 0.99


def test_full_profile_takes_resnet34_and_falls_back_in_one_sentence(monkeypatch, capsys):
    def unreachable(*_, **__):
        raise OSError("no network")

    monkeypatch.setenv("COURSE_PROFILE", "mini")
    assert backbones.default() is resnet18_half
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setattr(backbones.ResNet34_Weights.DEFAULT.__class__, "get_state_dict", lambda *_, **__: {})
    assert backbones.default() is backbones.resnet34
    monkeypatch.setattr(backbones.ResNet34_Weights.DEFAULT.__class__, "get_state_dict", unreachable)
    assert backbones.default() is resnet18_half
    said = capsys.readouterr().out.strip()
    assert "no network" in said and "resnet18_half" in said and "\n" not in said


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
