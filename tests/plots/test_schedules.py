"""Figures of schedules: lines, panels and what their alternative texts say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from support.errors import refused

from course_utils.display import figures as output
from course_utils.plots import plot_schedules
from tools.lessons.images import IMAGE_BYTES, with_small_images


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


@pytest.fixture
def table():
    """Four steps of two groups; the body is frozen in the first two."""
    steps = [0, 1, 2, 3] * 2
    return pd.DataFrame(
        {
            "step": steps,
            "group": ["body"] * 4 + ["head"] * 4,
            "lr": [1e-4, 2e-4, 3e-4, 1e-5, 1e-3, 2e-2, 3e-3, 1e-4],
            "mom": 0.9,
            "frozen": [True, True, *[False] * 6],
        }
    )


def lines_of(axis):
    """Lines with the colour of a group, without vertical ones."""
    return [line for line in axis.lines if len(line.get_xdata()) > 2]


def test_each_group_is_a_line_on_a_logarithmic_axis(drawn, table):
    plot_schedules(table.drop(columns="frozen"))
    (axis,) = drawn[0][0].axes
    assert axis.get_yscale() == "log"
    heights = [line.get_ydata() for line in lines_of(axis) if np.isfinite(line.get_ydata()).any()]
    np.testing.assert_array_equal(heights, [table.lr[:4], table.lr[4:]])
    assert [text.get_text() for text in drawn[0][0].legends[0].get_texts()] == ["body", "head"]


def test_the_text_says_the_highest_value_of_each_group_and_its_step(drawn, table):
    plot_schedules(table)
    assert drawn[0][1] == (
        "Learning rate over the steps, by parameter group. body at most 0.0003 in step 2, frozen in 2 of 4 steps, "
        "head at most 0.02 in step 1."
    )
    plot_schedules(table, title="Two stages", alt="A sentence of my own.")
    assert drawn[1][1] == "A sentence of my own."
    assert drawn[1][0].get_suptitle() == "Two stages"


def test_rows_may_stand_in_any_order(drawn, table):
    plot_schedules(table.iloc[::-1])
    head = lines_of(drawn[0][0].axes[0])[1]
    assert list(head.get_xdata()) == [0, 1, 2, 3] and head.get_ydata()[1] == 2e-2


def test_frozen_steps_are_pale_and_a_dotted_line_stands_at_the_thaw(drawn, table):
    plot_schedules(table)
    figure = drawn[0][0]
    pale, plain, *_ = lines_of(figure.axes[0])
    assert pale.get_alpha() < 1 and pale.get_linewidth() < plain.get_linewidth()
    np.testing.assert_array_equal(np.isfinite(pale.get_ydata()), [True, True, False, False])
    np.testing.assert_array_equal(np.isfinite(plain.get_ydata()), [False, False, True, True])
    (boundary,) = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    assert set(boundary.get_xdata()) == {1.5}
    assert "pale: frozen" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_another_setting_has_a_plain_axis_and_its_own_name(drawn, table):
    plot_schedules(table, "mom")
    figure, alt = drawn[0]
    assert figure.axes[0].get_yscale() == "linear" and figure.get_supylabel() == "momentum"
    assert alt.startswith("Momentum over the steps")


@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_several_tables_share_their_axes_in_panels(drawn, table, count):
    plot_schedules({f"arm {number}": table for number in range(count)})
    figure, alt = drawn[0]
    assert [axis.get_title("left") for axis in figure.axes] == [f"arm {number}" for number in range(count)]
    assert len({axis.get_ylim() for axis in figure.axes}) == 1
    assert alt.count("head at most 0.02 in step 1") == count


def test_a_group_of_one_panel_only_is_in_the_legend_too(drawn, table):
    plot_schedules({"both": table, "three": table.replace({"group": {"body": "stem"}})})
    assert {text.get_text() for text in drawn[0][0].legends[0].get_texts()} == {"body", "head", "stem", "pale: frozen"}


def test_the_committed_image_is_small(drawn, table):
    plot_schedules({f"arm {number}": table for number in range(6)})
    assert len(with_small_images(output.figure_html(drawn[0][0], "again"))) < 1.4 * IMAGE_BYTES


def test_the_callers_table_stays_as_it_was(drawn, table):
    before = table.copy()
    plot_schedules(table)
    pd.testing.assert_frame_equal(table, before)


def test_what_is_missing_is_named(table):
    with refused("plots.column-missing", "lacks the column lr and has step, group"):
        plot_schedules(table[["step", "group"]])
    with refused("plots.empty-table"):
        plot_schedules({"empty": table[:0]})
