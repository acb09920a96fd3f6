"""Who has what: areas as the counts, a row a client, a text that says all, and refusals."""

import math

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from support.errors import refused

from course_utils.plots import plot_clients

COUNTS = pd.DataFrame({"glass": [8, 0], "metal": [2, 4]}, index=pd.Index([1, 2], name="client"))


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


def test_the_areas_are_as_the_counts(drawn):
    plot_clients(COUNTS)
    figure, alt = drawn[0]
    axis = figure.axes[0]
    discs = axis.collections[0]
    area = dict(zip(map(tuple, discs.get_offsets().astype(int).tolist()), discs.get_sizes(), strict=True))
    assert area[0, 0] == pytest.approx(4 * area[1, 0]) == pytest.approx(2 * area[1, 1]) and area[0, 1] == 0
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["glass", "metal"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "the first client is on top"
    assert alt == "14 examples of 2 clients. client 1: 8 glass, 2 metal; client 2: 4 metal."


def test_titles_can_be_given(drawn):
    plot_clients(COUNTS, title="Two plants")
    assert drawn[0][1].startswith("Two plants. client 1")
    plot_clients(COUNTS, alt="my words")
    assert drawn[1][1] == "my words"


@pytest.mark.parametrize(
    "table", [COUNTS * 0, COUNTS[:0], -COUNTS, pd.DataFrame(index=[1, 2]), COUNTS * math.nan, COUNTS.astype(str)]
)
def test_a_table_without_examples_is_refused(table):
    with refused("plots.no-counts", f"{len(table)} clients"):
        plot_clients(table)


def test_what_is_no_table_is_refused():
    with refused("plots.no-counts", "label_counts"):
        plot_clients([8, 2])


def test_classes_may_be_numbers(drawn):
    plot_clients(COUNTS.set_axis([0, 1], axis=1))
    assert "client 1: 8 of 0, 2 of 1" in drawn[0][1]
