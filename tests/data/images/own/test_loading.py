"""data.images as learners call it: from files to DataLoaders, and what is said on the way."""

import inspect
import pydoc
import re

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.data.core import DataLoaders
from fastai.learner import load_learner
from PIL import Image
from support.datasets import class_folders, write_images
from support.errors import refused
from support.learners import silent, tiny_is_known, tiny_learner

from course_utils import data
from course_utils.data.images.own import decoding, loading
from course_utils.data.images.store import StoreDL

TINY = {"size": 16, "bs": 4, "seed": 0, "augment": False}


@pytest.fixture
def folder(tmp_path):
    return class_folders(tmp_path / "photos")


@pytest.fixture
def tags(folder) -> pd.DataFrame:
    """Two labels an image: its kind, and whether its number is even."""
    files = [f"{kind}/{number}.png" for kind in ("cat", "dog") for number in range(6)]
    tags = [f"{file[:3]};{'even' if int(file[4]) % 2 == 0 else 'odd'}" for file in files]
    return pd.DataFrame({"file": files, "tags": tags})


def load(source, **options) -> DataLoaders:
    return data.images(source, **{**TINY, **options})


def test_it_is_called_by_the_name_of_its_package(monkeypatch):
    """A package that can be called: it shows the function's help and stays a package."""
    from course_utils.data import images
    from course_utils.data.images import store

    assert images is data.images and "images" in dir(data) and store.StoreDL is StoreDL
    assert inspect.signature(images) == inspect.signature(loading.images)
    page = pydoc.render_doc(images, renderer=pydoc.plaintext)
    assert "Load your own images" in page.splitlines()[3] and "leave_out" in page and "__call__" not in page
    monkeypatch.setattr("course_utils.data.images.store.LEAST_EVALUATED", 1)


