"""Boxes of one's own: Pascal VOC and COCO in every state that people bring them in."""

import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from support.errors import refused

from course_utils import data

SIZE = (80, 60)


def voc(things, *, size=SIZE, filename="", root="annotation"):
    rows = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax>"
        f"<ymax>{box[3]}</ymax></bndbox></object>"
        for label, box in things
    )
    told = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    return f"<{root}><filename>{filename}</filename>{told}{rows}</{root}>"


def photo(path, size=SIZE, **how):
    random = np.random.default_rng(len(path.name))
    Image.fromarray(random.integers(0, 255, (size[1], size[0], 3), np.uint8)).save(path, **how)


@pytest.fixture
def folder(tmp_path):
    """Six photographs with a box each, the last one without."""
    place = tmp_path / "shop"
    place.mkdir()
    for number in range(6):
        photo(place / f"{number}.png")
        things = [("shelf" if number % 2 else "till", (8, 6, 40, 30))] if number < 5 else []
        (place / f"{number}.xml").write_text(voc(things))
    return place


def load(folder, **how):
    return data.boxed_images(folder, **{"size": 64, "split": (1, 1), "seed": 0} | how)


def rows_of(boxed):
    return {
        name: rows for split in boxed.names for name, rows in zip(boxed.names[split], boxed.boxes[split], strict=True)
    }


def coco(folder, **changes):
    whole = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 80, "height": 60} for n in range(6)],
        "categories": [{"id": 3, "name": "till"}, {"id": 9, "name": "shelf"}],
        "annotations": [{"image_id": n, "category_id": (3, 9)[n % 2], "bbox": [8, 6, 32, 24]} for n in range(5)],
    } | changes
    for file in folder.glob("*.xml"):
        file.unlink()
    (folder / "boxes.json").write_text(json.dumps(whole))
    return folder


def test_voc_is_read_and_boxes_move_with_their_image(folder):
    boxed = load(folder)
    assert boxed.classes == ("shelf", "till") and boxed.real and boxed.notes == ()
    assert boxed.about == "images with boxes in shop: 4 train, 1 valid, 1 test."
    rows = rows_of(boxed)
    assert rows["0.png"].tolist() == [pytest.approx([6.4, 8 + 4.8, 32, 8 + 24, 1])]  # 80 pixels become 64, 8 above
    assert rows["5.png"].shape == (0, 5), "an image without boxes stays"
    assert boxed.images["train"].shape == (4, 3, 64, 64)


def test_coco_gives_the_same_boxes(folder):
    expected = rows_of(load(folder))
    found = rows_of(load(coco(folder)))
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[name], expected[name]) for name in found)
    assert rows_of(load(folder / "boxes.json")).keys() == expected.keys()


def test_a_marked_thing_is_found_where_it_was_drawn(folder):
    """A white square in a black photograph: the box that was drawn around it holds it after scaling."""
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[20:40, 30:60] = 255
    Image.fromarray(pixels).save(folder / "0.png")
    (folder / "0.xml").write_text(voc([("till", (30, 20, 60, 40))]))
    boxed = load(folder, size=96)
    split, place = next((s, names.index("0.png")) for s, names in boxed.names.items() if "0.png" in names)
    left, top, right, bottom, _ = (round(float(x)) for x in boxed.boxes[split][place][0])
    image = boxed.images[split][place].float().mean(0)
    assert image[top:bottom, left:right].mean() > 230
    image[top:bottom, left:right] = 0
    assert image[12:84].max() < 140, "nothing of it lies outside"


