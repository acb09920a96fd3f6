"""Committed figures: all their pixels, few bytes."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from support.errors import refused

from course_utils.display.figures import figure_html, image_html
from tools.lessons import images
from tools.lessons.images import EXACT_BYTES, IMAGE_BYTES, with_small_images


def image_in(html: str) -> tuple[Image.Image, int]:
    data = base64.b64decode(re.search(r'src="data:image/\w+;base64,([^"]+)"', html)[1])
    return Image.open(io.BytesIO(data)), len(data)


def photographs(height: int, width: int) -> np.ndarray:
    """Smooth and noisy at once, as photos are."""
    rows, columns = np.mgrid[:height, :width] / 40
    smooth = np.stack([np.sin(rows + 2 * k) * np.cos(columns + k) for k in range(3)], -1) / 2 + 0.5
    return np.clip(smooth + np.random.default_rng(0).normal(0, 0.03, smooth.shape), 0, 1)


def test_a_plot_loses_nothing_and_most_of_its_bytes():
    figure, axis = plt.subplots()
    axis.plot(np.linspace(0, 1, 20), np.linspace(0, 1, 100).reshape(20, 5))
    live = figure_html(figure, "five lines that go up")
    (before, size), (after, less) = image_in(live), image_in(with_small_images(live))
    assert after.format == "WEBP" and less < EXACT_BYTES and less < size / 2
    assert difference(before, after) == 0
    assert re.sub(r'src="[^"]+"', "", with_small_images(live)) == re.sub(r'src="[^"]+"', "", live)


def test_a_busy_plot_keeps_its_edges_sharp():
    figure, axis = plt.subplots()
    axis.plot(np.random.default_rng(0).random((20, 5)))
    live = figure_html(figure, "five lines that go up and down")
    (before, size), (after, less) = image_in(live), image_in(with_small_images(live))
    assert less <= IMAGE_BYTES < size and after.size == before.size
    assert difference(before, after) < 1.5 and len(after.convert("RGB").getcolors()) <= 256


def test_photographs_keep_their_pixels_and_their_colours():
    figure = Figure(figsize=(6, 3))
    figure.figimage(photographs(480, 960))
    live = figure_html(figure, "ten photographs in two rows")
    (before, size), (after, less) = image_in(live), image_in(with_small_images(live))
    assert size > 10 * IMAGE_BYTES and less <= IMAGE_BYTES and after.size == before.size == (960, 480)
    assert difference(before, after) < 10  # the noise, of 8 of 255, is most of it
    assert len(after.convert("RGB").getcolors(10**6)) > 10_000


def test_what_is_transparent_stays_transparent():
    figure, axis = plt.subplots()
    axis.imshow(photographs(48, 48))
    live = figure_html(figure, "a photograph on its axes")
    kept = [
        Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA").getchannel("A")
        for html in (live, with_small_images(live))
        for data in re.findall(r"url\(data:image/\w+;base64,([^)]+)\)", html)
    ]
    assert len(kept) == 2 and kept[0].tobytes() == kept[1].tobytes() and kept[0].getextrema() == (0, 255)


def difference(one: Image.Image, other: Image.Image) -> float:
    one, other = (np.asarray(image.convert("RGB"), float) for image in (one, other))
    return np.sqrt(np.mean((one - other) ** 2))


def test_what_is_no_png_stays_and_a_small_one_stays_small():
    for html in ('<img src="photo.png"><p>data:image/png</p>', '<img src="data:image/svg+xml;base64,PHN2Zy8+">'):
        assert with_small_images(html) == html
    icon = image_in(with_small_images(image_html(Image.new("RGB", (2, 2)), "two black dots", 2)))
    assert icon[1] < 100


def test_what_is_too_large_even_so_is_refused(monkeypatch):
    monkeypatch.setattr(images, "EXACT_BYTES", 4_000)
    monkeypatch.setattr(images, "IMAGE_BYTES", 6_000)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8))
    with refused("tools.large-image", "400 × 300", "show less"):
        with_small_images(image_html(noise, "noise all over", 250))