def test_the_example_in_its_help_runs(folder, monkeypatch):
    """Of all calls in the docstring, those that this folder can answer give loaders of two classes."""
    monkeypatch.chdir(folder.parent)
    names = [file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*.png"))]
    rows = pd.DataFrame({"file": names, "species": [name[:3] for name in names], "animal": range(12)})
    rows.to_csv("labels.csv", index=False)
    rows.rename(columns={"species": "label"}).to_csv("photos/labels.csv", index=False)
    given = {"data": data, "table": rows.assign(file="photos/" + rows.file, tags=rows.species + ";x")}
    calls = re.findall(r"^ +(data\.images\(.*?\))(?: +#|$)", loading.images.__doc__, re.MULTILINE)
    assert len(calls) == 5
    for call in calls:
        assert set(eval(call, given).vocab) >= {"cat", "dog"}, call


def test_a_folder_gives_the_loaders_of_the_course(folder):
    dls = load(folder, split=(1, 2))
    assert list(dls.vocab) == ["cat", "dog"] and dls.about.startswith("images of your own, cut to")
    assert dls.test is dls.loaders[2] and dls.notes == ()
    x, y = dls.train.one_batch()
    assert x.shape == (4, 3, 16, 16) and y.dtype == torch.int64
    for name, loader in zip(("train", "valid", "test"), dls.loaders, strict=True):
        rows = dls.factors.loc[list(loader.items)]
        assert set(rows.split) == {name} and [dls.vocab[y] for _, y in loader.dataset] == rows.label.tolist()
        assert all(row.file.startswith(row.label + "/") for row in rows.itertuples())


@pytest.mark.parametrize("memory", [loading.MEMORY, 0], ids=["in memory", "from files"])
def test_the_pixels_are_those_of_the_files(folder, memory):
    dls = load(folder, memory=memory, normalize=False)
    assert isinstance(dls.train, StoreDL) == (memory > 0)
    shown, _ = dls.test.one_batch()
    for index, image in zip(dls.test.items, shown, strict=True):
        with Image.open(folder / dls.factors.file[index]) as file:
            wanted = decoding.RESIZE["crop"](file, (16, 16))
        assert np.abs(np.asarray(wanted) / 255 - image.permute(1, 2, 0).cpu().numpy()).max() < 0.005
    outside = dls.test_dl([folder / dls.factors.file[dls.test.items[0]]]).one_batch()[0]
    assert (outside[0] - shown[0]).abs().mean() < 0.05


@pytest.mark.parametrize("how, border", [("crop", False), ("pad", True), ("squish", False)])
def test_how_images_become_squares(tmp_path, how, border):
    folder = class_folders(tmp_path)
    shown, _ = load(folder, resize=how, normalize=False).test.one_batch()
    assert (shown[..., 0, :].sum() == 0) == border
    with refused("data.bad-option", "resize is 'stretch'", "crop, pad, squish"):
        load(folder, resize="stretch")


@pytest.mark.parametrize("memory", [loading.MEMORY, 0], ids=["in memory", "from files"])
def test_several_labels(folder, tags, memory):
    dls = load(tags, folder=folder, delimiter=";", memory=memory, split=(0.25, 0.25))
    assert list(dls.vocab) == ["cat", "dog", "even", "odd"] and dls.c == 4
    x, y = dls.train.one_batch()
    assert y.shape == (len(x), 4) and y.dtype == torch.float32 and (y.sum(1) == 2).all()
    assert "BCEWithLogits" in repr(dls.loss_func) and dls.metric.name == "f1_score"
    row = dls.factors.loc[dls.test.items[0]]
    truth = {dls.vocab[place] for place in dls.test.dataset[0][1].nonzero().flatten()}
    assert set(row.label) == truth and row.file.startswith(row.label[0])


def test_an_exported_learner_carries_no_files(folder, tmp_path, recwarn):
    with tiny_is_known():
        learn = silent(tiny_learner(load(folder, memory=0), path=tmp_path))
    learn.export()
    assert b"photos" not in (tmp_path / "export.pkl").read_bytes()
    assert silent(load_learner(tmp_path / "export.pkl")).predict(folder / "cat" / "0.png")[0] in ("cat", "dog")


def test_images_of_every_mode_come_upright_and_in_colour(tmp_path):
    red = Image.new("RGB", (8, 8), (250, 0, 0))
    turned = Image.Exif()
    turned[0x0112] = 6  # the left edge of the stored image is the top
    sideways = Image.new("RGB", (8, 8), "black")
    sideways.paste((250, 0, 0), (0, 0, 4, 8))
    grey16 = Image.fromarray(np.full((8, 8), 40_000, np.uint16))
    kinds = {
        "palette.png": red.quantize(4),
        "alpha.png": Image.new("RGBA", (8, 8), (250, 0, 0, 0)),
        "cmyk.tif": red.convert("CMYK"),
        "grey.png": Image.new("L", (8, 8), 99),
        "deep.png": grey16,
    }
    folder = class_folders(tmp_path, 3, ("other",))
    (folder / "kinds").mkdir()
    for name, image in kinds.items():
        image.save(folder / "kinds" / name)
    sideways.save(folder / "kinds" / "turned.png", exif=turned)
    dls = load(folder, size=8)
    assert not any("nearly" in note for note in dls.notes), "images without any detail are no copies of each other"
    store = dls.train.dataset.tls[0].tfms.fs[0].store.images
    pixels = {file: store[row].cpu() for row, file in enumerate(dls.factors.file)}
    means = {name: pixels[f"kinds/{name}"].float().mean((1, 2)).round().int().tolist() for name in kinds}
    assert means == {
        "palette.png": [250, 0, 0],
        "alpha.png": [255, 255, 255],
        "cmyk.tif": [250, 0, 0],
        "grey.png": [99, 99, 99],
        "deep.png": [156, 156, 156],
    }
    upright = pixels["kinds/turned.png"]
    assert (upright[0, 0] > 200).all() and (upright[0, -1] == 0).all()


@pytest.mark.parametrize("memory", [loading.MEMORY, 0], ids=["in memory", "from files"])
def test_all_unreadable_files_are_named_at_once(folder, memory):
    for number in range(4):
        (folder / "cat" / f"x{number}.jpg").write_bytes(b"%PDF-1.4" if number else b"")
    with refused("data.unreadable-image", "4 images of 16", "cat/x0.jpg is empty (0 bytes)", "and 1 more"):
        load(folder, memory=memory)
    dls = load(folder, memory=memory, leave_out="unreadable")
    assert len(dls.factors) == 12
    assert dls.notes[0].startswith("4 images left out that can't be read: cat/x0.jpg, ")


def test_a_folder_with_a_dicom_file_says_how_to_convert_it(folder):
    (folder / "cat" / "scan.dcm").write_bytes(bytes(128) + b"DICM" + bytes(range(256)))
    with refused("data.unreadable-image", "1 image of 13", "cat/scan.dcm is a DICOM file", "dcmj2pnm +on"):
        load(folder)


def test_a_file_that_changes_is_decoded_again(folder):
    def brightness() -> float:
        return load(folder).train.dataset.tls[0].tfms.fs[0].store.images[0].float().mean().item()

    before = brightness()
    Image.new("RGB", (14, 10)).save(folder / "cat" / "0.png")
    assert before > 50 and brightness() == 0


def test_copies_in_two_sets_are_reported_and_left_out_when_asked(folder, capsys):
    for number in range(6):
        (folder / "cat" / f"copy{number}.png").write_bytes((folder / "cat" / f"{number}.png").read_bytes())
    dls = load(folder)
    split = dict(zip(dls.factors.file, dls.factors.split, strict=True))
    apart = sum(split[f"cat/{number}.png"] != split[f"cat/copy{number}.png"] for number in range(6))
    assert apart and dls.near_duplicates == 0 and dls.notes[0].startswith(f"{apart} image")
    assert dls.notes[0] in capsys.readouterr().out
    clean = load(folder, leave_out={"near-duplicates"})
    assert clean.near_duplicates == apart and f"{apart} near-duplicates left out" in clean.about
    assert load(folder, group=lambda path: path.name[-5:]).notes == (), "groups keep them together"


def test_one_image_with_two_labels(folder):
    (folder / "dog" / "copy.png").write_bytes((folder / "cat" / "0.png").read_bytes())
    with refused("data.contradicting-labels", "1 image is there more than once", "cat/0.png and dog/copy.png"):
        load(folder)
    dls = load(folder, leave_out="contradictions")
    assert not {"cat/0.png", "dog/copy.png"} & set(dls.factors.file) and len(dls.factors) == 11
    assert dls.notes == ("2 images left out that have copies with other labels: cat/0.png, dog/copy.png.",)


def test_what_may_be_left_out(folder):
    with refused("data.bad-option", "leave_out is 'dups'", "'near-duplicates'"):
        load(folder, leave_out="dups")
    for number in range(6):
        (folder / "dog" / f"{number}.png").write_bytes(b"")
    with refused("data.one-class", "only one label, 'cat'"):
        load(folder, leave_out="unreadable")


@pytest.mark.parametrize(
    "options",
    [{"resize": ["crop"]}, {"resize": None}, {"leave_out": 3}, {"leave_out": None}, {"augment": "yes"}],
    ids=str,
)
def test_options_of_a_wrong_kind(folder, options):
    with refused("data.bad-option", f"{next(iter(options))} is"):
        load(folder, **options)


@pytest.mark.parametrize("memory", [None, -1, "1 GB", True])
def test_a_wrong_amount_of_memory(folder, memory):
    with refused("data.bad-number", "bytes"):
        load(folder, memory=memory)


def test_groups_from_files_to_loaders(folder, tmp_path):
    rows = [f"{kind}/{number}.png,{kind}{number // 2}" for kind in ("cat", "dog") for number in range(6)]
    (tmp_path / "animals.csv").write_text("\n".join(["file,animal", *rows]))
    given = pd.read_csv(tmp_path / "animals.csv")
    dls = load(given, folder=folder, label=lambda path: path.parent.name, group="animal", split=(0.3, 0.3))
    assert dls.factors.groupby("group").split.nunique().max() == 1 and set(dls.factors.group) == set(given.animal)
    (tmp_path / "animals.csv").write_text("\n".join(["file,group", *rows]))
    by_csv = load(folder, group=tmp_path / "animals.csv", split=(0.3, 0.3))
    assert by_csv.factors.groupby("group").split.nunique().max() == 1
    with refused("data.missing-groups", "12 images of 12"):
        load(folder, group=lambda path: None)
    with refused("data.bad-option", "group is 'animal'", "photos is a folder"):
        load(folder, group="animal")


def test_a_class_that_may_be_written_in_two_ways(folder, tags):
    tags["label"] = ["cat", "Cat"] * 3 + ["dog"] * 6
    assert "'Cat' and 'cat'" in load(tags, folder=folder).notes[0]


def test_bad_sources(tmp_path, folder):
    with refused("data.bad-option", "from a list"):
        data.images([folder])
    with refused("data.one-class", "only one label, 'cat'"):
        load(pd.DataFrame({"file": ["cat/0.png", "cat/1.png"], "label": "cat"}), folder=folder)
    with refused("data.one-class", "no label"):
        load(pd.DataFrame({"file": ["cat/0.png"], "label": [[]]}), folder=folder)
    with refused("data.unknown-option", "images has no option 'sizes'", "did you mean 'size'?"):
        load(folder, sizes=3)


def test_nothing_is_written(folder, tmp_path):
    """They may be of patients."""
    before = sorted(tmp_path.rglob("*"))
    load(folder)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_ready_made_folder(tmp_path):
    names = [f"{which}/{kind}/{number}.png" for which in ("train", "val") for kind in "ab" for number in range(5)]
    dls = load(write_images(tmp_path, names), split=(0.2, 0.2), n_per_class=2)
    assert dls.about.endswith(": 4 train, 10 valid, 2 test.")
    assert {file.split("/")[0] for file in dls.factors.file[list(dls.test.items)]} == {"train"}
    assert (dls.factors.split == "unused").sum() == 4


def test_images_that_are_nearly_black_are_told(folder):
    Image.new("RGB", (9, 9), (3, 15, 0)).save(folder / "cat" / "dark.png")
    assert "1 image nearly black: cat/dark.png; look at the files." in load(folder).notes
