"""Drawn streets: boxes lie around what was painted, weather changes pixels alone, and every machine draws the same."""

import zlib

import numpy as np
import pytest
import torch
from support.errors import refused

from course_utils import data
from course_utils.data.boxes.street_scenes import KINDS, draw_streets

DIGEST, LABELS = 2624203055, [[3, 2, 0, 2], [2, 1, 0, 3]]


@pytest.fixture(scope="module")
def drawn():
    return draw_streets(range(120), KINDS)


def test_every_machine_draws_the_same_streets():
    """A change of the drawing changes recorded results and the detector's card: this digest says so."""
    images, boxes, labels = draw_streets([1, [2, 0, 7]], KINDS[:4], night=0.5, rain=0.5)
    digest = zlib.crc32(np.concatenate([images.ravel(), np.concatenate(boxes).ravel().view(np.uint8)]))
    assert (digest, [each.tolist() for each in labels]) == (DIGEST, LABELS)


def test_alone_or_among_others_a_street_is_the_same(drawn):
    images, boxes, labels = draw_streets([64, 119], KINDS)
    for place, number in enumerate((64, 119)):
        assert np.array_equal(images[place], drawn[0][number])
        assert np.array_equal(boxes[place], drawn[1][number]) and np.array_equal(labels[place], drawn[2][number])


def test_boxes_have_area_and_lie_inside(drawn):
    boxes, labels = np.concatenate(drawn[1]), np.concatenate(drawn[2])
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= 96).all() and (boxes[:, 2:] > boxes[:, :2]).all()
    assert set(labels) == set(range(len(KINDS)))
    wide, high = (boxes[:, 2:] - boxes[:, :2]).T
    for kind in ("car", "truck", "bus"):
        assert (wide / high)[labels == KINDS.index(kind)].mean() > 1.5
    for kind in ("person", "sign"):
        assert (wide / high)[labels == KINDS.index(kind)].mean() < 0.6


def test_a_box_holds_what_makes_its_street_differ_from_the_empty_one():
    """The same street without its things differs from it inside the boxes, and hardly outside."""
    for seed in range(12):
        (full,), (boxes,), _ = draw_streets([seed], KINDS)
        (bare,), _, _ = draw_streets([seed], ())
        changed = np.abs(full.astype(int) - bare).max(2) > 12
        inside = np.zeros_like(changed)
        for left, top, right, bottom in boxes.astype(int):
            part = slice(max(0, top - 1), bottom + 2), slice(max(0, left - 2), right + 2)
            assert changed[part].any()
            inside[part] = True
        hidden = (changed & ~inside).sum()
        assert hidden <= 60 + 0.2 * changed.sum(), "shadows, and what is hidden too much for a box"


def test_some_streets_are_empty(drawn):
    empty = sum(len(each) == 0 for each in drawn[1])
    assert 0 < empty < 12


def test_weather_changes_the_light_and_no_box():
    day, night, rain = (data.streets(4, seed=1, split=(1, 30), **how) for how in ({}, {"night": 1.0}, {"rain": 1.0}))
    for other in (night, rain):
        assert all(map(torch.equal, day.boxes["test"], other.boxes["test"]))
        assert day.names == other.names and not torch.equal(day.images["test"], other.images["test"])
    brightness, contrast = (
        [getattr(each.images["test"].float(), how)().item() for each in (day, night, rain)] for how in ("mean", "std")
    )
    assert brightness[1] < 0.5 * brightness[0] and contrast[2] < 0.8 * contrast[0]
    assert [each.about.split(":")[0] for each in (day, night, rain)] == [
        "drawn streets by day",
        "drawn streets by night",
        "drawn streets in the rain",
    ]


def test_a_new_kind_comes_in_and_classes_keep_their_order():
    streets = data.streets(20, kinds=("bus", "person"), seed=0, split=(1, 1))
    assert streets.classes == ("bus", "person")
    assert set(torch.cat(streets.boxes["train"])[:, 4].tolist()) == {0.0, 1.0}
    assert data.streets(2, kinds="bus", split=(1, 1)).classes == ("bus",)


def test_the_counts_are_those_of_the_boxes():
    streets = data.streets(30, seed=0, split=(4, 5))
    counts = streets.counts()
    assert counts.images.tolist() == [30, 4, 5] and str(streets) == streets.about
    for split, row in counts.iterrows():
        found = torch.cat(streets.boxes[split])[:, 4]
        assert [int((found == number).sum()) for number in range(4)] == row[list(streets.classes)].tolist()
        assert row["without boxes"] == sum(len(each) == 0 for each in streets.boxes[split])


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ({"night": 2}, "data.bad-setting", "night is 2"),
        ({"rain": "heavy"}, "data.bad-setting", "rain is 'heavy'"),
        ({"rain": float("nan")}, "data.bad-setting", "rain is nan"),
        ({"kinds": ("tram",)}, "data.unknown-kind", "'tram'"),
        ({"kinds": ()}, "data.unknown-kind", "at least one"),
        ({"kinds": ("car", "car")}, "data.unknown-kind", "once"),
        ({"split": (0, 5)}, "data.bad-split", "split is (0, 5)"),
        ({"split": (2.5, 5)}, "data.bad-split", "(2.5, 5)"),
        ({"split": (700, 500)}, "data.too-few-items", "n_images"),
        ({"n_images": 1200, "split": (10, 10)}, "data.too-few-items", "1,180 can be had"),
        ({"n_images": True}, "data.bad-number", "n_images is True"),
    ],
)
def test_wrong_settings_are_refused(options, code, said):
    with refused(code, said):
        data.streets(**options)