def test_one_class_and_crowds_are_fine(folder):
    things = [("till", (n % 10 * 8, n // 10 * 5, n % 10 * 8 + 6, n // 10 * 5 + 4)) for n in range(110)]
    for number in range(6):
        (folder / f"{number}.xml").write_text(voc(things if number == 0 else things[:2]))
    boxed = load(folder)
    assert boxed.classes == ("till",) and len(rows_of(boxed)["0.png"]) == 110
    assert boxed.notes == ("1 images have more than 100 boxes, the most that a detector reports.",)


def test_what_is_clipped_tiny_or_unlabelled_is_told(folder):
    (folder / "0.xml").write_text(voc([("till", (-5, 6, 95, 30)), ("till", (1, 1, 81, 61)), ("shelf", (8, 6, 10, 30))]))
    photo(folder / "extra.png")
    boxed = load(folder)
    assert boxed.notes == (
        "1 images without any annotation were left out: nobody said that they are empty.",
        "1 boxes reached beyond their image and were clipped.",
        "1 boxes are narrower than 2 pixels at size=64: a larger size keeps them.",
    )
    assert rows_of(boxed)["0.png"][0].tolist() == pytest.approx([0, 12.8, 64, 32, 1])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not xml <", "isn't sound XML"),
        ("", "isn't sound XML"),
        (voc([], root="html"), "<html> where Pascal VOC has <annotation>"),
        (voc([("till", (8, 6, 8, 30))]), "around 'till' in 0.png has no area"),
        (voc([("till", (40, 30, 8, 6))]), "has no area"),
        (voc([("till", (90, 6, 120, 30))]), "lies outside the image of 80×60 pixels"),
        (voc([("till", (8, -20, 40, -2))]), "lies outside"),
        (voc([("till", (8, 6, 40, "nan"))]), "isn't given by four numbers"),
        (voc([("till", (8, 6, 40, ""))]), "isn't given by four numbers"),
        (voc([("", (8, 6, 40, 30))]), "Box 1 of 0.xml has no <name>"),
        ("<annotation><object><name>till</name></object></annotation>", "has no <bndbox>"),
        (voc([("till", (8, 6, 40, 30))], size=(640, 480)), "80×60 pixels and its boxes were drawn on 640×480"),
    ],
)
def test_boxes_that_can_not_be_right_stop_the_loading(folder, content, said):
    (folder / "0.xml").write_text(content)
    with refused("data.bad-boxes", said):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"annotations": None}, "lacks one of the lists images, annotations and categories"),
        ({"annotations": [{"image_id": 77, "category_id": 3, "bbox": [1, 2, 3, 4]}]}, "belongs to image 77"),
        ({"annotations": [{"image_id": 0, "category_id": 5, "bbox": [1, 2, 3, 4]}]}, "the category 5"),
        ({"annotations": [{"image_id": 0, "category_id": 3, "bbox": [1, 2, 3]}]}, "isn't given by four numbers"),
        ({"annotations": [{"image_id": 0, "category_id": 3, "bbox": "1 2 3 4"}]}, "isn't given by four numbers"),
        ({"annotations": [{"image_id": 0, "category_id": 3, "bbox": [1, 2, 0, 4]}]}, "has no area"),
        ({"annotations": [{"image_id": 0, "category_id": 3}]}, "Entry 1 of annotations in boxes.json lacks bbox"),
        ({"annotations": [{"image_id": [], "category_id": 3, "bbox": [1, 2, 3, 4]}]}, "has the image_id []"),
        ({"images": [{"file_name": "0.png"}]}, "Entry 1 of images in boxes.json lacks id"),
        ({"images": []}, "belongs to image 0"),
    ],
)
def test_a_wrong_coco_file_is_told(folder, changes, said):
    with refused("data.bad-boxes", said):
        load(coco(folder, **changes))


def test_crowds_of_coco_are_left_out_and_counted(folder):
    rows = [{"image_id": n, "category_id": 3, "bbox": [8, 6, 32, 24]} for n in range(6)]
    rows.append({"image_id": 0, "category_id": 3, "bbox": [0, 0, 80, 60], "iscrowd": 1})
    boxed = load(coco(folder, annotations=rows))
    assert boxed.notes == ("1 annotations of crowds were left out.",) and len(rows_of(boxed)["0.png"]) == 1


def test_files_that_are_not_there_are_told(folder, tmp_path):
    with refused("data.no-folder", "nowhere"):
        load(tmp_path / "nowhere")
    (folder / "0.png").unlink()
    with refused("data.bad-boxes", "boxes for 0"):
        load(folder)
    for file in folder.glob("*.xml"):
        file.unlink()
    with refused("data.no-boxes", "an XML file of Pascal VOC beside each image"):
        load(folder)
    for name in ("a.json", "b.json"):
        (folder / name).write_text("{}")
    with refused("data.no-boxes", "a.json, b.json"):
        load(folder)
    with refused("data.bad-boxes", "isn't sound JSON"):
        (folder / "a.json").write_text("{")
        load(folder / "a.json")


