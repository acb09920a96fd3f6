"""Drawn vehicles: side views made by code from a seed, with every factor of every image known."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from course_utils.arguments import whole
from course_utils.data.images.drawings import other_subjects, vehicles
from course_utils.data.images.drawings.raster import SIZE, Scene
from course_utils.data.images.drawings.render import GRID, render
from course_utils.data.images.drawings.rng import BatchRng, streams
from course_utils.data.images.drawings.settings import SceneSettings
from course_utils.data.images.drawings.street import paint_front, paint_street
from course_utils.errors import CourseError

DAY = SceneSettings()  # every setting at its default
__all__ = ["KINDS", "SceneSettings", "draw", "draw_vehicle"]

_PAINTERS = {
    "car": vehicles.paint_car,
    "truck": vehicles.paint_truck,
    "bus": vehicles.paint_bus,
    "house": other_subjects.paint_house,
    "tree": other_subjects.paint_tree,
    "boat": other_subjects.paint_boat,
    "road": other_subjects.paint_road,
}
KINDS = tuple(_PAINTERS)
# What a subject's factors are where its painter doesn't name them: a tree has no wheels.
_ABSENT = {
    "body": "none",
    "body_colour": "none",
    "load_colour": "none",
    "length": 0.0,
    "height": 0.0,
    "wheels": 0,
    "wheelbase": 0.0,
    "windows": 0,
    "lamps_on": False,
    "lit_inside": False,
    "afloat": False,
}
# The share of a seed's numbers that each part has, with some to spare, so that a new factor moves no other part.
_STREET, _SUBJECT, _FRONT = slice(0, 128), slice(128, 208), slice(208, 240)
_TEXTURE = slice(240, 240 + (SIZE * SIZE * 3 + GRID * GRID) // 8)
_CHUNK = 96  # images painted at once: their samples stay in the processor's cache


def draw(
    kinds: str | Sequence[str], seeds: Sequence[int], settings: SceneSettings = DAY
) -> tuple[np.ndarray, pd.DataFrame]:
    """Draw one image for each seed.

    The same kind, seed and settings give the same image on every machine, alone or among others. The same seed gives
    every kind the same street.

    Parameters
    ----------
    kinds : str or sequence of str
        One of KINDS for all, or one for each seed.
    seeds : sequence of int
        Whole numbers from 0.
    settings : SceneSettings
        What all the images have in common.

    Returns
    -------
    images : (n, 64, 64, 3) uint8
    factors : DataFrame of n rows
        The kind, the seed and the settings that all share. Drawn at random: of the subject body, body_colour,
        load_colour, length, height, wheelbase (pixels), wheels (as seen from one side), windows, lamps_on, lit_inside,
        afloat; of the street sky, sun, clouds, horizon and ground (pixels from the top edge), backdrop, field, road,
        street_lamp; of the view direction, scale, tilt (degrees), turn, x (pixels), light; and in front of it all front
        and hidden (share of the image's width). What a subject doesn't have is 0, False or "none".

    Raises
    ------
    CourseError
        `data.unknown-kind`; `data.bad-number` for a wrong seed or for lengths that don't match.
    """
    seeds = list(seeds)
    kind_of = np.array([kinds] * len(seeds) if isinstance(kinds, str) else list(kinds), dtype=object)
    _check(kind_of, seeds)
    images = np.zeros((len(seeds), SIZE, SIZE, 3), np.uint8)
    tables = []
    for kind in KINDS:
        of_kind = np.flatnonzero(kind_of == kind)
        for start in range(0, len(of_kind), _CHUNK):
            chunk = of_kind[start : start + _CHUNK]
            images[chunk], factors = _draw_one_kind(kind, [seeds[index] for index in chunk], settings)
            tables.append(pd.DataFrame(factors, index=chunk))
    table = pd.concat(tables).sort_index() if tables else pd.DataFrame()
    return images, table


def draw_vehicle(kind: str, seed: int, settings: SceneSettings = DAY) -> tuple[np.ndarray, dict]:
    """Draw one image: uint8 (64, 64, 3), and its factors by name; see `draw`."""
    images, table = draw([kind], [seed], settings)
    return images[0], {name: value.item() if hasattr(value, "item") else value for name, value in table.iloc[0].items()}


def _check(kinds: np.ndarray, seeds: list) -> None:
    if len(kinds) != len(seeds):
        raise CourseError(
            f"There are {len(kinds)} kinds for {len(seeds)} seeds: give one kind, or one for each seed.",
            code="data.bad-number",
        )
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise CourseError(
            f"There is no drawing of {unknown[0]!r}: choose one of {', '.join(KINDS)}.", code="data.unknown-kind"
        )
    for seed in seeds:
        if whole(seed, 0) is None:
            raise CourseError(
                f"A drawing's seed is {seed!r}: give a whole number from 0 upwards.", code="data.bad-number"
            )


def _draw_one_kind(kind: str, seeds: list[int], settings: SceneSettings) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    raw = streams(seeds, _TEXTURE.stop)
    street, subject, front = BatchRng(raw[:, _STREET]), BatchRng(raw[:, _SUBJECT]), BatchRng(raw[:, _FRONT])
    scene = Scene(len(seeds))
    ground = paint_street(scene, street, settings)
    toward = street.pick(("left", "right"))
    if settings.direction != "both":
        toward = np.full(len(seeds), ("left", "right").index(settings.direction))
    street.keep("direction", np.asarray(("left", "right"))[toward])
    scale = street.keep("scale", settings.scale * street.between(0.76, 1.16))
    turn = street.keep("turn", np.clip(settings.turn + street.between(-0.08, 0.08), -0.5, 0.5))
    x = street.keep("x", SIZE / 2 + street.between(-7.0, 7.0))
    scene.stand(x, ground, scale, 2 * toward - 1, street.factors["tilt"], turn)
    _PAINTERS[kind](scene, subject)
    paint_front(scene, front, settings, ground)
    texture = raw[:, _TEXTURE].astype("<u8").view(np.uint8)
    images = render(scene, street, settings, texture)
    own = _ABSENT | subject.factors
    for name in ("length", "height", "wheelbase"):
        own[name] = own[name] * scale
    whole = {"kind": kind, "seed": seeds} | {
        name: getattr(settings, name) for name in ("style", "night", "blur", "noise")
    }
    return images, whole | own | street.factors | front.factors
