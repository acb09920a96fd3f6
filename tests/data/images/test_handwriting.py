"""A photograph of a digit becomes an image like the data's, whatever the paper, the light and the pen."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from sklearn.datasets import load_digits
from sklearn.svm import SVC
from support.errors import refused

from course_utils.data.images.handwriting import EXAMPLE, match_digits, photographed_digit
from course_utils.data.images.opening import open_image


@pytest.fixture(scope="module")
def named():
    """Names the digit of an 8×8 image, as learned from the data."""
    data = load_digits()
    model = SVC().fit(data.data / 16, data.target)
    return lambda image: int(model.predict([np.asarray(image)[..., 0].ravel() / 255])[0])


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image)[..., 0]


def test_form_is_the_datas():
    matched = match_digits(photographed_digit(5, seed=2))
    assert matched.size == (8, 8) and matched.mode == "RGB"
    assert set(np.unique(levels(matched))) <= {round(level * 255 / 16) for level in range(17)}
    assert levels(matched)[0].any() and levels(matched)[7].any()  # from the top of the frame to its foot
    assert not levels(matched)[:, [0, 7]].max() > 128


def test_ink_is_as_much_as_in_the_data():
    data = load_digits().images.mean((1, 2)) * 255 / 16
    matched = [levels(match_digits(photographed_digit(digit, seed=1))).mean() for digit in range(10)]
    assert np.mean(matched) == pytest.approx(data.mean(), rel=0.1)


def test_matched_photographs_are_recognised_and_others_not(named):
    photographs = [(digit, photographed_digit(digit, seed)) for digit in range(10) for seed in range(2)]
    matched = sum(named(match_digits(photograph)) == digit for digit, photograph in photographs)
    shrunk = sum(named(photograph.resize((8, 8))) == digit for digit, photograph in photographs)
    assert matched >= 17 and shrunk <= 6


def test_light_ink_uneven_light_and_size_make_no_difference(named):
    seven = open_image(EXAMPLE)
    shade = np.linspace(0.55, 1, 400)[None, :, None]
    variants = {
        "blackboard": ImageOps.invert(seven),
        "dim": seven.point(lambda level: level * 0.5),
        "shaded": Image.fromarray((np.asarray(seven) * shade).astype(np.uint8)),
        "small": seven.resize((100, 75)),
        "large": seven.resize((1024, 768)),
        "upright": seven.crop((100, 0, 300, 300)),
        "far away": ImageOps.expand(seven, 200, (205, 200, 188)),
    }
    assert {name: named(match_digits(image)) for name, image in variants.items()} == dict.fromkeys(variants, 7)


def test_specks_and_what_reaches_in_from_the_edge_are_dropped():
    clean = open_image(EXAMPLE)
    dirty = clean.copy()
    draw = ImageDraw.Draw(dirty)
    draw.rectangle((0, 260, 400, 300), "black")  # the table's edge
    draw.line((0, 20, 400, 24), (60, 60, 60), 4)  # a ruled line
    draw.ellipse((60, 120, 66, 126), "black")
    assert np.abs(levels(match_digits(dirty)).astype(int) - levels(match_digits(clean))).mean() < 16


def test_the_datas_own_images_stay_what_they_are(named):
    data = load_digits()
    images = np.round(data.images[:40] * 255 / 16).astype(np.uint8)
    matched = [match_digits(Image.fromarray(image).resize((64, 64))) for image in images]
    assert np.mean([named(image) == digit for image, digit in zip(matched, data.target[:40], strict=True)]) >= 0.85


@pytest.mark.parametrize("pen", [2, 40])
def test_a_thin_and_a_thick_pen_come_out_alike(pen, named):
    paper = Image.new("RGB", (300, 300), (240, 240, 235))
    ImageDraw.Draw(paper).line([(90, 60), (210, 60), (140, 240)], (30, 30, 60), pen, joint="curve")
    matched = match_digits(paper)
    assert named(matched) == 7 and levels(matched).mean() == pytest.approx(78, rel=0.25)


@pytest.mark.parametrize("colour", ["white", "black", (120, 130, 140)])
def test_blank_paper_is_refused(colour):
    with refused("data.no-digit", "dark pen on plain paper"):
        match_digits(Image.new("RGB", (200, 100), colour))


def test_faint_noise_is_no_digit():
    noise = np.random.default_rng(0).normal(200, 3, (150, 200, 3)).clip(0, 255).astype(np.uint8)
    with refused("data.no-digit"):
        match_digits(Image.fromarray(noise))


def test_the_bundled_example_is_made_by_our_own_code(named):
    bundled, made = np.asarray(Image.open(EXAMPLE)), np.asarray(photographed_digit(7))
    assert bundled.shape == (300, 400, 3)
    assert np.abs(bundled.astype(int) - made).mean() < 1
    assert named(match_digits(open_image(EXAMPLE))) == 7
    assert EXAMPLE.stat().st_size < 100_000
