"""Folders of one's own images: what is a class, what is a ready-made set, and what is left out."""

import os
import time
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image
from support.datasets import class_folders, write_images
from support.errors import refused

from course_utils.data.images.own.folders import read_folder, which_set
from course_utils.data.images.own.listing import list_images


@pytest.mark.parametrize(
    "name, which",
    [("Train", "train"), ("training_set", "train"), ("val", "valid"), ("Validation", "valid"), ("test-images", "test")],
)
def test_the_usual_names_of_sets_are_known(name, which):
    assert which_set(name) == which


@pytest.mark.parametrize("name", ["trains", "dataset", "images", "valentine", "protest", "contest", "cat"])
def test_other_names_are_no_sets(name):
    assert which_set(name) is None


def test_sub_folders_are_classes_and_what_lies_deeper_belongs_to_them(tmp_path):
    read = read_folder(write_images(tmp_path, ["cat/1.png", "cat/old/2.JPG", "dog/3.png"]))
    assert dict(zip(read.files, read.labels, strict=True)) == {
        "cat/1.png": ("cat",),
        "cat/old/2.JPG": ("cat",),
        "dog/3.png": ("dog",),
    }
    assert read.vocab == ["cat", "dog"] and read.sets is None and not read.notes and not read.several


def test_numbers_are_in_the_order_of_their_size(tmp_path):
    assert read_folder(class_folders(tmp_path, 1, ("10", "9", "2"))).vocab == ["2", "9", "10"]


def test_ready_made_sets_are_never_classes(tmp_path):
    names = [f"{which}/{kind}/{which}.png" for which in ("Train", "val", "test") for kind in ("cat", "dog")]
    read = read_folder(write_images(tmp_path, names))
    assert read.vocab == ["cat", "dog"]
    assert {file.split("/")[0]: which for file, which in zip(read.files, read.sets, strict=True)} == {
        "Train": "train",
        "val": "valid",
        "test": "test",
    }


def test_unlabelled_images_of_a_set_are_counted_and_left_out(tmp_path):
    names = ["train/cat/1.png", "train/dog/1.png", "test/1.png", "cover.png"]
    read = read_folder(write_images(tmp_path, names))
    assert set(read.sets) == {"train"}
    assert "2 images outside the class folders left out: cover.png, test/1.png." in read.notes


@pytest.mark.parametrize(
    "names, facts",
    [
        (["cat/train/1.png", "cat/test/2.png", "dog/train/3.png"], ("turn cat/test into test/cat",)),
        (["photos/train/cat/1.png", "photos/val/cat/1.png"], ("give that folder", "photos.")),
        (["train/cat/train/1.png", "train/dog/2.png"], ("'train/cat'",)),
    ],
    ids=["below each class", "one folder too high", "twice"],
)
def test_ready_made_sets_at_the_wrong_level(tmp_path, names, facts):
    with refused("data.splits-at-wrong-level", *facts):
        read_folder(write_images(tmp_path, names))


def test_ready_made_sets_beside_classes_or_without_one_to_train_on(tmp_path):
    with refused("data.mixed-folders", "'train'", "'cat', 'dog'"):
        read_folder(write_images(tmp_path / "a", ["train/cat/1.png", "cat/1.png", "dog/1.png"]))
    with refused("data.mixed-folders", "'test', 'val'", "add the folder train"):
        read_folder(write_images(tmp_path / "b", ["val/cat/1.png", "test/dog/1.png"]))


def test_one_class(tmp_path):
    with refused("data.one-class", "'cat'"):
        read_folder(write_images(tmp_path / "a", ["cat/1.png", "cat/2.png"]))
    with refused("data.one-class", "'photos'", "'cat', 'dog'"):
        read_folder(write_images(tmp_path / "b", ["photos/cat/1.png", "photos/dog/2.png"]))
    with refused("data.one-class", "2 images", "label="):
        read_folder(write_images(tmp_path / "c", ["1.png", "2.png"]))


def test_nothing_there(tmp_path):
    (tmp_path / "empty" / "cat").mkdir(parents=True)
    with refused("data.no-images", "empty has no images"):
        read_folder(tmp_path / "empty")
    (tmp_path / "empty" / "a.nii").write_bytes(b"x")
    with refused("data.no-images", "1 file (.nii)"):
        read_folder(tmp_path / "empty")
    (tmp_path / "empty" / "labels.csv").write_text("file,label\n")
    with refused("data.no-images", "give the csv itself"):
        read_folder(tmp_path / "empty")


def test_a_folder_that_does_not_exist(tmp_path):
    (tmp_path / "photos").mkdir()
    with refused("data.no-folder", f"the nearest that exists is {tmp_path}", "'photos'"):
        read_folder(tmp_path / "photo" / "mine")
    (tmp_path / "photos.zip").write_bytes(b"PK")
    with refused("data.no-folder", "photos.zip is a file"):
        read_folder(tmp_path / "photos.zip")


