"""Figures that show images, and what their alternative texts say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from support.errors import refused

from course_utils.plots import (
    plot_images,
    plot_neighbours,
    plot_top_losses,
)


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


def images(count, rng=None):
    return (rng or np.random.default_rng(0)).random((count, 8, 8))


def test_plot_images_reads_its_titles_aloud(drawn):
    plot_images(images(3), ["cat", "dog", 3], title="Pets")
    [(figure, alt)] = drawn
    assert alt == "Pets: 3 in rows of 3: cat; dog; 3."
    assert [axis.get_title(loc="center") for axis in figure.axes] == ["cat", "dog", "3"]


def test_plot_images_takes_arrays_of_titles(drawn):
    plot_images(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), np.array([0, 1, 2, 3]), columns=2)
    assert "0; 1; 2; 3" in drawn[0][1]


@pytest.mark.parametrize("columns", [5, 8])
def test_titles_are_no_wider_than_their_images(drawn, columns):
    plot_images(images(2 * columns), ["is glass\nsaid cardboard (100%)", "is metal"] * columns, columns=columns)
    figure = drawn[0][0]
    figure.draw_without_rendering()
    sizes = {axis.title.get_fontsize() for axis in figure.axes}
    assert len(sizes) == 1 and min(sizes) > 5
    for axis in figure.axes:
        assert axis.title.get_window_extent().width <= 1.02 * axis.get_window_extent().width


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
        "is car (20%)\nsaid truck (80%)",
        "is truck (40%)\nsaid car (60%)",
    ]
    assert "2 of 4 images are wrong" in alt and "is car (20%), said truck (80%)" in alt


def test_top_losses_tell_small_probabilities_apart(drawn):
    shares = np.array([1e-9, 3e-5, 0.004, 0.07])
    plot_top_losses(images(4), [0] * 4, np.stack([shares, 1 - shares], 1), ["car", "truck"])
    told = [axis.get_title(loc="center").splitlines()[0] for axis in drawn[0][0].axes[:4]]  # two more stay empty
    assert told == ["is car (under 0.001%)", "is car (0.003%)", "is car (0.4%)", "is car (7%)"]


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
