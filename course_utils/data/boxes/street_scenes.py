"""Draws streets with cars, trucks, buses, people and signs, whose boxes are known because the code placed them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from course_utils.data.images.drawings import other_subjects, roadside, vehicles
from course_utils.data.images.drawings.raster import SIDE, Scene
from course_utils.data.images.drawings.render import GRID, render
from course_utils.data.images.drawings.rng import BatchRng, streams
from course_utils.data.images.drawings.settings import SceneSettings
from course_utils.data.images.drawings.street import (
    FIELDS,
    ROADS,
    SHADOW,
    jitter,
    paint_backdrop,
    paint_sky,
    table,
)

KINDS = ("car", "truck", "person", "sign", "bus")
FINE = 2  # samples along a side of a pixel
SIZE = SIDE // FINE  # 96 pixels a side
UNITS = 64.0  # what the painters count along a side
SEEN, LEAST = 0.3, 40  # of what was painted of a thing, and samples of it: with less in sight it has no box
EMPTY = 0.03  # of the streets
NUMBERS = 96  # random ones of each thing, with some to spare
STREAKS = 90  # of the heaviest rain
_CHUNK = 64  # images painted at once
_PAINTERS: dict[str, Callable[[Scene, BatchRng], None]] = {
    "car": vehicles.paint_car,
    "truck": vehicles.paint_truck,
    "bus": vehicles.paint_bus,
    "person": roadside.paint_person,
    "sign": roadside.paint_sign,
}


@dataclass(frozen=True)
class Place:
    """Where one thing may stand, from the back of a street to its front.

    Parameters
    ----------
    kinds : tuple of str
        What it may be.
    depth : float
        0 at the far kerb, 1 at the near one.
    left, right : float
        The range of its middle, 0 to 1 across the image.
    chance : float
        How often something stands there.
    """

    kinds: tuple[str, ...]
    depth: float
    left: float
    right: float
    chance: float


VEHICLES = ("car", "truck", "bus")
PLACES = (
    Place(("sign",), -0.08, 0.05, 0.95, 0.4),
    Place(("person",), -0.05, 0.0, 0.5, 0.4),
    Place(("person",), -0.04, 0.5, 1.0, 0.35),
    Place(VEHICLES, 0.12, 0.05, 0.45, 0.5),
    Place(VEHICLES, 0.2, 0.5, 0.95, 0.5),
    Place(VEHICLES, 0.62, 0.1, 0.9, 0.55),
    Place(("person",), 1.02, 0.0, 1.0, 0.35),
    Place(("sign",), 1.08, 0.05, 0.95, 0.3),
)


def draw_streets(
    seeds: Sequence[int | Sequence[int]], kinds: Sequence[str], night: float = 0.0, rain: float = 0.0
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Draw one street for each seed; the same seed gives the same street by day, by night and in the rain.

    Parameters
    ----------
    seeds : sequence of int or of sequences of int
        Whole numbers from 0.
    kinds : sequence of str
        What may stand in the streets: some of KINDS.
    night, rain : float
        From 0 to 1.

    Returns
    -------
    images : (n, 96, 96, 3) uint8
    boxes : list of (k, 4) float32
        Left, top, right and bottom of what can be seen of each thing, in pixels.
    labels : list of (k,) int64
        Indices into `kinds`.
    """
    parts = [
        _draw(list(seeds[start : start + _CHUNK]), tuple(kinds), night, rain) for start in range(0, len(seeds), _CHUNK)
    ]
    images = np.concatenate([part[0] for part in parts]) if parts else np.zeros((0, SIZE, SIZE, 3), np.uint8)
    return images, [box for part in parts for box in part[1]], [label for part in parts for label in part[2]]


