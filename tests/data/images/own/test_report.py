"""The report on one's own images: everything that is wrong, in one table, and nothing raised."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.datasets import class_folders, write_images
from support.errors import refused

from course_utils import data
from course_utils.data.images.own import report as module


@pytest.fixture
def folder(tmp_path):
    return class_folders(tmp_path / "photos", 4)


def finding(report, name) -> tuple[int, str]:
    (row,) = report.table[report.table.finding == name].to_dict("records")
    return row["count"], row["details"]


def test_a_folder_without_faults(folder):
    report = data.image_report(folder)
    assert finding(report, "images") == (8, "cat: 4, dog: 4")
    assert finding(report, "sizes") == (1, "from 14×10 to 14×10 pixels, most often 14×10 (8)")
    assert finding(report, "modes") == (1, "RGB: 8")
    for name in ("can't be read", "identical to another file", "identical, with another label", "stored on their side"):
        assert finding(report, name) == (0, "")
    assert "odd" not in set(report.table.finding) and len(report.files) == 8


def test_all_that_is_wrong_is_found_at_once(folder):
    for number in range(5):
        (folder / "cat" / f"x{number}.jpg").write_bytes(b"%PDF-1.4" if number else b"")
    (folder / "cat" / "copy.png").write_bytes((folder / "cat" / "0.png").read_bytes())
    (folder / "dog" / "copy.png").write_bytes((folder / "cat" / "1.png").read_bytes())
    (folder / "bird").mkdir()
    (folder / "notes.txt").write_text("x")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("L", (30, 20)).save(folder / "dog" / "phone.jpg", exif=turned)
    Image.fromarray(np.full((8, 8), 900, np.uint16)).save(folder / "dog" / "deep.png")
    report = data.image_report(folder)
    count, told = finding(report, "can't be read")
    assert count == 5 and all(f"cat/x{number}.jpg is " in told for number in range(5))
    assert finding(report, "identical to another file") == (1, "cat/copy.png = cat/0.png")
    assert finding(report, "identical, with another label") == (1, "dog/copy.png = cat/1.png")
    assert finding(report, "stored on their side") == (1, "dog/phone.jpg")
    assert finding(report, "modes") == (3, "RGB: 10, I;16: 1, L: 1")
    assert finding(report, "nearly black") == (1, "dog/phone.jpg")
    odd = " ".join(report.table.details[report.table.finding == "odd"])
    assert "bird" in odd and "1 file of other kinds (.txt)" in odd and "1,023 is white" in odd
    problems = report.files.set_index("file").problem
    assert problems["cat/x0.jpg"] == "is empty (0 bytes)" and problems["cat/0.png"] == ""


def test_nearly_identical_images(folder):
    rng = np.random.default_rng(1)
    for number in range(20):
        image = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((64, 64))
        image.save(folder / "cat" / f"large{number}.png")
    image.save(folder / "dog" / "again.jpg", quality=90)
    assert finding(data.image_report(folder), "nearly identical pairs") == (
        1,
        "cat/large19.png and dog/again.jpg",
    )


def test_more_images_than_are_compared(folder, monkeypatch):
    (folder / "cat" / "3.png").write_bytes(b"")
    monkeypatch.setattr(module, "MOST_COMPARED", 3)
    report = data.image_report(folder)
    assert finding(report, "can't be read") == (1, "cat/3.png is empty (0 bytes)")
    assert finding(report, "nearly identical pairs")[1].startswith("not looked for")


def test_ready_made_sets_are_counted_apart(tmp_path):
    names = ["train/cat/0.png", "train/dog/0.png", "train/dog/1.png", "valid/cat/1.png"]
    report = data.image_report(write_images(tmp_path, names))
    assert finding(report, "images of train") == (3, "cat: 1, dog: 2")
    assert finding(report, "images of valid") == (1, "cat: 1, dog: 0")
    assert any("'dog' in valid" in told for told in report.table.details)


def test_folders_that_are_no_classes_are_counted_too(folder, tmp_path):
    (folder / "masks").mkdir()
    for number in range(3):
        Image.fromarray(np.eye(40, dtype=np.uint8)).save(folder / "masks" / f"{number}.png")
    report = data.image_report(folder)
    assert finding(report, "images") == (11, "cat: 4, dog: 4, masks: 3")
    assert any("has masks in" in told for told in report.table.details)
    report = data.image_report(write_images(tmp_path / "one", ["0.png", "1.png"]))
    assert finding(report, "images") == (2, "one: 2") and "one" in report.table.details.iloc[-1]


def test_a_table_and_what_cannot_be_read_at_all(folder):
    table = pd.DataFrame({"file": ["cat/0.png", "dog/0.png"], "label": [["a", "b"], []]})
    assert finding(data.image_report(table, folder=folder), "images") == (2, "a: 1, b: 1")
    with refused("data.no-folder"):
        data.image_report(folder / "elsewhere")


def test_it_is_shown_whole_and_safely(folder):
    (folder / "<b>").mkdir()
    (folder / "<b>" / ("x" * 80 + ".png")).write_bytes(b"")
    report = data.image_report(folder)
    assert "x" * 80 in str(report) and "x" * 80 in report._repr_html_() and "<b>" not in report._repr_html_()
