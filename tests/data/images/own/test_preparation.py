"""One preparation: training, `test_dl`, `predict`, the upload control and an exported learner see the same pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from fastai.learner import load_learner
from fastai.vision.augment import Resize
from fastai.vision.data import ImageDataLoaders
from PIL import Image
from support.datasets import class_folders
from support.errors import refused
from support.learners import silent, tiny_is_known, tiny_learner

from course_utils import data
from course_utils.controls import classify_control

SIDE = 24
ON_ITS_SIDE = Image.Exif()
ON_ITS_SIDE[0x0112] = 6  # the left edge of the stored image is the top
rng = np.random.default_rng(0)


def noise(*shape: int, most: int = 256, kind: str = "u1") -> Image.Image:
    return Image.fromarray(rng.integers(0, most, shape).astype(kind))


def write_odd_images(folder: Path) -> None:
    """Write images of every shape and kind that people have."""
    folder.mkdir()
    floats = rng.normal(size=(30, 30)).astype(np.float32)
    floats[0, :3] = np.inf, -np.inf, np.nan
    noise(30, 71, 3).save(folder / "wide.png")
    noise(83, 31).save(folder / "tall.png")
    noise(33, 35, 4).save(folder / "clear.png")
    noise(20, 20).convert("P").save(folder / "palette.png", transparency=0)
    noise(40, 40, 3).convert("CMYK").save(folder / "print.jpg")
    noise(40, 90, 3).save(folder / "phone.jpg", exif=ON_ITS_SIDE)
    noise(20, 25, 3).resize((1500, 1200)).save(folder / "large.jpg")
    noise(30, 40, most=4096, kind="u2").save(folder / "microscope.png")
    noise(30, 40, most=300, kind="u2").save(folder / "dark.png")
    noise(30, 30, most=4096, kind=">u2").save(folder / "scan.tif")
    Image.fromarray(floats).save(folder / "measured.tif")
    noise(9, 50).convert("1").save(folder / "lines.png")
    noise(1, 300, 3).save(folder / "thin.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for kind in ("cat", "dog"):
        write_odd_images(folder / kind)
    return folder


def load(folder, **options):
    return data.images(folder, **{"size": SIDE, "bs": 4, "seed": 0, "split": (0.3, 0.4), "augment": False} | options)


def paths(folder, dls, loader) -> list:
    return [folder / dls.factors.file[index] for index in loader.items]


@pytest.mark.parametrize("how", ["crop", "pad", "squish"])
@pytest.mark.parametrize("memory", [2**30, 0], ids=["in memory", "from files"])
def test_a_file_from_outside_has_the_pixels_of_training(folder, how, memory):
    dls = load(folder, resize=how, memory=memory)
    for loader in dls.loaders:
        inside = torch.cat([x for x, *_ in dls.test_dl(list(loader.items), num_workers=0)])
        outside = torch.cat([x for x, *_ in dls.test_dl(paths(folder, dls, loader), num_workers=0)])
        assert torch.equal(inside, outside)
    assert torch.equal(torch.cat([x for x, _ in dls.test]), inside)


def test_every_way_to_ask_gives_the_same_answer(folder, tmp_path):
    with tiny_is_known():
        learn = silent(tiny_learner(load(folder), path=tmp_path))
    files = paths(folder, learn.dls, learn.dls.test)
    expected, _ = learn.get_preds(dl=learn.dls.test)
    learn.export()
    exported = silent(load_learner(tmp_path / "export.pkl"))
    control = classify_control(learn, files[0])
    for path, chances in zip(files, expected, strict=True):
        assert torch.allclose(learn.predict(path)[2], chances, atol=1e-6)
        assert torch.allclose(exported.predict(path)[2], chances, atol=1e-6)
        control._answer(path.read_bytes(), path.name)
        assert control.result.startswith(learn.dls.vocab[int(chances.argmax())])
        assert list(control.classify(path.read_bytes()).values()) == pytest.approx(chances.tolist(), abs=1e-6)


def test_arrays_tensors_and_images_are_prepared_alike(folder):
    dls = load(folder)
    with Image.open(folder / "cat" / "wide.png") as image:
        array = np.asarray(image)
        given = [folder / "cat" / "wide.png", array, torch.from_numpy(array.copy()).permute(2, 0, 1), image.copy()]
        seen = [dls.test_dl([each]).one_batch()[0] for each in given]
    assert all(torch.equal(seen[0], other) for other in seen[1:])


@pytest.mark.parametrize("what", [3.5, None, {"a": 1}])
def test_what_is_no_image_gets_one_sentence(folder, what):
    with refused("data.unreadable-image", type(what).__name__):
        load(folder).test_dl([what]).one_batch()


def test_fastais_own_photos_are_opened_as_fastai_opens_them(tmp_path):
    """Also in the control: a photo on its side is shown upright, and classified as those of training were seen."""
    folder = class_folders(tmp_path / "photos")
    with tiny_is_known():
        dls = ImageDataLoaders.from_folder(folder, valid_pct=0.3, item_tfms=Resize(SIDE), bs=4, num_workers=0)
        learn = silent(tiny_learner(dls))
    noise(30, 50, 4).save(tmp_path / "clear.png")
    noise(30, 50, 3).save(tmp_path / "phone.jpg", exif=ON_ITS_SIDE)
    for name in ("clear.png", "phone.jpg"):
        expected = learn.predict(tmp_path / name)[2].tolist()
        control = classify_control(learn, (tmp_path / name).read_bytes())
        assert list(control.classify((tmp_path / name).read_bytes()).values()) == pytest.approx(expected)
        assert ("fastai leaves it on its side" in control.answer.value) == (name == "phone.jpg")


def test_all_images_of_a_set_have_one_scale(folder, capsys):
    """A dark 12-bit image stays dark beside bright ones, and so does a dark one from outside."""
    dls = load(folder, resize="squish", normalize=False)
    assert "4,095 is white" in capsys.readouterr().out
    rows = dls.factors.index[dls.factors.file.str.contains("dark|microscope")]
    brightest = {dls.factors.file[row]: dls.store.images[row].max().item() for row in rows}
    assert all((value > 150) == ("dark" not in file) and value > 10 for file, value in brightest.items())
    seen = dls.test_dl([folder / "cat" / "dark.png"]).one_batch()[0]
    assert seen.max().item() < 0.1


def test_photos_on_their_side_are_told(folder):
    (note,) = (note for note in load(folder).notes if "on their side" in note)
    assert note.startswith("2 of 26 images") and "fastai alone" in note


def test_what_a_cut_loses_is_told_and_how_it_is_done(folder):
    assert any("more than a third is cut off" in note for note in load(folder).notes)
    padded = load(folder, resize="pad")
    assert not any("cut off" in note for note in padded.notes) and "padded to squares" in padded.about
