"""Brings a photograph of a handwritten digit to the form of scikit-learn's digits, and draws one as an example."""

from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from scipy import ndimage
from scipy.spatial import cKDTree

from course_utils.errors import CourseError

# Made by photographed_digit(7).save(EXAMPLE, optimize=True): an image of the learner's own that needs no upload.
EXAMPLE = Path(str(files("course_utils.data.images") / "examples" / "seven.png"))

GRID, BITS = 8, 32  # the data: a digit in 32×32 black or white bits, the bits that are ink counted in blocks of 4×4
INK = 0.305  # the share of those bits that are ink in the data, nearly the same for all ten digits
WIDEST = 28  # bits; in the data a digit is as high as its frame and nearly always leaves its outer columns free
CONTRAST = 25  # grey levels between ink and paper, below which there is no digit to be seen
SIDE = 160  # pixels of a photograph's longer side to work on


def match_digits(image: Image.Image) -> Image.Image:
    """Bring a photograph of one digit to the form of the data: 8×8 pixels, white on black, mode RGB.

    The data were scanned, cut to the ink, scaled to the height of their frame and counted in blocks. A network trained
    on them has never seen paper, a margin, dark ink or a thin pen, so it may give an unprepared photograph any name.
    The photograph therefore goes through the same steps: find the ink, whichever of ink and paper is darker, under
    uneven light; drop specks and what reaches in from the edge; bring the pen to the data's thickness; fill the frame;
    count.

    Parameters
    ----------
    image : PIL image
        A digit on plain paper that fills the image.

    Raises
    ------
    CourseError
        `data.no-digit` when no ink can be found.

    Notes
    -----
    Source of the form: Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI.
    """
    ink = _normalise_pen(_crop(_find_ink(image)))
    height, width = ink.shape
    width = round(np.clip(BITS * width / height, 1, WIDEST))
    bits = Image.fromarray((ink * 255).astype(np.uint8)).resize((width, BITS), Image.Resampling.BOX)
    frame = np.zeros((BITS, BITS), int)
    left = (BITS - width) // 2
    frame[:, left : left + width] = np.asarray(bits) >= 128
    block = BITS // GRID
    levels = frame.reshape(GRID, block, GRID, block).sum((1, 3))  # 0 to 16
    return Image.fromarray(np.round(levels * (255 / block**2)).astype(np.uint8)).convert("RGB")


def _find_ink(image: Image.Image) -> np.ndarray:
    """Return where the digit's ink is: bool (height, width)."""
    grey = image.convert("L")
    zoom = SIDE / max(grey.size)
    grey = grey.resize([max(8, round(side * zoom)) for side in grey.size], Image.Resampling.BILINEAR)
    # If paper is mistaken for ink it makes the larger blot; so light ink on a blackboard is recognised.
    found = [ink for ink in (_darker_than_paper(grey), _darker_than_paper(ImageOps.invert(grey))) if ink.any()]
    if not found:
        raise CourseError(
            "There is no digit to be seen: write one with a dark pen on plain paper and fill the image.",
            code="data.no-digit",
        )
    return _without_specks(min(found, key=np.sum))


def _darker_than_paper(grey: Image.Image) -> np.ndarray:
    """Return where an image is much darker than the lightest pixels around: bool (height, width)."""
    around = grey.resize((32, 32), Image.Resampling.BOX).filter(ImageFilter.MaxFilter(9))  # wider than any stroke
    paper = np.asarray(around.resize(grey.size, Image.Resampling.BICUBIC), float)
    darkness = (paper - np.asarray(grey)).clip(0)
    return darkness > max(_threshold(darkness), CONTRAST)


def _threshold(values: np.ndarray) -> float:
    """Return the level that separates the values into two groups with the least variance inside each (Otsu 1979)."""
    counts, edges = np.histogram(values, 128)
    middle = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above, total = below[-1] - below, np.cumsum(counts * middle)
    gap = total[:-1] / below[:-1].clip(1) - (total[-1] - total[:-1]) / above[:-1].clip(1)
    return edges[1 + np.argmax(below[:-1] * above[:-1] * gap**2)]


def _without_specks(ink: np.ndarray) -> np.ndarray:
    """Drop specks and, when something lies inside, what touches the edge (shadow, ruler, table)."""
    parts, count = ndimage.label(ink, np.ones((3, 3)))
    size = np.bincount(parts.ravel(), minlength=count + 1)
    edge = np.zeros(count + 1, bool)
    edge[np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])] = True
    size[0] = 0
    inside = np.where(edge, 0, size)
    if inside.max() > 0.002 * ink.size:
        size = inside
    return (size > 0.05 * size.max())[parts]