def _draw(
    seeds: list[int | Sequence[int]], kinds: tuple[str, ...], night: float, rain: float
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    texture = SIZE * SIZE * 3 + GRID * GRID
    raw = streams(seeds, NUMBERS * (2 + len(PLACES) * len(KINDS)) + texture // 8)
    scene, street = Scene(len(seeds)), BatchRng(raw[:, :NUMBERS])
    settings = SceneSettings(night=night, blur=0.8 * rain, noise=6 + 4 * rain)
    empty = street.chance(EMPTY)
    far, near = _paint_ground(scene, street, settings)
    things = []
    for number, place in enumerate(PLACES):
        here = BatchRng(raw[:, NUMBERS * (2 + number * len(KINDS)) :][:, :NUMBERS])
        allowed = [kind for kind in place.kinds if kind in kinds]
        taken = here.chance(place.chance) & ~empty
        which = here.pick(allowed) if allowed else np.zeros(len(seeds), int)
        x, y = UNITS * here.between(place.left, place.right), far + (near - far) * (place.depth + here.between(0, 0.06))
        scale = (0.36 + 0.34 * place.depth) * here.between(0.85, 1.2)
        toward = np.where(here.chance(0.5), 1, -1)
        for offset, kind in enumerate(allowed):
            own = BatchRng(raw[:, NUMBERS * (2 + number * len(KINDS) + offset) + 16 :][:, : NUMBERS - 16])
            shown = taken & (which == offset)
            scene.stand(x, y, scale, toward)
            things.append((kinds.index(kind), _paint_thing(scene, kind, own, shown)))
    boxes, labels = _outline(scene.samples, things)
    texture_bytes = raw[:, NUMBERS * (2 + len(PLACES) * len(KINDS)) :].astype("<u8").view(np.uint8)
    images = render(scene, street, settings, texture_bytes, FINE)
    if rain > 0:
        images = _rain(images, BatchRng(raw[:, NUMBERS : 2 * NUMBERS]), texture_bytes, rain)
    return images, boxes, labels


def _paint_ground(scene: Scene, rng: BatchRng, settings: SceneSettings) -> tuple[np.ndarray, np.ndarray]:
    """Paint all behind the things; return the heights (n,) of both kerbs, from the top edge."""
    horizon = rng.between(16.0, 24.0)
    far = horizon + rng.between(5.0, 8.0)
    near = rng.between(54.0, 60.0)
    paint_sky(scene, rng, horizon, settings)
    scene.stand(UNITS / 2, horizon)
    paint_backdrop(scene, rng)
    scene.box(-64, 0, 64, -80, scene.paint(jitter(rng, table(FIELDS, rng.pick(tuple(FIELDS))), 16)))
    paved = scene.paint(jitter(rng, np.full((scene.n, 3), (168.0, 162.0, 152.0)), 20))
    surface = scene.paint(jitter(rng, table(ROADS, rng.pick(tuple(ROADS))), 12))
    line = scene.paint(jitter(rng, np.full((scene.n, 3), 214.0), 20))
    scene.stand(UNITS / 2, far)
    wide, road = 0.12 * (near - far), near - far
    scene.box(-64, wide, 64, -road - 12, paved)
    scene.box(-64, 0, 64, -road, surface)
    step, start, marked = rng.between(12, 20), rng.between(-44, -32), rng.chance(0.7)
    for dash in range(6):
        left = start + dash * step
        scene.box(left, -road * 0.42, left + step * 0.5, -road * 0.45, line, marked)
    shown = scene.shown
    for side in (-1, 1):  # a tree or a house in the field, which is none of the things
        scene.shown = shown & rng.chance(0.4)
        scene.stand(UNITS / 2 + side * rng.between(8, 30), far - wide, rng.between(0.5, 0.9))
        paint = other_subjects.paint_tree if side < 0 else other_subjects.paint_house
        own = BatchRng((rng.between(0, 1)[:, None] * 2**53).astype(np.uint64) * _odd(NUMBERS))
        paint(scene, own)
    scene.shown = shown
    return far, near


def _odd(count: int) -> np.ndarray:
    """Give odd numbers, whose products with one random number are as good as random."""
    return np.array([np.random.PCG64(number).random_raw() | 1 for number in range(count)], np.uint64)


def _paint_thing(scene: Scene, kind: str, rng: BatchRng, shown: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Paint it in some of the images; return its paints but for its shadow's, and how many samples they cover."""
    first = len(scene.colours)
    scene.shown = shown
    _PAINTERS[kind](scene, rng)
    scene.shown = np.ones(scene.n, bool)
    own = [paint for paint in range(first, len(scene.colours)) if (scene.colours[paint] != SHADOW).any()]
    covered = np.zeros(scene.n, int)
    covered[shown] = _belongs(scene.samples[shown], own).sum((1, 2))
    return own, covered


def _belongs(samples: np.ndarray, paints: list[int]) -> np.ndarray:
    ours = np.zeros(256, bool)
    ours[paints] = True
    return ours[samples]


def _outline(
    samples: np.ndarray, things: list[tuple[int, tuple[list[int], np.ndarray]]]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Find the box of what can be seen of each thing."""
    found: list[list[tuple[int, ...]]] = [[] for _ in samples]
    for label, (paints, covered) in things:
        for image in np.flatnonzero(covered):
            seen = _belongs(samples[image], paints)
            if seen.sum() >= max(LEAST, SEEN * covered[image]):
                rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
                found[image].append((label, columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    tables = [np.array(each, np.float32).reshape(-1, 5) for each in found]
    return [each[:, 1:] / FINE for each in tables], [each[:, 0].astype(np.int64) for each in tables]


def _rain(images: np.ndarray, rng: BatchRng, texture: np.ndarray, rain: float) -> np.ndarray:
    """Take contrast away, less so near the bottom, and draw streaks."""
    pixels = images.astype(np.int32)
    haze = np.linspace(0.6, 0.35, SIZE) * rain
    share = np.round(256 * haze).astype(np.int32)[None, :, None, None]
    veil = (pixels.mean((1, 2, 3)).astype(np.int32) * 5 // 6 + 14)[:, None, None, None]
    pixels = (pixels * (256 - share) + veil * share) >> 8
    count, image = round(STREAKS * rain), np.arange(len(images))[:, None]
    bytes_ = texture[:, : 4 * count].astype(int).reshape(len(images), count, 4)
    x, y = bytes_[..., 0] * SIZE // 256, bytes_[..., 1] * SIZE // 256
    length, light = 4 + bytes_[..., 2] % 9, 18 + bytes_[..., 3] % 36
    for step in range(13):
        row, column = y + step, x - step // 3
        inside = (step < length) & (row < SIZE) & (column >= 0)
        np.add.at(
            pixels, (np.broadcast_to(image, x.shape)[inside], row[inside], column[inside]), light[inside][:, None]
        )
    return pixels.clip(0, 255).astype(np.uint8)
