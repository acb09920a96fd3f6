"""Blood cells: the publisher's split and boxes from the archive, and drawings where there is none."""

import torch

from course_utils import data
from course_utils.data.boxes import cells
from course_utils.data.boxes.drawn_cells import draw_cells
from course_utils.errors import CourseError


def fresh(monkeypatch, tmp_path, images):
    monkeypatch.setenv("COURSE_IMAGES", images)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    cells._public.cache_clear()


def lost(name):
    raise CourseError("There is no network.", code="data.no-network")


def test_the_photographs_keep_the_publishers_split(mirror, tmp_path, monkeypatch, capsys):
    fresh(monkeypatch, tmp_path, "photographs")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(mirror))
    blood = data.blood_cells()
    cells._public.cache_clear()
    assert blood.real and blood.classes == ("red cell", "white cell", "platelet")
    assert blood.counts().drop(columns="without boxes").to_numpy().tolist() == [
        [205, 2381, 214, 209],
        [87, 967, 87, 83],
        [72, 805, 71, 69],
    ]
    assert "2 boxes of the published annotations have no area" in capsys.readouterr().out
    assert blood.images["test"].shape == (72, 3, 96, 128)
    boxes = torch.cat(blood.boxes["train"])
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2] <= 128).all() and (boxes[:, 3] <= 96).all()
    wide = [float((boxes[:, 2] - boxes[:, 0])[boxes[:, 4] == kind].median()) for kind in range(3)]
    assert 19 < wide[0] < 23 and 38 < wide[1] < 43 and 7 < wide[2] < 9


def test_drawings_stand_in_with_a_sentence(tmp_path, monkeypatch, capsys):
    fresh(monkeypatch, tmp_path, "photographs")
    monkeypatch.setattr(cells, "fetch_archive", lost)
    blood = data.blood_cells(10)
    cells._public.cache_clear()
    assert not blood.real and blood.about == "drawn blood cells: 10 train, 87 valid, 72 test."
    assert "Drawn blood cells stand in for the photographs." in capsys.readouterr().out
    assert blood.images["train"].shape == (10, 3, 96, 128)
    assert set(torch.cat(blood.boxes["test"])[:, 4].tolist()) == {0.0, 1.0, 2.0}


def test_drawn_cells_are_where_their_boxes_say():
    images, boxes = draw_cells(range(20), 96, 128)
    assert all((each[:, 2] > each[:, 0]).all() and (each[:, :2] >= 0).all() for each in boxes)
    dark = [
        float(image[int(top) : int(bottom), int(left) : int(right), 1].mean()) < image[..., 1].mean()
        for image, rows in zip(images, boxes, strict=True)
        for left, top, right, bottom, _ in rows
    ]
    assert sum(dark) > 0.9 * len(dark), "a cell is darker than the ground"
    again, _ = draw_cells([19], 96, 128)
    assert (again[0] == images[19]).all()
