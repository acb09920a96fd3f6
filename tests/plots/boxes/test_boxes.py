"""Figures of boxes: where they stand, what is written beside them, and what the alternative text counts."""

import pytest
import torch
from matplotlib.patches import Rectangle
from support.errors import refused

from course_utils.backbones import Found
from course_utils.plots import plot_boxes
from course_utils.plots.boxes.images import boxes_figure

IMAGE = torch.zeros(3, 32, 48, dtype=torch.uint8)
KNOWN = torch.tensor([[4.0, 6, 20, 18, 1], [-1, -1, -1, -1, -1]])
FOUND = Found(torch.tensor([[5.0, 6, 21, 18]]), torch.tensor([0.87]), torch.tensor([0]))
NOTHING = Found(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.long))


def test_known_boxes_are_dashed_and_found_ones_say_what_and_how_sure():
    figure, alt = boxes_figure([IMAGE], [KNOWN], [FOUND], classes=["car", "truck"])
    (axis,) = figure.axes
    drawn = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
    assert {patch.get_linestyle() for patch in drawn} == {"--", "-"}
    assert drawn[0].get_bbox().extents.tolist() == [3.5, 5.5, 19.5, 17.5]
    assert [text.get_text() for text in axis.texts] == ["car 87%"]
    assert alt == "What was found, and in white what is there. image 1: known truck × 1; found car × 1."


def test_without_found_boxes_the_known_ones_say_what_they_are():
    figure, alt = boxes_figure([IMAGE, IMAGE], [KNOWN, KNOWN[1:]], classes=["car", "truck"], titles=["a", "b"])
    assert [text.get_text() for axis in figure.axes for text in axis.texts] == ["truck"]
    assert alt == "What is there. a: known truck × 1. b: known nothing."


def test_in_a_crowd_names_are_shortened_and_explained():
    crowd = torch.tensor([[n, n, n + 9.0, n + 9, n % 3] for n in range(9)])
    figure, alt = boxes_figure([IMAGE], [crowd], classes=["red cell", "ribbon", "platelet"])
    assert [text.get_text() for text in figure.axes[0].texts[:3]] == ["re", "ri", "pl"]
    assert figure._supxlabel.get_text() == "re: red cell, ri: ribbon, pl: platelet"
    assert "red cell × 3, ribbon × 3, platelet × 3" in alt


def test_it_is_shown_with_its_text(drawn):
    plot_boxes([IMAGE], found=[NOTHING], classes=["car"], title="An empty street")
    assert drawn[-1][1] == "An empty street. image 1: found nothing."
    plot_boxes([IMAGE], found=[NOTHING], classes=["car"], alt="own text")
    assert drawn[-1][1] == "own text"


@pytest.mark.parametrize("how", [{"known": [KNOWN] * 2}, {"found": []}, {"titles": ["a", "b"]}])
def test_lengths_that_differ_are_refused(how):
    with refused("plots.lengths-differ", "1 images"):
        plot_boxes([IMAGE], classes=["car", "truck"], **how)


def test_no_image_and_too_many_are_refused():
    for count in (0, 13):
        with refused("plots.lengths-differ", f"{count} images"):
            plot_boxes([IMAGE] * count, classes=["car"])