def test_an_xml_file_belongs_to_the_image_of_its_name(folder):
    """Whoever renames both leaves the old name inside; of two images of one stem, the file says which."""
    expected = rows_of(load(folder))
    for number in range(6):
        for ending in ("png", "xml"):
            (folder / f"{number}.{ending}").rename(folder / f"new-{number}.{ending}")
    (folder / "new-0.xml").write_text(voc([("till", (8, 6, 40, 30))], filename="new-1.png"))
    assert torch.equal(rows_of(load(folder))["new-0.png"], expected["0.png"])
    photo(folder / "new-0.jpg")
    (folder / "new-0.xml").write_text(voc([("till", (8, 6, 40, 30))], filename="new-0.jpg"))
    assert torch.equal(rows_of(load(folder))["new-0.jpg"], expected["0.png"])


def test_folders_for_images_and_boxes_are_found_and_names_that_come_twice_are_refused(folder):
    (folder / "JPEGImages").mkdir()
    (folder / "Annotations").mkdir()
    expected = rows_of(load(folder))
    for file in [*folder.glob("*.png"), *folder.glob("*.xml")]:
        file.rename(folder / ("JPEGImages" if file.suffix == ".png" else "Annotations") / file.name)
    assert rows_of(load(folder)).keys() == expected.keys()
    (folder / "more").mkdir()
    photo(folder / "more" / "3.png")
    with refused("data.bad-boxes", "several images called 3.png"):
        load(folder)


def test_an_image_that_is_annotated_twice_is_refused_and_xml_goes_before_json(folder):
    (folder / "notes.json").write_text("{}")
    assert load(folder).notes == ("notes.json wasn't read: XML files are.",)
    (folder / "notes.json").unlink()
    (folder / "again").mkdir()
    (folder / "again" / "2.xml").write_text(voc([("till", (8, 6, 40, 30))]))
    with refused("data.bad-boxes", "2.png is annotated twice"):
        load(folder)


def test_boxes_in_yolos_text_files_are_named(folder):
    for file in folder.glob("*.xml"):
        file.with_suffix(".txt").write_text("0 0.5 0.5 0.2 0.2")
        file.unlink()
    with refused("data.no-boxes", "YOLO's text files aren't read here"):
        load(folder)


def test_the_published_photographs_load_as_ones_own(mirror, tmp_path):
    """The archive unpacked, as a learner would: its two boxes without area are named, and then it loads."""
    archive = next(mirror.glob("BCCD_Dataset-*.zip"))
    with zipfile.ZipFile(archive) as packed:
        names = [n for n in packed.namelist() if n.endswith((".jpg", ".xml")) and "BloodImage_0033" in n]
        packed.extractall(tmp_path, names)
    with refused("data.bad-boxes", "(504, 337, 504, 337)", "'RBC'", "BloodImage_00338.jpg", "no area"):
        load(tmp_path, size=128)
    next(tmp_path.rglob("BloodImage_00338.xml")).unlink()
    blood = load(tmp_path, size=128, n_images=3)
    assert set(blood.classes) <= {"RBC", "WBC", "Platelets"} and blood.images["train"].shape == (3, 3, 128, 128)
    assert "1 images without any annotation" in blood.notes[0]


def test_labels_that_are_not_wanted_are_named(folder):
    with refused("data.no-boxes", "None of the images has a box"):
        empty = folder.parent / "empty"
        empty.mkdir()
        photo(empty / "0.png")
        (empty / "0.xml").write_text(voc([]))
        load(empty)
    with refused("data.unknown-label", "'shelf'", "did you mean 'shelves'?"):
        load(folder, classes=["till", "shelves"])
    assert load(folder, classes=["till", "shelf", "door"]).classes == ("till", "shelf", "door")


def test_a_photograph_that_is_stored_turned_is_refused(folder):
    turned = Image.new("RGB", SIZE)
    notes = Image.Exif()
    notes[0x0112] = 6
    turned.save(folder / "0.png", exif=notes)
    with refused("data.bad-boxes", "0.png is stored turned"):
        load(folder)


def test_wrong_options_are_refused(folder):
    with refused("data.bad-number", "multiple of 32"):
        load(folder, size=100)
    with refused("data.unknown-option", "boxed_images has no option 'n_image'", "n_images"):
        load(folder, n_image=3)
    with refused("data.too-few-items"):
        load(folder, n_images=5)
