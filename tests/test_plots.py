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
from course_utils.errors import CourseError
from course_utils.plots import (
    plot_confusion,
    plot_drift,
    plot_feature_maps,
    plot_filters,
    plot_grid,
    plot_images,
    plot_learning_curve,
    plot_neighbours,
    plot_network,
    plot_probe_by_depth,
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


# accuracy


def test_confusion_counts_and_names_the_most_frequent_mistake(drawn):
    plot_confusion(torch.tensor([[9, 1, 0], [0, 7, 3], [0, 0, 10]]), ["car", "truck", "bus"])
    [(figure, alt)] = drawn
    assert alt == (
        "Confusion matrix of 3 classes: 26 of 30 images are right (86.7%). "
        "Most frequent mistake: truck taken for bus, 3 times."
    )
    [axis] = figure.axes
    written = {text.get_position(): text.get_text() for text in axis.texts}
    assert written == {(0, 0): "9", (1, 0): "1", (1, 1): "7", (2, 1): "3", (2, 2): "10"}  # (predicted, true)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted class", "true class")


def test_confusion_without_mistakes(drawn):
    plot_confusion([[5, 0], [0, 5]], ["car", "truck"])
    assert drawn[0][1].endswith("Most frequent mistake: none.")


@pytest.mark.parametrize("matrix", [[[1, 2, 3], [1, 2, 3]], [[1]], [[0, 0], [0, 0]]])
def test_confusion_refuses_another_shape_and_an_empty_matrix(matrix):
    with pytest.raises(CourseError, match="A confusion matrix counts"):
        plot_confusion(matrix, ["car", "truck"])


def runs(**columns):
    """A tidy table with two runs a row of `columns`, whose accuracies are one point above and below the mean."""
    table = pd.DataFrame(columns)
    return pd.concat([table.assign(seed=seed, accuracy=table["accuracy"] + 0.01 * seed) for seed in (-1, 1)])


def test_learning_curve_draws_means_with_bands_and_tells_the_ends(drawn):
    table = runs(strategy=["scratch", "tuned"] * 2, labels=[100, 100, 10, 10], accuracy=[0.7, 0.9, 0.5, 0.8])
    plot_learning_curve(table)
    [(figure, alt)] = drawn
    [axis] = figure.axes
    scratch, tuned = axis.get_lines()
    assert (scratch.get_label(), tuned.get_label()) == ("scratch", "tuned")
    np.testing.assert_allclose(scratch.get_xydata(), [[10, 0.5], [100, 0.7]])
    np.testing.assert_allclose(tuned.get_xydata(), [[10, 0.8], [100, 0.9]])
    assert axis.get_xscale() == "log" and axis.get_xlabel() == "labels per class"
    assert len(axis.collections) == 2
    # t(0.975, 1) is 12.706, and the standard error of two runs two points apart is one point
    assert "scratch: 50.0% ± 12.7 at 10, 70.0% ± 12.7 at 100; tuned: 80.0% ± 12.7 at 10, 90.0% ± 12.7 at 100." in alt


def test_lines_differ_in_more_than_colour(drawn):
    arms = [f"arm {n}" for n in range(6)]
    plot_learning_curve(runs(network=arms * 2, epoch=[1] * 6 + [2] * 6, accuracy=[0.5] * 12), "epoch", arm="network")
    [axis] = drawn[0][0].axes
    assert axis.get_xscale() == "linear"
    assert len({line.get_marker() for line in axis.get_lines()}) == 6


def test_one_run_a_point_is_refused():
    table = pd.DataFrame({"strategy": ["tuned"] * 2, "labels": [10, 20], "accuracy": [0.8, 0.9]})
    with pytest.raises(CourseError, match="repeat with more seeds"):
        plot_learning_curve(table)


def test_a_missing_column_is_named():
    with pytest.raises(CourseError, match=r"lacks the column strategy, accuracy and has labels"):
        plot_learning_curve(pd.DataFrame({"labels": [1, 2]}))


def probes():
    depths = ["pixels", "stem", "stage 1"]
    return pd.concat(
        runs(task=[task] * 3, network=[network] * 3, depth=depths, accuracy=[0.6, peak, 0.7])
        for task in ("trucks", "digits")
        for network, peak in (("pre-trained", 0.8), ("random", 0.65))
    )


def test_probe_by_depth_has_a_panel_a_task_with_its_chance_level(drawn):
    plot_probe_by_depth(probes(), {"trucks": 0.5, "digits": 0.1})
    [(figure, alt)] = drawn
    trucks, digits = figure.axes
    assert [axis.get_title(loc="left") or axis.get_title() for axis in (trucks, digits)] == ["trucks", "digits"]
    for axis, chance in ((trucks, 0.5), (digits, 0.1)):
        tuned, random, guess = axis.get_lines()
        assert (tuned.get_label(), random.get_label(), guess.get_label()) == ("pre-trained", "random", "chance")
        assert set(guess.get_ydata()) == {chance}
        np.testing.assert_allclose(tuned.get_ydata(), [0.6, 0.8, 0.7])
        assert [tick.get_text() for tick in axis.get_xticklabels()] == ["pixels", "stem", "stage 1"]
    assert "trucks, pre-trained: 60.0% ± 12.7 at pixels, 80.0% ± 12.7 at stem, 70.0% ± 12.7 at stage 1" in alt
    assert "Chance: 50.0% on trucks, 10.0% on digits." in alt


def test_probe_by_depth_places_a_shorter_network_at_its_own_depths(drawn):
    table = probes()
    table = table[(table["network"] == "random") | (table["depth"] != "stem")]
    table = pd.concat([table[table["network"] == "random"], table[table["network"] == "pre-trained"]])
    plot_probe_by_depth(table, {"trucks": 0.5, "digits": 0.1})
    np.testing.assert_array_equal(drawn[0][0].axes[0].get_lines()[1].get_xdata(), [0, 2])


def test_a_missing_chance_level_is_named():
    with pytest.raises(CourseError, match="chance level of digits"):
        plot_probe_by_depth(probes(), {"trucks": 0.5})


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
    plot_confusion([[1]], ["a"], alt=own)
    plot_learning_curve(runs(strategy=["a"], labels=[1], accuracy=[0.5]), alt=own)
    plot_probe_by_depth(probes(), {"trucks": 0.5, "digits": 0.1}, alt=own)
    plot_filters(torch.zeros(1, 1, 3, 3), alt=own)
    plot_feature_maps(torch.zeros(1, 2, 2), alt=own)
    plot_neighbours(images(1), [images(1)], ["a"], [["a"]], alt=own)
    assert [alt for _, alt in drawn] == [own] * 8


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


def test_the_grid_marks_the_best_and_leaves_out_failed_runs(drawn):
    runs = [("full", 5, 0.80), ("full", 5, 0.84), ("head", 5, 0.60), ("head", 5, 0.62), ("head", 5, None)]
    plot_grid(pd.DataFrame(runs, columns=["strategy", "labels", "accuracy"]))
    ((figure, alt),) = drawn
    assert "5: full 82.0%" in alt and "1 runs failed" in alt
    bold = [text.get_text() for text in figure.axes[0].texts if text.get_fontweight() == "bold"]
    assert len(bold) == 1 and bold[0].startswith("82.0%")
