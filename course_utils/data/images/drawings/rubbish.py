"""Drawn rubbish: things on a board from above, made by code from a seed, to stand in for photographs of recycling."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from course_utils.data.images.drawings.raster import SIZE, Scene
from course_utils.data.images.drawings.render import GRID, render
from course_utils.data.images.drawings.rng import BatchRng, streams
from course_utils.data.images.drawings.rubbish_kinds import PAINTERS, Table
from course_utils.data.images.drawings.settings import SceneSettings
from course_utils.data.images.drawings.street import jitter, table

BOARDS = {"white": (222, 222, 226), "cream": (216, 204, 186), "blue": (190, 200, 218), "grey": (168, 164, 160)}
KINDS = tuple(PAINTERS)
# The share of a seed's numbers that each part has, with some to spare.
_BOARD, _SUBJECT = slice(0, 64), slice(64, 256)
_TEXTURE = slice(256, 256 + (SIZE * SIZE * 3 + GRID * GRID) // 8)
_CHUNK = 96  # images painted at once: their samples stay in the processor's cache
_LOOK = SceneSettings()


def draw_rubbish(kind: str, seeds: Sequence[int]) -> tuple[np.ndarray, pd.DataFrame]:
    """Draw one piece of rubbish of a kind for each seed, the same on every machine.

    Parameters
    ----------
    kind : str
        One of KINDS.
    seeds : sequence of int
        Whole numbers from 0.

    Returns
    -------
    images : (n, 64, 64, 3) uint8
    factors : DataFrame of n rows
        kind, seed, thing (which of the kind's things it is), colour, board, x and y (pixels), scale, turned (degrees,
        about), shadow (share of the light that is left), light.
    """
    images = np.zeros((len(seeds), SIZE, SIZE, 3), np.uint8)
    tables = []
    for start in range(0, len(seeds), _CHUNK):
        chunk = list(seeds[start : start + _CHUNK])
        images[start : start + _CHUNK], factors = _draw_chunk(kind, chunk)
        tables.append(pd.DataFrame(factors))
    return images, pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _draw_chunk(kind: str, seeds: list[int]) -> tuple[np.ndarray, dict]:
    raw = streams(seeds, _TEXTURE.stop)
    place, subject = BatchRng(raw[:, _BOARD]), BatchRng(raw[:, _SUBJECT])
    scene = Scene(len(seeds))
    board = _paint_board(scene, place)
    x, y = (place.keep(axis, SIZE / 2 + place.between(-9.0, 9.0)) for axis in "xy")
    scale = place.keep("scale", place.between(0.7, 1.1) * place.between(1.0, 1.7))
    turned = place.between(-180.0, 180.0, "turned")
    mirror = 2 * place.chance(0.5) - 1
    lean = place.between(-0.3, 0.3)
    scene.stand(x + 3 * scale, y + 2 * scale, scale, mirror, turned, lean)
    fall = place.between(0.7, 0.96, "shadow")[:, None]
    scene.disc(0, 0, 19, 11, scene.paint(board * fall))
    scene.stand(x, y, scale, mirror, turned, lean)
    PAINTERS[kind](Table(scene, subject, board))
    images = render(scene, place, _LOOK, raw[:, _TEXTURE].astype("<u8").view(np.uint8))
    return images, {"kind": kind, "seed": seeds} | subject.factors | place.factors


def _paint_board(scene: Scene, rng: BatchRng) -> np.ndarray:
    """Paint the board with the shadows that fall on it, and return its colour (n, 3)."""
    board = jitter(rng, table(BOARDS, rng.pick(tuple(BOARDS), "board")), 18)
    scene.samples[:] = scene.paint(board)
    across, down = rng.between(-20, 84), rng.between(-20, 84)
    dim = rng.between(0.55, 1.0)[:, None]  # of the phone and the hand that holds it
    scene.stand(across, down)
    for ring in range(5):
        part = (5 - ring) / 5
        scene.disc(0, 0, 52 * part, 44 * part, scene.paint(board * (1 - (1 - dim) * (ring + 1) / 5)))
    scene.stand(rng.between(0, 64), rng.between(-8, 72), tilt=rng.between(-60.0, 60.0))
    edge = rng.between(0.75, 1.1)[:, None]
    scene.box(-90, -40, 90, 0, scene.paint(board * edge), rng.chance(0.3))
    return board
