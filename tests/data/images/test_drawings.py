"""Drawn vehicles: the same image everywhere, settings that do what they say, and no shortcut to the classes."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from support.errors import refused

from course_utils.data.images.drawings import KINDS, SceneSettings, draw, draw_vehicle
from course_utils.data.images.drawings.raster import FINE, SIZE, Scene
from course_utils.data.images.drawings.settings import DIRECTIONS, RANGES, STYLES

PLAIN = SceneSettings(style="flat", noise=0, occlusion=0)
# Of one image of every kind, seeds 0 to 6. They change when the drawings change, which every lesson's figures then
# must follow; they must not change with the machine, numpy or Pillow.
DIGESTS = {
    "painted": (SceneSettings(), "5cd2e91e4dc90b41"),
    "flat by night": (SceneSettings(style="flat", night=0.7, occlusion=0.3), "78f2fabcb4e0024e"),
    "sketch, blurred": (SceneSettings(style="sketch", blur=1.3, noise=20), "5358e9d5c4c30254"),
    "tilted, turned": (SceneSettings(tilt=-14, turn=0.4, scale=1.3, direction="left", noise=0), "c82d3a46d4007e81"),
}


@pytest.mark.parametrize("name", DIGESTS)
def test_same_image_on_every_machine(name):
    settings, digest = DIGESTS[name]
    images, _ = draw(KINDS, range(len(KINDS)), settings)
    assert hashlib.sha256(images.tobytes()).hexdigest()[:16] == digest


def test_images_and_their_factors():
    images, factors = draw(KINDS * 3, range(3 * len(KINDS)))
    assert images.shape == (3 * len(KINDS), 64, 64, 3) and images.dtype == np.uint8
    assert list(factors.kind) == list(KINDS * 3) and list(factors.seed) == list(range(3 * len(KINDS)))
    assert not factors.isna().any().any()
    rolling = factors.kind.isin(["car", "truck", "bus"])
    assert ((factors.wheels >= 2) == rolling).all() and ((factors.wheelbase > 0) == rolling).all()
    assert (factors[factors.kind == "car"].wheels == 2).all()
    assert len({image.tobytes() for image in images}) == len(images)


def test_alone_or_among_others_the_same():
    images, factors = draw(["truck", "car"] * 60, range(120))
    alone, known = draw_vehicle("car", 77)
    assert (alone == images[77]).all()
    assert known == factors.iloc[77].to_dict()
    assert all(type(value) in (str, int, float, bool) for value in known.values())


def test_one_seed_is_one_scene_under_every_setting():
    usual = draw("car", range(8))[1]
    other = draw("car", range(8), SceneSettings(style="sketch", night=0.8, blur=2, noise=30))[1]
    changed = ["style", "night", "blur", "noise"]
    assert usual.drop(columns=changed).equals(other.drop(columns=changed))


def test_one_seed_is_one_street_for_every_kind():
    columns = ["sky", "horizon", "ground", "field", "road", "backdrop", "direction", "light"]
    streets = draw(KINDS, [5] * len(KINDS))[1][columns]
    assert (streets == streets.iloc[0]).all().all()


def test_subject_is_where_its_factors_say():
    """Facing left or right is all that differs, so what differs is the car."""
    left, factors = draw("car", range(20), replace(PLAIN, direction="left"))
    right, _ = draw("car", range(20), replace(PLAIN, direction="right"))
    for differs, (_, row) in zip((left != right).any(3), factors.iterrows(), strict=True):
        columns, rows = np.flatnonzero(differs.any(0)), np.flatnonzero(differs.any(1))
        assert row.x - 0.62 * row.length < columns[0] and columns[-1] < row.x + 0.62 * row.length
        assert columns[-1] - columns[0] > 0.6 * min(row.length, 64 - columns[0])
        assert row.ground - 1.5 * row.height - 4 < rows[0] and rows[-1] < row.ground + 6


def test_night_darkens_all_but_lamps():
    day, dusk, night = (draw(KINDS, range(7), replace(PLAIN, night=night))[0].astype(int) for night in (0, 0.5, 1))
    assert (day.mean((1, 2, 3)) > dusk.mean((1, 2, 3))).all() and (dusk.mean((1, 2, 3)) > night.mean((1, 2, 3))).all()
    assert np.median(night) < 70
    lit = draw("house", range(30), replace(PLAIN, night=1))
    brightest = lit[0].max((1, 2, 3))
    has_light = lit[1].lit_inside | lit[1].sun | lit[1].street_lamp
    assert brightest[has_light].min() > brightest[~has_light].max()


def test_blur_spreads_and_keeps_the_mean():
    sharp, soft, softer = (draw(KINDS, range(7), replace(PLAIN, blur=blur))[0].astype(int) for blur in (0, 1, 3))
    steps = [np.abs(np.diff(images, axis=2)).mean() for images in (sharp, soft, softer)]
    squares = [(np.diff(images, axis=2) ** 2).mean() for images in (sharp, soft, softer)]
    assert squares[0] > 1.5 * squares[1] > 2 * squares[2] and steps[0] > steps[2]
    assert abs(sharp.mean() - softer.mean()) < 1.5


@pytest.mark.parametrize("level", [5, 20, 40])
def test_noise_has_the_deviation_that_was_asked_for(level):
    grey = SceneSettings(
        style="sketch", noise=0, night=0.4
    )  # neither near black nor near white, where noise is cut off
    clean, noisy = draw("car", range(10), grey)[0], draw("car", range(10), replace(grey, noise=level))[0]
    middle = (clean > 110) & (clean < 145)
    assert middle.sum() > 1000
    assert np.std(noisy[middle].astype(int) - clean[middle]) == pytest.approx(level, rel=0.05)


def test_occlusion_hides_that_share_on_average():
    clear, factors = draw("car", range(60), replace(PLAIN, occlusion=0))
    assert (factors.hidden == 0).all() and (factors.front == "none").all()
    covered, factors = draw("car", range(60), replace(PLAIN, occlusion=0.3))
    assert factors.hidden.mean() == pytest.approx(0.3, abs=0.06)
    small, large = (np.mean(clear[part] != covered[part]) for part in (factors.hidden < 0.2, factors.hidden > 0.4))
    assert 0 < small < large


def test_view_follows_its_settings():
    usual = draw("truck", range(20), PLAIN)[1]
    for name, value in (("scale", 1.3), ("tilt", 12.0), ("turn", 0.3)):
        changed = draw("truck", range(20), replace(PLAIN, **{name: value}))[1]
        if name == "scale":
            assert np.allclose(changed.length, 1.3 * usual.length)
        else:
            assert np.allclose(changed[name], usual[name] + value)
    assert set(usual.direction) == {"left", "right"}
    assert set(draw("truck", range(9), replace(PLAIN, direction="left"))[1].direction) == {"left"}


def test_styles_differ():
    images = [draw("bus", [3], replace(PLAIN, style=style))[0] for style in STYLES]
    assert all((a != b).mean() > 0.3 for number, a in enumerate(images) for b in images[:number])


@pytest.mark.parametrize("grid", [1, 8])
def test_no_shortcut_from_colours_or_thumbnails(grid):
    """A linear model on mean colours or thumbnails hardly tells cars from trucks, so shapes must be learned."""
    images, factors = draw(["car", "truck"] * 300, range(600))
    small = images.reshape(600, grid, SIZE // grid, grid, SIZE // grid, 3).mean((2, 4)).reshape(600, -1)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.001))
    model.fit(small[:200], factors.kind[:200])
    assert model.score(small[200:], factors.kind[200:]) < 0.66


def test_cars_trucks_and_others_overlap_in_size_and_colour():
    factors = draw(["car", "truck", "bus"] * 100, range(300))[1]
    sizes = factors.groupby("kind")[["length", "height"]]
    assert (sizes.min().max() < sizes.median().min()).all() and (sizes.max().min() > sizes.median().max()).all()
    assert factors.groupby("kind").body_colour.nunique().min() == factors.body_colour.nunique()


@pytest.mark.parametrize("name", RANGES)
def test_a_setting_out_of_range_is_refused_with_its_range(name):
    low, high = RANGES[name]
    for value in (low, high):
        SceneSettings(**{name: value})
    for value in (low - 0.1, high + 0.1, float("nan"), "much", None, True):
        with refused("data.bad-setting", f"{name} is {value!r}", f"{low:g} to {high:g}"):
            SceneSettings(**{name: value})


@pytest.mark.parametrize(("name", "allowed"), [("style", STYLES), ("direction", DIRECTIONS)])
def test_a_setting_with_an_unknown_word_lists_the_known_ones(name, allowed):
    with refused("data.bad-setting", name, ", ".join(allowed)):
        SceneSettings(**{name: "upside down"})


def test_unknown_kind_is_refused_with_the_known_ones():
    with refused("data.unknown-kind", "'ship'", "car, truck, bus, house"):
        draw_vehicle("ship", 0)


@pytest.mark.parametrize("seed", [-1, 1.5, "one", None, True])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with refused("data.bad-number", repr(seed)):
        draw_vehicle("car", seed)


def test_kinds_and_seeds_must_match():
    with refused("data.bad-number", "2 kinds for 3 seeds"):
        draw(["car", "bus"], range(3))
    assert draw("car", [])[0].shape == (0, 64, 64, 3)


def test_polygons_and_discs_cover_their_area():
    scene = Scene(2)
    scene.stand(np.array([20.0, 40.0]), 50.0, scale=np.array([1.0, 2.0]), mirror=np.array([1, -1]))
    scene.box(-4, 0, 6, 5, scene.paint((0, 0, 0)))
    scene.paint((0, 0, 0))
    assert (scene.samples == 0).all()  # the first paint is number 0, as is an empty scene
    scene.box(-4, 0, 6, 5, 7)
    assert list((scene.samples == 7).sum((1, 2))) == [50 * FINE**2, 200 * FINE**2]
    assert np.flatnonzero((scene.samples[1] == 7).any(0))[[0, -1]].tolist() == [28 * FINE, 48 * FINE - 1]
    scene.disc(0, 12, 6, 6, 8, show=np.array([True, False]))
    assert (scene.samples == 8).sum((1, 2)) == pytest.approx([np.pi * 36 * FINE**2, 0], rel=0.01)
    scene.stand(32, 40, tilt=15.0, turn=0.3)
    scene.polygon((-80, -80, 80, 80), (-1, -9, -9, -1), 9)
    assert (scene.samples == 9).any((1, 2)).all() and (scene.samples[:, 0] != 9).all()
