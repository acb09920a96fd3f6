"""Figures about networks, and what their alternative texts say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from support.errors import refused

from course_utils.plots import (
    plot_drift,
    plot_feature_maps,
    plot_filters,
    plot_images,
    plot_neighbours,
    plot_network,
    plot_top_losses,
)


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


def images(count, rng=None):
    return (rng or np.random.default_rng(0)).random((count, 8, 8))


def test_filters_and_feature_maps_say_what_they_show(drawn):
    plot_filters(torch.randn(32, 3, 7, 7, requires_grad=True))
    maps = torch.zeros(8, 4, 4)
    maps[5] = torch.rand(4, 4) + 1
    plot_feature_maps(maps, torch.rand(3, 16, 16), n=1, title="stage 1")
    (_, filters), (figure, alt) = drawn
    assert filters.startswith("The 32 filters of 7 by 7 pixels of the first layer")
    assert alt.startswith("stage 1: 1 of 8 feature maps of 4 by 4")
    assert "87.5% of all values at this depth are zero" in alt
    assert figure.axes[-1].images[0].get_array().max() == 1  # the one map that is not constant


@pytest.mark.parametrize("shape", [(8, 4, 3, 3), (3, 7, 7), (10, 512)])
def test_weights_that_do_not_read_images_are_refused(shape):
    with refused("plots.not-first-layer-filters", "first convolution"):
        plot_filters(torch.zeros(shape))


def test_feature_maps_of_a_batch_are_refused():
    with refused("plots.not-one-images-maps", "maps[0]"):
        plot_feature_maps(torch.zeros(2, 8, 4, 4))


def test_every_figure_takes_a_text_of_its_own(drawn):
    own = "In the author's words."
    plot_images(images(1), ["a"], alt=own)
    plot_top_losses(images(1), [0], np.eye(2)[:1], ["a", "b"], alt=own)
    plot_filters(torch.zeros(1, 1, 3, 3), alt=own)
    plot_feature_maps(torch.zeros(1, 2, 2), alt=own)
    plot_neighbours(images(1), [images(1)], ["a"], [["a"]], alt=own)
    assert [alt for _, alt in drawn] == [own] * 5


def blocks_table():
    return pd.DataFrame(
        {
            "block": ["stem", "stage 1", "head"],
            "output": [(32, 16, 16), (64, 8, 8), (10,)],
            "parameters": [4800, 74000, 2570],
            "trainable": [0, 128, 2570],
        }
    )


def test_a_network_is_drawn_with_what_trains_in_words(drawn):
    plot_network(blocks_table())
    ((figure, alt),) = drawn
    assert "2,698 of 81,370 weights train" in alt
    assert "stem frozen (0 of 4,800); stage 1 in part (128 of 74,000); head trains (2,570 of 2,570)" in alt
    written = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert "64 × 8 × 8" in written and "74.0 k" in written


def test_drift_says_what_did_not_move(drawn):
    table = pd.DataFrame({"layer": ["a", "b", "c"], "kind": "weight", "change": [0.0, 0.02, 0.5]})
    plot_drift({"frozen": table.assign(change=0.0), "full": table})
    ((figure, alt),) = drawn
    assert "frozen: 3 of 3 did not move" in alt and "full: 1 of 3 did not move, c moved most (0.5)" in alt
    assert figure.axes[0].get_yticklabels()[0].get_text() == "0"
    with refused("plots.unknown-kind", "statistics"):
        plot_drift(table, "statistics")
    with refused("plots.column-missing"):
        plot_network(table)
