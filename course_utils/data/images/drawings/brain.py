"""Paints slices through made-up heads: skull, folds, ventricles and, where it is asked for, a lesion.

Everything here is synthetic. The shapes resemble those of brain scans so that networks meet the same troubles as with
real ones; they come from no patient, follow no atlas, and nothing medical can be concluded from them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from course_utils.data.images.drawings.raster import SIZE
from course_utils.data.images.drawings.rng import BatchRng, streams

LAYERS, GRID = 3, 18  # the folds of a head: random numbers on three levels, smooth in between
CANDIDATES = 24  # positions tried for a lesion; the one that lies best is taken
SMALLEST = 1.5  # pixels: the radius of a lesion's end
SPANS = (1, 2, 3, 4, 4, 5, 6)  # slices that a lesion reaches, as often as each is listed
_FACTORS = 160  # raw numbers of a patient for all but the folds, with some to spare
_FOLDS = slice(_FACTORS, _FACTORS + (LAYERS * GRID * GRID + 7) // 8)


@dataclass(frozen=True)
class Tissue:
    """What each pixel of n slices is made of: shares from 0 to 1, float32 (n, 64, 64).

    scalp and bone stand alone; inside is what the skull encloses, of which `brain` is no fluid, and of that
    `white` is white matter and the rest grey. lesion is how much of a pixel the lesion fills.
    """

    scalp: np.ndarray
    bone: np.ndarray
    inside: np.ndarray
    brain: np.ndarray
    white: np.ndarray
    lesion: np.ndarray


class Heads:
    """The anatomy of some patients, drawn by chance from one seed, patient by patient.

    factors: per patient (n,) age (years), size, ventricles (their width against the usual), lesion_span (slices),
    lesion_first (the first of them, 0 to 1 of what is possible), lesion_radius (pixels), lesion_contrast (against
    white matter as 0.46 above fluid, negative when dark); of no medical meaning.
    """

    def __init__(self, seed: int, numbers: np.ndarray) -> None:
        self.numbers = np.asarray(numbers)
        raw = streams([[seed, int(number)] for number in self.numbers], _FOLDS.stop)
        rng = BatchRng(raw[:, :_FACTORS])
        self.factors = rng.factors
        self._anatomy(rng)
        self._lesion(rng)
        bytes_ = raw[:, _FOLDS].astype("<u8").view(np.uint8)[:, : LAYERS * GRID * GRID]
        self.folds = bytes_.reshape(-1, LAYERS, GRID, GRID).astype(float) - 127.5

    def _anatomy(self, rng: BatchRng) -> None:
        between, keep = rng.between, rng.keep
        age = np.floor(between(20, 90))
        keep("age", age)
        old = (age - 20) / 70
        self.x, self.y = SIZE / 2 + between(-1.2, 1.2), SIZE / 2 + between(-1.0, 1.0)
        size = between(0.92, 1.04, "size")
        self.wide, self.long = size * between(23.2, 26.6), size * between(28.0, 30.2)
        self.taper, self.flat, self.skew = between(0.03, 0.12), between(-0.02, 0.035), between(-0.012, 0.012)
        self.tilt = between(-0.07, 0.07)  # tan of half the angle
        self.scalp, self.skull = between(1.3, 2.3), between(1.9, 2.9)
        self.gap = between(0.2, 0.7) + 0.7 * old  # fluid around the brain
        self.ventricles = keep("ventricles", between(0.6, 1.1) + 0.75 * old * between(0.5, 1.0))
        self.lean = between(0.88, 1.14)  # the left ventricle against the right
        self.ventricle_y, self.curve = between(-1.5, 1.0), between(0.03, 0.055)
        self.sulci, self.open = between(6.0, 9.0), between(0.0, 0.35) + 0.45 * old  # depth, and how wide they gape
        self.ribbon = between(1.4, 2.0) - 0.25 * old
        self.fissure, self.nuclei = between(0.75, 1.3), between(0.8, 1.15)
        self.plexus = np.maximum(between(-0.6, 0.8), 0)
        self.bottom = between(0.05, 0.45)  # height of the lowest slice
        self.waves = [between(-24, 24) for _ in range(4)]
        self.exam = np.stack([between(0, 1) for _ in range(4)], 1)  # how brightly and evenly this scan came out
        self.scanner = rng.number(range(60))  # which of the scanners, however many there are

    def _lesion(self, rng: BatchRng) -> None:
        between, keep = rng.between, rng.keep
        keep("lesion_span", np.asarray(SPANS)[rng.pick([str(span) for span in SPANS])])
        between(0, 1, "lesion_first")
        # the square makes small lesions the common ones
        radius, strength = between(0, 1), between(0, 1)
        keep("lesion_radius", 3.6 + 6.0 * radius * radius)
        bright = rng.chance(0.9)
        keep("lesion_contrast", np.where(bright, 0.26 + 0.38 * strength, -0.24 - 0.2 * strength))
        self.stretch, self.turn = between(0.65, 1.0), between(-1, 1)
        self.lobes = [between(-0.12, 0.12) for _ in range(4)]
        self.candidates = np.stack([np.stack([between(-1, 1), between(-1, 1)]) for _ in range(CANDIDATES)], -1)


def paint(heads: Heads, index: np.ndarray, height: np.ndarray, jitter: np.ndarray, lesion: np.ndarray) -> Tissue:
    """Paint slices through heads: their tissue, float32 (n, 64, 64) each.

    Parameters
    ----------
    heads : Heads
        The patients.
    index : (n,) int
        Which head each slice shows, counted in `heads`.
    height : (n,) float
        From 0 (basal ganglia) to 1 (above the ventricles).
    jitter : (n, 3) float
        The head's small move to the right and down in pixels, and its turn.
    lesion : (n,) float
        How large the lesion is cut here, from 0 (none) to 1.
    """
    side = np.arange(SIZE) + 0.5
    column, row = np.meshgrid(side, side)
    cut = _Cut(heads, index, height, jitter)
    x, y = cut.to_head(column[None], row[None])
    folds = _interpolate(heads.folds[index], height)
    scalp, bone, inside, brain, white = cut.tissue(x, y, folds)
    return Tissue(scalp, bone, inside, brain, white, _lesion(heads, cut, index, lesion, x, y))


class _Cut:
    """The numbers of n slices, each float32 (n, 1, 1), and what they make of a point."""

    def __init__(self, heads: Heads, index: np.ndarray, height: np.ndarray, jitter: np.ndarray | None) -> None:
        self.heads, self.index = heads, index
        self.height = _column(height)
        shift_x, shift_y, turn = (0, 0, 0) if jitter is None else np.asarray(jitter).T
        self.x, self.y = _column(heads.x[index] + shift_x), _column(heads.y[index] + shift_y)
        half = _column(heads.tilt[index] + turn)
        self.cos, self.sin = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
        shrink = 1 - 0.16 * self.height * self.height  # towards the crown
        self.wide, self.long = self.of("wide") * shrink, self.of("long") * shrink

    def of(self, name: str) -> np.ndarray:
        return _column(getattr(self.heads, name)[self.index])

    def to_head(self, column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels right of and below the image's corner as pixels right of and behind the head's middle."""
        right, down = column.astype(np.float32) - self.x, row.astype(np.float32) - self.y
        return self.cos * right + self.sin * down, self.cos * down - self.sin * right

    def depth(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels below the skin, and the direction from the middle as cosine and sine."""
        along = y / self.long
        across = x / (self.wide * (1 + self.of("taper") * along))
        radius = np.sqrt(across * across + along * along) + np.float32(1e-6)
        cos, sin = across / radius, along / radius
        shape = 1 + self.of("flat") * (cos * cos - sin * sin) + self.of("skew") * cos
        return (1 - radius * shape) * ((self.wide + self.long) / 2), cos, sin

    def ventricle(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Pixels inside of the ventricles' walls, negative outside."""
        size, height = self.of("ventricles"), self.height
        body = _ramp(0.92 - height, 0, 0.25)  # they end below the crown
        x = np.where(x > 0, x, -x * self.of("lean"))
        y = y - self.of("ventricle_y") + 1.5 * (height - 0.3)
        length = (10.5 + 2.0 * size) * (0.55 + 0.45 * body)
        along = y / length
        width = (0.6 + 1.9 * size) * (1 - 0.15 * along)
        pinch = _ramp(0.42 - height, 0, 0.2) * _bell(along * 2.4 - 0.2)  # low down, horns and no body between
        wall = width * body * np.maximum(1 - along * along, 0) * (1 - 0.85 * pinch) - 0.45
        middle = width * 0.75 + 0.35 + self.of("curve") * y * y
        lateral = wall - np.abs(x - middle) * (1 - 0.25 * np.abs(along))
        third = 0.55 * size * _ramp(0.4 - height, 0, 0.15) - x * 0.9 - np.maximum(np.abs(y - 2) - 4, 0)
        return np.maximum(lateral, third)

    def tissue(self, x: np.ndarray, y: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, ...]:
        depth, cos, sin = self.depth(x, y)
        uneven = 1 + 0.3 * sin * sin - 0.12 * cos * sin  # thickest in front and behind
        scalp_in = self.of("scalp") * uneven
        skull_in = scalp_in + self.of("skull")
        under = _ramp(depth, scalp_in - 0.5, scalp_in + 0.5)
        inside = _ramp(depth, skull_in - 0.5, skull_in + 0.5)
        scalp = _ramp(depth, -0.5, 0.5) - under
        below = depth - skull_in - self.of("gap")  # pixels below the brain's surface

        lines = self._folded(folds, cos, sin)
        fluid = np.minimum(below, np.abs(lines) + np.maximum(below - self.of("sulci") * (1 - 0.15 * self.height), 0))
        fluid = np.minimum(fluid, self._fissures(x, y, lines))
        wet = np.minimum(fluid - self.of("open"), -self.ventricle(x, y))
        brain = np.maximum(_ramp(wet, -0.55, 0.6), self._plexus(x, y)) * inside

        ribbon = self.of("ribbon")
        white = _ramp(fluid, ribbon, ribbon + 1.4)
        white = white * (1 - 0.85 * self._nuclei(x, y)) * (1 - 0.004 * np.abs(folds))
        return scalp, under - inside, inside, brain, white

    def _folded(self, folds: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
        """Return a field whose zero lines are the sulci, about pixels from the next one."""
        cos3, sin3 = cos * (4 * cos * cos - 3), sin * (3 - 4 * sin * sin)
        cos6, sin6 = cos3 * cos3 - sin3 * sin3, 2 * sin3 * cos3
        cos12, sin12 = cos6 * cos6 - sin6 * sin6, 2 * sin6 * cos6
        wave = [_column(each[self.index]) for each in self.heads.waves]
        return (folds + wave[0] * cos12 + wave[1] * sin12 + wave[2] * cos6 + wave[3] * sin6) / 11

    def _fissures(self, x: np.ndarray, y: np.ndarray, lines: np.ndarray) -> np.ndarray:
        """Pixels from the fissures: between the hemispheres, and low down at the sides."""
        across = np.abs(x + 0.05 * lines) / self.of("fissure")
        bridge = np.maximum(9 - 8 * np.maximum(self.height - 0.62, 0) * 2.6, 0)  # where the hemispheres join
        middle = across + np.maximum(bridge - np.abs(y + 0.5), 0)
        side = np.abs(x)
        lateral = np.abs(y + 2.2 - 0.28 * (side - 12) + 0.1 * lines) + np.maximum(10.5 - side, 0)
        return np.minimum(middle, lateral + 12 * np.maximum(self.height - 0.36, 0))

    def _plexus(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How much of a pixel is the bright tuft inside the rear of the ventricles."""
        side, down = np.abs(x) - 5.2, y - self.of("ventricle_y") - 7
        return (
            self.of("plexus")
            * _ramp(1.8 - np.sqrt(side * side + 0.5 * down * down), 0, 1)
            * _ramp(0.62 - self.height, 0, 0.2)
        )

    def _nuclei(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How much of a pixel is grey matter deep inside: caudate, putamen and thalamus, low down only."""
        low, size = _ramp(0.55 - self.height, 0, 0.2), self.of("nuclei")
        side = np.abs(x)
        shift = self.of("ventricle_y")
        parts = []
        for x0, y0, wide, long, slant in (
            (9.2, 0.0, 2.2, 5.2, 0.28),
            (4.4, 4.4, 2.8, 3.4, 0.2),
            (5.0, -6.5, 1.7, 2.6, -0.3),
        ):
            down = (y - y0 - shift) / (long * size)
            right = (side - x0 - slant * (y - y0 - shift)) / (wide * size)
            parts.append(1.3 - np.sqrt(down * down + right * right))
        return _ramp(np.maximum(np.maximum(*parts[:2]), parts[2]), 0, 0.6) * low


def _lesion(heads: Heads, cut: _Cut, index: np.ndarray, share: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How much of each pixel the lesion fills."""
    filled = np.zeros(np.broadcast_shapes(x.shape, (len(index), SIZE, SIZE)), np.float32)
    ill = np.flatnonzero(share > 0)
    if not ill.size:
        return filled
    at = locate_lesions(heads, index[ill])
    radius = _column(np.maximum(heads.factors["lesion_radius"][index[ill]] * share[ill], SMALLEST))
    right, down = x[ill] - _column(at[0]), y[ill] - _column(at[1])
    half = _column(heads.turn[index[ill]])
    cos, sin = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
    stretch = _column(heads.stretch[index[ill]])
    along, across = (cos * right + sin * down) * stretch, (cos * down - sin * right) / stretch
    distance = np.sqrt(along * along + across * across) + np.float32(1e-6)
    cos, sin = along / distance, across / distance
    a, b, c, d = (_column(lobe[index[ill]]) for lobe in heads.lobes)
    cos2, sin2 = cos * cos - sin * sin, 2 * sin * cos
    edge = radius * (1 + a * cos2 + b * sin2 + c * (cos2 * cos - sin2 * sin) + d * (sin2 * cos + cos2 * sin))
    filled[ill] = _ramp(edge - distance, -0.6, 0.9)
    return filled


def locate_lesions(heads: Heads, index: np.ndarray) -> np.ndarray:
    """Where patients' lesions lie: float64 (2, n) pixels right of and behind the middle of the head.

    Of all candidates the first that is well inside the brain and off the ventricles at every height, or else the best.
    """
    count = len(index)
    spot = heads.candidates[:, index][:, :, None]  # (2, n, 1, candidates)
    room = np.full((count, 1, CANDIDATES), np.inf)
    for height in (0.15, 0.45, 0.75):
        cut = _Cut(heads, index, np.full(count, height), None)
        x, y = spot[0] * cut.wide, spot[1] * cut.long
        below = cut.depth(x, y)[0] - cut.of("scalp") - cut.of("skull") - cut.of("gap")
        room = np.minimum(room, np.minimum(below - 3, -cut.ventricle(x, y)))
    room = room[:, 0] - heads.factors["lesion_radius"][index][:, None] - 0.5
    fits = room >= 0
    chosen = np.where(fits.any(1), fits.argmax(1), room.argmax(1))
    middle = _Cut(heads, index, np.full(count, 0.45), None)
    rows = np.arange(count)
    return np.stack([spot[0][rows, 0, chosen] * middle.wide[:, 0, 0], spot[1][rows, 0, chosen] * middle.long[:, 0, 0]])


def _column(value: ArrayLike) -> np.ndarray:
    return np.asarray(value, np.float32).reshape(-1, 1, 1)


def _ramp(value: np.ndarray, low: Any, high: Any) -> np.ndarray:
    """0 up to `low`, 1 from `high`, a straight line between."""
    return np.clip((value - low) / (high - low), 0, 1, dtype=np.float32)


def _bell(value: np.ndarray) -> np.ndarray:
    """1 at 0, falling to 0 at -1 and 1."""
    rest = np.maximum(1 - value * value, 0)
    return rest * rest


def _interpolate(folds: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Interpolate the random numbers (n, layers, grid, grid) at the slices' heights: (n, 64, 64) float32, smooth.

    Cubic B-splines in whole numbers: float64 holds every sum exactly, so the order of adding can't matter.
    """
    level = np.clip(np.floor(height * 64), 0, 64) * (LAYERS - 1)
    near = np.minimum(level // 64, LAYERS - 2).astype(int)
    part = (level - 64 * near)[:, None, None]
    rows = np.arange(len(folds))
    flat = folds[rows, near] * (64 - part) + folds[rows, near + 1] * part
    weights = np.zeros((SIZE, GRID))
    steps = GRID - 3  # a spline reaches one number beyond on the left and two on the right
    for pixel in range(SIZE):
        position = (2 * pixel + 1) * steps
        left, t = position // (2 * SIZE), position % (2 * SIZE) / (2 * SIZE)
        square, cube, rest = t * t, t * t * t, (1 - t) * (1 - t) * (1 - t)  # powers are left to each machine
        ends = (rest, 3 * cube - 6 * square + 4, -3 * cube + 3 * square + 3 * t + 1, cube)
        weights[pixel, left : left + 4] = np.floor(np.asarray(ends) * (2**10 / 6))
    return ((weights @ flat @ weights.T) / 2.0**26).astype(np.float32)
