"""Draws blood as a microscope shows it: crowded red cells, white cells and platelets, whose boxes are known."""

from collections.abc import Iterable

import numpy as np

from course_utils.data.images.drawings.rng import streams

RED, WHITE, PLATELET = range(3)
KINDS = {  # most of a kind, least and greatest radius in pixels
    RED: (22, 8.0, 12.0),
    WHITE: (2, 15.0, 23.0),
    PLATELET: (4, 2.4, 4.4),
}
SEEN = 0.3  # of a cell's disc: with less in the image and in sight it has no box
GROUND, RIM, PALE = (232, 222, 208), (196, 138, 142), (214, 176, 172)
BODY, NUCLEUS = (176, 150, 196), (112, 72, 152)


class _Numbers:
    """Hands out numbers from 0 to 1, one after another."""

    def __init__(self, raw: np.ndarray) -> None:
        self._units, self._used = (raw >> np.uint64(11)) * 2.0**-53, 0

    def between(self, low: float, high: float) -> float:
        """Give one between two numbers."""
        self._used += 1
        return low + (high - low) * float(self._units[self._used - 1])


def draw_cells(seeds: Iterable[int], height: int, width: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Draw one image for each seed.

    Returns
    -------
    images : list of (height, width, 3) uint8
    boxes : list of (k, 5) float32
        Left, top, right, bottom, and 0 for a red cell, 1 for a white one, 2 for a platelet.
    """
    every = list(seeds)
    raw = streams([[4, seed] for seed in every], 256 + height * width // 2)
    drawn = [_draw(each, height, width) for each in raw]
    return [image for image, _ in drawn], [boxes for _, boxes in drawn]


def _draw(raw: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    random = _Numbers(raw[:256])
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    canvas = np.empty((height, width, 3))
    tint = np.array([random.between(-12, 12) for _ in range(3)])
    canvas[:] = np.asarray(GROUND) + tint
    owner = np.full((height, width), -1)
    cells: list[tuple[int, np.ndarray]] = []
    counts = {
        RED: 4 + int(random.between(0, 19)),
        WHITE: int(random.between(0.3, 2.3)),
        PLATELET: int(random.between(0, 5)),
    }
    for kind in (RED, WHITE, PLATELET):
        _, least, greatest = KINDS[kind]
        for _ in range(counts[kind]):
            x, y = random.between(0, width), random.between(0, height)
            wide, high = (random.between(least, greatest) for _ in range(2))
            top, left = max(0, int(y - high)), max(0, int(x - wide))
            part = slice(top, int(y + high) + 1), slice(left, int(x + wide) + 1)
            down, across = (rows[part] - y) / high, (columns[part] - x) / wide
            distance = np.sqrt(across * across + down * down)
            _paint(canvas[part], kind, distance, down, across, random.between(0.85, 1.1), tint)
            owner[part][distance < 1] = len(cells)
            cells.append((kind, np.array([x - wide, y - high, x + wide, y + high])))
    grain = raw[256:].astype("<u8").view(np.uint8)[: canvas.size].reshape(canvas.shape)
    image = (canvas + (grain >> 4) / 2.0 - 4).clip(0, 255).astype(np.uint8)
    boxes = []
    for number, (kind, box) in enumerate(cells):
        whole = 0.7854 * (box[2] - box[0]) * (box[3] - box[1])
        if (owner == number).sum() >= SEEN * whole:
            boxes.append([*box[:2].clip(0), min(box[2], width), min(box[3], height), kind])
    return image, np.array(boxes, np.float32).reshape(-1, 5)


def _paint(
    canvas: np.ndarray,
    kind: int,
    distance: np.ndarray,
    down: np.ndarray,
    across: np.ndarray,
    light: float,
    tint: np.ndarray,
) -> None:
    """Paint a cell: a red one is paler in its middle, a white one has a lobed nucleus, a platelet is a dark grain."""
    edge = ((1 - distance) * 6).clip(0, 1)[..., None]
    if kind == RED:
        pale = ((0.7 - distance) * 2.2).clip(0, 1)[..., None]
        colour = np.asarray(RIM) * (1 - pale) + np.asarray(PALE) * pale
    elif kind == WHITE:
        lobes = np.minimum(
            np.sqrt((across - 0.25) ** 2 + (down - 0.1) ** 2), np.sqrt((across + 0.3) ** 2 + (down + 0.15) ** 2)
        )
        dark = ((0.5 - lobes) * 8).clip(0, 1)[..., None]
        colour = np.asarray(BODY) * (1 - dark) + np.asarray(NUCLEUS) * dark
    else:
        colour = np.broadcast_to(np.asarray(NUCLEUS) + 10.0, canvas.shape)
    canvas[:] = canvas * (1 - edge) + (colour * light + tint / 2) * edge