def test_both_ways_to_write_an_accent_are_one_class(tmp_path):
    names = [normalize(form, "café") + f"/{form}.png" for form in ("NFC", "NFD")]
    if len({os.path.normcase(name.split("/")[0]) for name in names}) < 2:
        pytest.skip("this system writes accents in one way")
    read = read_folder(write_images(tmp_path, [*names, "tea/1.png"]))
    assert read.vocab == [normalize("NFC", "café"), "tea"] and len(read.files) == 3


def test_what_is_no_image_is_left_out_and_counted(tmp_path):
    folder = class_folders(tmp_path / "own", 1)
    for name in (".DS_Store", "cat/.1.png", "cat/Thumbs.db", "readme.txt", "dog/notes.txt", "dog/LICENSE"):
        (folder / name).write_bytes(b"x")
    write_images(folder, [".cache/cat/1.png"])
    read = read_folder(folder)
    assert read.files == ("cat/0.png", "dog/0.png")
    assert read.notes == ("Left out of own: 4 hidden, 3 files of other kinds (.txt, no ending).",)


def test_links_in_circles_and_links_to_nothing(tmp_path):
    folder = class_folders(tmp_path / "own", 1)
    elsewhere = write_images(tmp_path / "elsewhere", ["bird.png"])
    try:
        (folder / "cat" / "again").symlink_to(folder)
        (folder / "bird").symlink_to(elsewhere)
        (folder / "aardvark").symlink_to(folder / "dog")
        (folder / "dog" / "gone.png").symlink_to(tmp_path / "nowhere.png")
        (folder / "dog" / "circle.png").symlink_to(folder / "dog" / "circle.png")
    except OSError:
        pytest.skip("links can't be made here")
    listing = list_images(folder)
    assert listing.files == ["bird/bird.png", "cat/0.png", "dog/0.png"], "a folder goes by its own name"
    assert listing.skipped == {"linked a second time": 2, "behind broken links": 2}


def test_thousands_of_files_are_listed_within_seconds(tmp_path):
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        for number in range(2_000):
            (tmp_path / kind / f"{number}.jpg").touch()
    start = time.perf_counter()
    assert len(read_folder(tmp_path).files) == 4_000
    assert time.perf_counter() - start < 5, "0.02 seconds on a quiet machine"


def test_labels_and_groups_from_functions(tmp_path):
    folder = write_images(tmp_path, ["cat_1.png", "cat_2.png", "dog_1.png"])
    read = read_folder(folder, label=lambda path: path.stem[:3], group=lambda path: path.stem[-1])
    assert read.labels == (("cat",), ("cat",), ("dog",)) and read.groups == ("1", "2", "1")
    assert read_folder(folder, label=lambda path: path.stem.split("_")).several
    assert read_folder(folder, label=lambda path: path.stem, delimiter="_").vocab == ["1", "2", "cat", "dog"]
    with refused("data.bad-function", "group", "cat_1.png", "KeyError"):
        read_folder(folder, label=lambda path: path.stem, group=lambda path: {}[path])
    with refused("data.missing-labels", "1 image of 3 has no label (dog_1.png)"):
        read_folder(folder, label=lambda path: "cat" if "cat" in path.stem else None)
    with refused("data.missing-groups", "3 images of 3 have no group"):
        read_folder(folder, label=lambda path: path.stem, group=lambda path: None)


def test_a_folder_of_masks_is_no_class(tmp_path):
    folder = class_folders(tmp_path / "own", 3, ("images", "other"))
    (folder / "Masks").mkdir()
    for number in range(3):
        Image.fromarray(np.eye(40, dtype=np.uint8) * 255).save(folder / "Masks" / f"{number}.png")
    with refused("data.masks", "'Masks'", "label=parent_label"):
        read_folder(folder)
    assert read_folder(folder, label=lambda path: path.parent.name).vocab == ["Masks", "images", "other"]


def test_photos_of_masks_are_a_class(tmp_path):
    read = read_folder(class_folders(tmp_path / "own", 3, ("mask", "no mask")))
    assert read.vocab == ["mask", "no mask"] and "'mask'" in read.notes[0]
    for kind in ("gt", "cat"):  # drawings, of which all have few colours
        (tmp_path / "drawn" / kind).mkdir(parents=True)
        Image.new("L", (9, 9)).save(tmp_path / "drawn" / kind / "0.png")
    assert read_folder(tmp_path / "drawn").vocab == ["cat", "gt"]


def test_folders_without_an_image_are_told(tmp_path):
    folder = class_folders(tmp_path / "own", 1)
    (folder / "bird" / "old").mkdir(parents=True)
    assert read_folder(folder).notes == ("Folders without an image, which are no classes: bird.",)
    folder = write_images(tmp_path / "sets", ["train/cat/0.png", "train/dog/0.png"])
    (folder / "train" / "bird").mkdir()
    assert "train/bird" in read_folder(folder).notes[0]