def _crop(ink: np.ndarray) -> np.ndarray:
    """Cut to the ink."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _normalise_pen(ink: np.ndarray) -> np.ndarray:
    """Redraw the digit, cut to its ink, with a pen as thick as the data's, which covers INK of a square."""
    ink = np.pad(ink, max(ink.shape) // 4)
    distance = ndimage.distance_transform_edt(~ink) - ndimage.distance_transform_edt(ink)
    best, least = ink, np.inf
    for growth in np.linspace(distance.min() / 2, max(ink.shape) / 8, 40):
        pen = _crop(distance <= growth)
        off = abs(pen.sum() / max(pen.shape) ** 2 - INK)
        if off < least:
            best, least = pen, off
    return best


# The ten digits as strokes of a pen: points in a square of side 1, down from the top, joined by a smooth curve.
STROKES = (
    [[(0.55, 0), (0.15, 0.3), (0.18, 0.8), (0.5, 1), (0.82, 0.72), (0.8, 0.2), (0.5, 0.01)]],
    [[(0.25, 0.28), (0.58, 0)], [(0.58, 0), (0.55, 0.5), (0.53, 1)]],
    [[(0.15, 0.27), (0.4, 0), (0.78, 0.14), (0.65, 0.55), (0.12, 0.97)], [(0.12, 0.97), (0.5, 0.93), (0.9, 0.97)]],
    [[(0.18, 0.1), (0.55, 0), (0.78, 0.2), (0.42, 0.46)], [(0.42, 0.46), (0.84, 0.66), (0.6, 0.98), (0.12, 0.9)]],
    [[(0.5, 0), (0.3, 0.35), (0.1, 0.64)], [(0.1, 0.64), (0.5, 0.62), (0.92, 0.6)], [(0.68, 0.32), (0.64, 1)]],
    [
        [(0.8, 0), (0.26, 0.04)],
        [(0.26, 0.04), (0.2, 0.44)],
        [(0.2, 0.44), (0.62, 0.4), (0.8, 0.7), (0.5, 1), (0.1, 0.9)],
    ],
    [[(0.68, 0), (0.3, 0.35), (0.15, 0.75), (0.45, 1), (0.78, 0.8), (0.55, 0.55), (0.2, 0.7)]],
    [[(0.12, 0.06), (0.5, 0.05), (0.86, 0.02)], [(0.86, 0.02), (0.6, 0.45), (0.42, 1)]],
    [[(0.74, 0.14), (0.45, 0), (0.22, 0.2), (0.5, 0.46), (0.8, 0.76), (0.5, 1), (0.2, 0.78), (0.5, 0.46), (0.76, 0.2)]],
    [[(0.78, 0.22), (0.48, 0), (0.2, 0.26), (0.46, 0.5), (0.76, 0.3), (0.8, 0.2)], [(0.8, 0.2), (0.74, 0.6), (0.6, 1)]],
)


def photographed_digit(digit: int = 7, seed: int = 0) -> Image.Image:
    """Draw a digit as a phone would see it on paper: dark ink, warm uneven light, a shadow; RGB, 400×300 pixels."""
    width, height, high = 400, 300, 150
    rng = np.random.default_rng(seed)
    corner = np.array([width / 2 - high * 0.4, height / 2 - high * 0.5]) + rng.uniform(-25, 25, 2)
    slant, curves = rng.uniform(0.0, 0.2), []
    for stroke in STROKES[digit]:
        curve = _smooth(np.array(stroke) + rng.uniform(-0.02, 0.02, (len(stroke), 2)))
        curves.append(corner + high * (curve * (0.8, 1.0) + (1 - curve[:, 1:]) * (slant, 0)))
    path = np.concatenate(curves)
    down, across = np.indices((height, width))
    distance, nearest = cKDTree(path).query(np.stack([across, down], -1), distance_upper_bound=8)
    pressure = 4.2 + 0.7 * np.sin(np.arange(len(path) + 1) / 22)
    ink = (0.5 - (distance - pressure[nearest]) / 1.6).clip(0, 1)[..., None]
    light = 1.06 - 0.2 * across / width - 0.1 * down / height
    light -= 0.12 / (1 + np.exp((across * 0.5 + down - 150) / 14))  # a hand's soft shadow
    light = (light + rng.normal(0, 0.002, light.shape))[..., None]
    photograph = light * ((1 - ink) * (232, 226, 212) + ink * (44, 48, 82))
    return Image.fromarray(photograph.round().clip(0, 255).astype(np.uint8))


def _smooth(points: np.ndarray, steps: int = 60) -> np.ndarray:
    """Return points on a curve through all the given ones (Catmull and Rom 1974)."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    share = np.linspace(0, 1, steps)[:, None]
    pieces = []
    for before, start, end, after in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        tangent, bend = end - before, 2 * before - 5 * start + 4 * end - after
        twist = 3 * (start - end) + after - before
        pieces.append(start + 0.5 * share * (tangent + share * (bend + share * twist)))
    return np.concatenate(pieces)
