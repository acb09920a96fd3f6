"""The figures of texts: marks, bars, texts, refusals."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from support.errors import refused

from course_utils.plots import plot_attributions, plot_projection


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


def test_each_class_has_a_mark_of_its_own_where_its_points_lie(drawn):
    points = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 7.0]])
    plot_projection(points, ["con", "pro", "con"], title="Two kinds")
    figure, alt = drawn[0]
    con, pro = figure.axes[0].collections
    assert con.get_offsets().tolist() == [[0, 1], [4, 7]] and pro.get_offsets().tolist() == [[2, 3]]
    assert [con.get_label(), pro.get_label()] == ["con", "pro"]
    assert con.get_paths()[0].vertices.shape != pro.get_paths()[0].vertices.shape  # not by colour alone
    assert alt == "Two kinds. con: 2 points, medians 2.00 and 4.00; pro: 1 points, medians 2.00 and 3.00."


@pytest.mark.parametrize(("shape", "classes"), [((3, 3), 3), ((3, 2), 2), ((6,), 6), ((0, 2), 0)])
def test_points_that_are_no_plane_are_refused(shape, classes):
    with refused("plots.no-points", str(shape)):
        plot_projection(np.zeros(shape), ["a"] * classes)


def test_words_stand_in_their_order_with_bars_to_both_sides(drawn):
    told = {"a pro": [("not", -0.5), ("bad", 0.75)], "a con": [("so", 0.1), ("slow", -1.5), ("!", 0.0)]}
    plot_attributions(told, towards="positive")
    figure, alt = drawn[0]
    first, second = figure.axes
    assert [bar.get_width() for bar in second.patches] == [0.1, -1.5, 0.0]
    assert [label.get_text() for label in first.get_yticklabels()] == ["not", "bad"]
    assert first.get_ylim() == second.get_ylim() and first.get_ylim()[0] > first.get_ylim()[1]
    assert "a pro: bad +0.75, not -0.50; a con: slow -1.50, so +0.10, ! +0.00" in alt and "positive" in alt


@pytest.mark.parametrize("texts", [{}, {"empty": []}, {"long": [("word", 0.0)] * 31}])
def test_texts_without_words_or_with_too_many_are_refused(texts):
    with refused("plots.no-words", "30 words"):
        plot_attributions(texts)
