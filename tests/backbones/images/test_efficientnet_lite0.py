"""EfficientNet-Lite0: timm's network to the last number, weights that are the known ones, and ImageNet's classes."""

import sys
import zipfile
from importlib.metadata import PackageNotFoundError
from io import BytesIO

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from support.errors import refused
from timm import create_model
from timm.data import ImageNetInfo

from course_utils import surgery
from course_utils.backbones import efficientnet_lite0, find_backbone, packages
from course_utils.backbones.images import efficientnet_lite0 as module
from course_utils.backbones.images.tiny_imagenet import DEVIATION, MEAN
from course_utils.tasks import ImageTask
from course_utils.training import HeadOnly

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def normalised(pixels, mean, deviation):
    return (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(deviation).view(3, 1, 1)


@pytest.fixture(scope="module")
def stored():
    return module._read_checked()


def test_the_layers_compute_what_timms_network_computes_on_its_own_statistics(stored):
    theirs, ours = create_model("tf_efficientnet_lite0").eval(), efficientnet_lite0("DEFAULT").eval()
    theirs.load_state_dict(module.in_order(stored, theirs.state_dict()))
    settings, backbone, pixels = theirs.pretrained_cfg, find_backbone("efficientnet_lite0"), IMAGES.sigmoid()
    with torch.no_grad():
        expected = theirs(normalised(pixels, settings["mean"], settings["std"]))
        found = ours(normalised(pixels, backbone.mean, backbone.std))
    assert torch.allclose(found, expected, atol=1e-4)
    assert sum(weight.numel() for weight in ours.parameters()) == 4_652_008


def test_each_tensor_gets_the_name_of_the_layer_that_it_belongs_to(stored):
    """The package has TensorFlow's names for layers, which follow each other as timm's do."""
    named = module.in_order(stored, create_model("tf_efficientnet_lite0").state_dict())
    pairs = {"conv_stem.weight": "_conv_stem.weight", "bn2.bias": "_bn1.bias", "classifier.bias": "_fc.bias"}
    pairs |= {
        "blocks.0.0.conv_pw.weight": "_blocks.0._project_conv.weight",
        "blocks.6.0.bn3.running_var": "_blocks.15._bn2.running_var",
    }
    assert all(torch.equal(named[ours], stored[theirs]) for ours, theirs in pairs.items())


def test_tensors_of_another_network_are_refused(stored):
    wanted = create_model("tf_efficientnet_lite0").state_dict()
    fewer = dict(list(stored.items())[:-1])
    swapped = dict([*list(stored.items())[:-2], *list(stored.items())[:-3:-1]])
    cut = stored | {"_fc.bias": stored["_fc.bias"][:-1]}
    for wrong in (fewer, swapped, cut):
        with refused("backbones.weights-do-not-fit", "tf_efficientnet_lite0", "[efficientnet]"):
            module.in_order(wrong, wanted)


def test_a_changed_file_is_refused(monkeypatch, tmp_path):
    class Changed:
        def locate_file(self, name):
            (tmp_path / "weights.pth").write_bytes(b"other weights")
            return tmp_path / "weights.pth"

    monkeypatch.setattr(packages, "distribution", lambda _: Changed())
    with refused("backbones.weights-damaged", "==0.1.0"):
        efficientnet_lite0("DEFAULT")
    assert efficientnet_lite0(), "random weights need no file"


def test_without_the_extra_it_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "distribution", missing)
    with refused("backbones.extra-missing", module.PACKAGE, "[efficientnet]"):
        efficientnet_lite0("DEFAULT")
    monkeypatch.setitem(sys.modules, "timm", None)
    with refused("backbones.extra-missing", "timm", "[efficientnet]"):
        efficientnet_lite0()


def test_other_weights_and_classes_are_refused():
    with refused("backbones.unknown-weights", "'imagenet'"):
        efficientnet_lite0("imagenet")
    with refused("backbones.other-classes", "1000"):
        efficientnet_lite0("DEFAULT", num_classes=10)
    assert efficientnet_lite0(num_classes=7).eval()(IMAGES).shape == (2, 7)


def test_a_vision_learner_keeps_its_weights_and_takes_what_the_courses_loaders_give(stored):
    task = ImageTask("digits", arch=efficientnet_lite0, size=32, bs=8, augment=False, split=(0.02, 0.05))
    learn = task.learner(0, 2, HeadOnly())
    body, first = learn.model[0].eval(), {}
    body[0][0][1].register_forward_pre_hook(lambda _, inputs: first.update(seen=inputs[0]))
    images, _ = learn.dls.valid.one_batch()
    pixels = learn.dls.valid.decode((images,))[0] / 255
    body(images)
    assert torch.allclose(first["seen"], (pixels - 0.5) / 0.5, atol=0.01)  # decoding rounds
    assert torch.equal(surgery.snapshot(learn)["0.0.0.1.weight"].cpu(), stored["_conv_stem.weight"])


def test_images_of_one_channel_pass_as_they_are():
    images = torch.randn(2, 1, 8, 8)
    assert torch.equal(module.Renormalise()(images), images)


def test_it_names_photographs_that_it_never_saw(mirror):
    """Tiny ImageNet's classes are ImageNet's: of 200, guessing would get 1 in 200 right. Measured: 40 in 100."""
    archive = mirror / "tiny-imagenet-200-webp.zip"
    with zipfile.ZipFile(archive) as z:
        names = sorted(name for name in z.namelist() if name.split("/")[1] == "val" and name.endswith(".webp"))
        classes = sorted({name.split("/")[2] for name in names})
        names = names[::200]
        decoded = [np.asarray(Image.open(BytesIO(z.read(name))).convert("RGB")) for name in names]
    images = torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).float() / 255
    truth = torch.tensor([classes.index(name.split("/")[2]) for name in names])
    columns = [ImageNetInfo().label_names().index(name) for name in classes]
    with torch.no_grad():
        images = F.interpolate(images, (96, 96), mode="bicubic", antialias=True)
        scores = efficientnet_lite0("DEFAULT").eval()(normalised(images, MEAN, DEVIATION))[:, columns]
    assert (scores.argmax(1) == truth).float().mean() > 0.25
