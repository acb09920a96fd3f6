"""Figures: what reaches the notebook, what their alternative texts say, and what is refused."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from support.errors import refused

from course_utils.display import figures as output
from course_utils.display.pixels import mosaic, to_pixels
from course_utils.plots import (
    plot_drift,
    plot_feature_maps,
    plot_filters,
    plot_images,
    plot_neighbours,
    plot_network,
    plot_top_losses,
    show,
)


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


@pytest.fixture
def shown(monkeypatch):
    """Outputs that the notebook would get: (html, text) of each."""
    outputs = []
    monkeypatch.setattr(output, "display", lambda data, raw: outputs.append((data["text/html"], data["text/plain"])))
    return outputs


def png_in(html: str) -> bytes:
    return base64.b64decode(re.search(r'src="data:image/png;base64,([^"]+)"', html)[1])


def images(count, rng=None):
    return (rng or np.random.default_rng(0)).random((count, 8, 8))


# show


def test_show_emits_a_figure_element_with_the_alternative_text_and_closes_the_figure(shown):
    figure, axis = plt.subplots()
    axis.plot([1, 2])
    show(figure, 'A line that rises, "steeply" & far')
    [(html, text)] = shown
    assert html.startswith("<figure") and html.endswith("</figure>")
    assert 'alt="A line that rises, &quot;steeply&quot; &amp; far"' in html
    assert text == 'A line that rises, "steeply" & far'
    assert Image.open(io.BytesIO(png_in(html))).format == "PNG"
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_show_refuses_an_empty_text_and_still_closes_the_figure(shown, alt):
    figure = plt.figure()
    with refused("display.no-alt-text"):
        show(figure, alt)
    assert not shown
    assert not plt.fignum_exists(figure.number)


def test_the_worst_figure_fits_and_keeps_its_size_on_the_page(shown):
    figure = Figure(figsize=(8, 6))
    figure.figimage(np.random.default_rng(0).random((1200, 1600, 3)))  # noise can't be compressed
    show(figure, "noise")
    [(html, _)] = shown
    assert len(png_in(html)) <= 60_000
    assert 'width="800"' in html


def test_titles_are_broken_where_the_figure_ends():
    figure = Figure(figsize=(4, 3), layout="constrained")
    figure.subplots()
    output.add_title(figure, "A title so long that a figure of four inches can't hold it in one line")
    figure.draw_without_rendering()
    assert figure._suptitle.get_window_extent().x1 <= figure.bbox.x1


# images


@pytest.mark.parametrize(
    ("image", "shape"),
    [
        (Image.new("RGB", (5, 4)), (4, 5, 3)),
        (Image.new("RGBA", (5, 4)), (4, 5, 3)),
        (Image.new("L", (5, 4)), (4, 5)),
        (np.zeros((4, 5, 3), np.uint8), (4, 5, 3)),
        (np.zeros((4, 5)), (4, 5)),
        (torch.zeros(3, 4, 5), (4, 5, 3)),
        (torch.zeros(1, 4, 5, dtype=torch.bfloat16, requires_grad=True), (4, 5)),
        (torch.zeros(3, 4, 3, dtype=torch.uint8), (4, 3, 3)),
    ],
)
def test_images_of_any_kind_become_pixels(image, shape):
    assert to_pixels(image).shape == shape


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (torch.zeros(2, 3, 4, 4), "display.not-an-image"),
        (np.zeros((4, 5, 2)), "display.not-an-image"),
        (torch.full((3, 4, 4), -1.5), "display.floats-out-of-range"),
        (np.full((4, 4), np.nan), "display.floats-out-of-range"),
    ],
)
def test_what_is_no_image_is_refused(image, code):
    with refused(code):
        to_pixels(image)


def test_mosaic_puts_tiles_row_by_row_with_gaps_between():
    page = mosaic([np.full((56, 56), float(value)) for value in range(3)], columns=2)
    assert page.shape == (116, 116)
    assert (page[0, 0], page[0, -1], page[-1, 0]) == (0, 1, 2)
    assert np.isnan(page[:, 57]).all() and np.isnan(page[-1, -1])


def test_plot_images_reads_its_titles_aloud(drawn):
    plot_images(images(3), ["cat", "dog", 3], title="Pets")
    [(figure, alt)] = drawn
    assert alt == "Pets: 3 in rows of 3: cat; dog; 3."
    assert [axis.get_title(loc="center") for axis in figure.axes] == ["cat", "dog", "3"]


def test_plot_images_takes_arrays_of_titles(drawn):
    plot_images(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), np.array([0, 1, 2, 3]), columns=2)
    assert "0; 1; 2; 3" in drawn[0][1]


def test_plot_images_without_titles_needs_a_text(drawn):
    with refused("display.no-alt-text"):
        plot_images(images(2))
    plot_images(images(2), alt="Two patches of noise.")
    assert drawn[-1][1] == "Two patches of noise."


@pytest.mark.parametrize(("count", "titles"), [(3, ["a", "b"]), (0, [])])
def test_plot_images_refuses_titles_that_do_not_match(count, titles):
    with refused("plots.titles-do-not-match", f"{count} images and {len(titles)} titles"):
        plot_images(images(count), titles)


def test_top_losses_are_those_with_the_least_probability_on_the_truth(drawn):
    probabilities = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])
    truth = torch.tensor([0, 0, 1, 1])
    marked = np.stack([np.full((4, 4), place / 10) for place in range(4)])
    plot_top_losses(marked, truth, probabilities, ["car", "truck"], n=2)
    [(figure, alt)] = drawn
    assert [axis.images[0].get_array()[0, 0] for axis in figure.axes] == [0.1, 0.3]
    assert [axis.get_title(loc="center") for axis in figure.axes] == [
        "is car\nsaid truck (80%)",
        "is truck\nsaid car (60%)",
    ]
    assert "2 of 4 images are wrong" in alt and "is car, said truck (80%)" in alt


def test_top_losses_refuse_parts_of_different_sets():
    with refused("plots.lengths-differ", "3 images, 2 true classes and 2 rows"):
        plot_top_losses(images(3), [0, 1], np.eye(2), ["car", "truck"])


def test_neighbours_of_another_class_are_marked_in_text(drawn):
    near = [images(2), images(2)]
    plot_neighbours(images(2), near, ["car", "truck"], [["car", "truck"], ["truck", "truck"]])
    [(figure, alt)] = drawn
    titles = [axis.get_title(loc="center") for axis in figure.axes]
    assert titles == ["car →", "car", "≠ truck", "truck →", "truck", "truck"]
    assert alt == "Nearest neighbours: 3 of 4 share the class. car has car, truck; truck has truck, truck."


# network


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
