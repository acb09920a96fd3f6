"""How a figure reaches the notebook."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from support.errors import refused

from course_utils.display import figures as output
from course_utils.plots import plot_confusion, plot_images, show


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


def test_show_emits_a_figure_element_with_the_alternative_text_and_closes_the_figure(shown):
    figure, axis = plt.subplots()
    axis.plot([1, 2])
    show(figure, 'A line that rises, "steeply" & far')
    [(html, text)] = shown
    assert html.startswith('<figure class="course-chart"') and html.endswith("</figure>")
    assert ":is(.course-chart img, .course-chart ~ span)" in html  # the chart, and what a control marks on it
    assert 'alt="A line that rises, &quot;steeply&quot; &amp; far"' in html
    assert text == 'A line that rises, "steeply" & far'
    assert Image.open(io.BytesIO(png_in(html))).format == "PNG"
    assert not plt.fignum_exists(figure.number)


def test_light_and_dark_change_places_in_charts_alone(shown):
    for colours, maps in (({"cmap": "Blues"}, True), ({"cmap": "gray"}, False), ({"cmap": "viridis"}, False)):
        figure, axis = plt.subplots()
        axis.imshow(np.eye(3), **colours)
        assert output.is_chart(figure) == maps
    axis.imshow(np.zeros((3, 3, 3)))
    assert not output.is_chart(figure)
    plot_confusion(np.eye(3, dtype=int), "abc")
    plot_images([Image.new("RGB", (9, 9))], ["a photo"])
    (chart, _), (photo, _) = shown
    assert 'class="course-chart"' in chart and "course-chart" not in photo


def test_in_dark_themes_photos_stay_and_what_is_around_them_turns_dark(shown):
    """The cover is transparent over images and the scales of their colours, and over nothing else."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6, 3))
    scale = figure.colorbar(left.imshow(np.eye(3), cmap="viridis")).ax
    left.set_title("a map")
    right.plot([1, 2])
    show(figure, "a map with its scale, beside a line that rises")
    [(html, _)] = shown
    assert "course-chart" not in html and html.count("<img") == 1
    whole = np.array(Image.open(io.BytesIO(png_in(html))).convert("RGBA"))
    [cover] = re.findall(r'class="course-around" style="display:none;[^"]*base64,([^)]+)\)', html)
    cover = np.array(Image.open(io.BytesIO(base64.b64decode(cover))))
    clear = cover[..., 3] == 0
    assert cover.shape == whole.shape and (cover[~clear] == whole[~clear]).all()
    for axis, hidden in ((left, True), (scale, True), (right, False)):
        box = axis.get_position()
        x, y = (box.x0 + box.x1) / 2, 1 - (box.y0 + box.y1) / 2
        assert clear[int(y * len(clear)), int(x * clear.shape[1])] == hidden, axis
    box = left.get_position()  # its title stands above it
    assert not clear[: int((1 - box.y1) * len(clear)) - 1].all(1).any()
    assert (cover[: int((1 - box.y1) * len(clear)) - 1, : clear.shape[1] // 2] < 128).any()


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_show_refuses_an_empty_text_and_still_closes_the_figure(shown, alt):
    figure = plt.figure()
    with refused("display.no-alt-text"):
        show(figure, alt)
    assert not shown
    assert not plt.fignum_exists(figure.number)


def test_a_figure_is_finer_than_the_screen_and_has_all_its_colours(shown):
    figure = Figure(figsize=(4, 3))
    figure.figimage(np.random.default_rng(0).random((480, 640, 3)))
    show(figure, "noise of many colours")
    drawn = Image.open(io.BytesIO(png_in(shown[0][0])))
    assert drawn.width == 640 and 'width="400"' in shown[0][0] and len(drawn.convert("RGB").getcolors(10**6)) > 10_000


def test_titles_are_broken_where_the_figure_ends():
    figure = Figure(figsize=(4, 3), layout="constrained")
    figure.subplots()
    output.add_title(figure, "A title so long that a figure of four inches can't hold it in one line")
    figure.draw_without_rendering()
    assert figure._suptitle.get_window_extent().x1 <= figure.bbox.x1


def test_a_label_longer_than_its_vertical_axis_is_broken_and_others_are_left_alone(shown):
    figure = Figure(figsize=(4, 2.4), layout="constrained")
    tall, low = figure.add_axes((0.2, 0.1, 0.2, 0.85)), figure.add_axes((0.7, 0.1, 0.2, 0.4))
    for axis in (tall, low):
        axis.set_ylabel("average precision (%)")
    show(figure, "two axes")
    assert tall.get_ylabel() == "average precision (%)"
    figure.draw_without_rendering()
    assert "\n" in low.get_ylabel() and low.get_ylabel().split() == ["average", "precision", "(%)"]
    assert low.yaxis.label.get_window_extent().height <= low.get_window_extent().height
