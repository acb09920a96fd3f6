"""Fills polygons and discs for a whole batch of images at once, with the same result on every machine."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

SIZE = 64  # pixels along a side of a finished image
FINE = 3  # samples along a side of a pixel: nine samples give soft edges
SIDE = SIZE * FINE
Number = Any  # one number for all images, or an array (n,)


class Scene:
    """`n` images in the making, painted back to front.

    What is stored per sample is the number of a paint, not a colour: light, night and style change the paints later,
    and an outline is wherever the number changes. Geometry uses only + - * / and square roots of float64, one
    operation at a time, whose results IEEE 754 fixes to the last bit; no drawing library promises that.

    After `stand`, x counts pixels to the right and y pixels upwards from a point on the ground.
    Every number may be one value for all images or an array (n,).
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._zeros = np.zeros(n)
        self.samples = np.zeros((n, SIDE, SIDE), np.uint8)
        self.colours: list[np.ndarray] = []
        self.glows: list[np.ndarray] = []
        self.shown = np.ones(n, bool)  # the images that are painted on; a painter that is called for some sets it
        self.stand(0.0, float(SIZE))

    def stand(
        self, x: Number, y: Number, scale: Number = 1.0, mirror: Number = 1.0, tilt: Number = 0.0, turn: Number = 0.0
    ) -> None:
        """Put the origin at pixel (x, y), with y counted downwards from the top edge, as seen by a camera.

        Parameters
        ----------
        x, y : number or (n,)
            Pixels.
        scale : number or (n,)
            Factor of all lengths.
        mirror : number or (n,)
            1 or -1.
        tilt : number or (n,)
            Degrees by which the right side rises.
        turn : number or (n,)
            How far the right end climbs (0 straight from the side, ±0.5 at most), which also shortens the length.
        """
        half = np.asarray(tilt) * 0.008726646  # tan(a/2), within 1% for a camera's tilt: sin and cos without libm
        cos, sin = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
        along, climb = scale * mirror * (1 - turn * turn), scale * turn * 0.36
        matrix = (along * cos - climb * sin, -scale * sin, -along * sin - climb * cos, -scale * cos)
        self._matrix = [self._column(value) for value in matrix]
        self._origin = self._column(x), self._column(y)

    def paint(self, colour: ArrayLike, glow: Number = 0.0) -> int:
        """Mix a paint and return its number: colour (3,) or (n, 3), 0 to 255; glow 1 stays as bright at night."""
        self.colours.append(np.broadcast_to(np.asarray(colour, float), (self.n, 3)))
        self.glows.append(self._column(glow))
        return len(self.colours) - 1

    def polygon(self, xs: Sequence[Number], ys: Sequence[Number], paint: int, show: Number = True) -> None:
        """Fill the polygon with these corners; every row of samples may cross it in one piece only."""
        drawn = np.flatnonzero(self.shown & np.broadcast_to(show, self.n))
        if not drawn.size:
            return
        right, up = (np.stack([self._column(value) for value in values])[:, drawn] for values in (xs, ys))
        ax, ay = self._project(right, up, drawn)  # (corners, drawn)
        bx, by = np.roll(ax, -1, 0), np.roll(ay, -1, 0)
        rows = _rows(ay.min(), ay.max())
        slope = ((bx - ax) / np.where(by == ay, 1.0, by - ay))[..., None]
        middle = rows + 0.5
        above = ay[..., None] <= middle
        crossed = above != np.roll(above, -1, 0)
        x = ax[..., None] + (middle - ay[..., None]) * slope
        left, right = np.where(crossed, x, np.inf).min(0), np.where(crossed, x, -np.inf).max(0)
        self._fill(drawn, rows, left, right, paint)

    def box(self, x0: Number, y0: Number, x1: Number, y1: Number, paint: int, show: Number = True) -> None:
        """Fill the rectangle between two corners."""
        self.polygon((x0, x0, x1, x1), (y0, y1, y1, y0), paint, show)

    def disc(self, x: Number, y: Number, rx: Number, ry: Number, paint: int, show: Number = True) -> None:
        """Fill the ellipse with centre (x, y) and half-axes rx and ry."""
        drawn = np.flatnonzero(self.shown & np.broadcast_to(show, self.n))
        if not drawn.size:
            return
        x, y, rx, ry = (self._column(value)[drawn] for value in (x, y, rx, ry))
        centre_x, centre_y = self._project(x, y, drawn)
        xx, xy, yx, yy = (value[drawn] * FINE for value in self._matrix)
        a, b, c, d = rx * xx, ry * xy, rx * yx, ry * yy  # from the unit circle to samples
        reach = np.maximum(np.sqrt(c * c + d * d), 1e-6)
        rows = _rows((centre_y - reach).min(), (centre_y + reach).max())
        offset = (rows + 0.5 - centre_y[:, None]) / reach[:, None]
        middle = centre_x[:, None] + offset * ((a * c + b * d) / reach)[:, None]
        half = (np.abs(a * d - b * c) / reach)[:, None] * np.sqrt(np.maximum(1 - offset * offset, 0))
        self._fill(drawn, rows, middle - half, middle + half, paint)

    def _column(self, value: Number) -> np.ndarray:
        return self._zeros + value  # quicker than broadcasting, and this runs thousands of times

    def _project(self, x: np.ndarray, y: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From pixels seen from the origin to samples, for the images `drawn`."""
        xx, xy, yx, yy = (value[drawn] for value in self._matrix)
        return (self._origin[0][drawn] + x * xx + y * xy) * FINE, (self._origin[1][drawn] + x * yx + y * yy) * FINE

    def _fill(self, drawn: np.ndarray, rows: np.ndarray, left: np.ndarray, right: np.ndarray, paint: int) -> None:
        """Give `paint` to the samples of each row whose middle lies between left and right, both (drawn, rows)."""
        left, right = (np.ceil(edge - 0.5).clip(0, SIDE).astype(np.intp) for edge in (left, right))
        line = drawn[:, None] * SIDE + rows
        whole = right - left == SIDE  # ground and road, the largest fillings: much quicker line by line
        self.samples.reshape(-1, SIDE)[line[whole]] = paint
        part = (right > left) & ~whole
        length, start = (right - left)[part], line[part] * SIDE + left[part]
        before = np.cumsum(length) - length
        self.samples.reshape(-1)[np.repeat(start - before, length) + np.arange(length.sum())] = paint


def _rows(top: float, bottom: float) -> np.ndarray:
    """Return the rows of samples between two heights."""
    return np.arange(max(0, int(top)), max(0, min(SIDE, int(bottom) + 1)))
