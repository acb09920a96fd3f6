"""Turns a painted scene into pixels: style, light, texture, blur and noise, in whole numbers throughout."""

import numpy as np

from course_utils.data.images.drawings.raster import FINE, Scene
from course_utils.data.images.drawings.rng import BatchRng
from course_utils.data.images.drawings.settings import SceneSettings

GRID = 8  # the painted style's brushwork is random on a grid of 8×8 and smooth in between


def render(scene: Scene, rng: BatchRng, settings: SceneSettings, texture: np.ndarray, fine: int = FINE) -> np.ndarray:
    """Render the pixels uint8 (n, size, size, 3) of a scene.

    Parameters
    ----------
    scene, rng, settings
        What was painted, with the numbers and settings of all its images.
    texture : uint8 (n, size·size·3 + 8·8)
        Random bytes.
    fine : int
        Samples along a side of a pixel: 3 for 64 pixels a side, 2 for 96.
    """
    colours = _light(scene, rng, settings)
    samples = scene.samples
    if settings.style == "sketch":
        samples = _outline(samples, colours.shape[1])
        pencil = np.full((scene.n, 1, 3), 52)
        colours = np.concatenate([235 - (235 - colours) * 2 // 5, pencil], 1)
    pixels = _shrink(samples, colours, fine)
    bytes_ = pixels[0].size
    if settings.style == "painted":
        strokes = texture[:, bytes_ : bytes_ + GRID * GRID].reshape(-1, GRID, GRID).astype(np.int16) - 128
        pixels += (
            _interpolate(strokes, pixels.shape[1])[..., None] * pixels
        ) >> 11  # up to a sixteenth lighter or darker
    if settings.blur > 0:
        pixels = _blur(pixels, settings.blur)
    if settings.noise > 0:
        grain = texture[:, :bytes_].reshape(pixels.shape)
        grain = ((grain >> 4) + (grain & 15)).astype(np.int16) - 15  # a triangle from -15 to 15, deviation 6.52
        pixels += (grain * np.int16(round(settings.noise * 64 / 6.52)) + 32) >> 6
    return pixels.clip(0, 255).astype(np.uint8)


def _light(scene: Scene, rng: BatchRng, settings: SceneSettings) -> np.ndarray:
    """Return every paint's colour (n, paints, 3), whole numbers, under the light of day or night."""
    light = rng.between(0.84, 1.12, "light")[:, None, None]
    warm = rng.between(-8, 8)[:, None] * np.asarray((1.0, 0.0, -1.0))
    colours, glow = np.stack(scene.colours, 1).clip(0, 255), np.stack(scene.glows, 1)[..., None]
    day = colours * light + warm[:, None]
    dark = day * np.asarray((0.2, 0.24, 0.36)) + np.asarray((4, 6, 14))
    night = dark * (1 - glow) + colours * glow
    return np.floor(day * (1 - settings.night) + night * settings.night).clip(0, 255).astype(np.int32)


def _outline(samples: np.ndarray, pencil: int) -> np.ndarray:
    """Give the paint `pencil` to samples next to another paint: a line as wide as a pixel."""
    edge = np.zeros(samples.shape, bool)
    edge[:, :, 1:] |= samples[:, :, 1:] != samples[:, :, :-1]
    edge[:, 1:] |= samples[:, 1:] != samples[:, :-1]
    edge[:, :-1] |= edge[:, 1:]
    edge[:, :, :-1] |= edge[:, :, 1:]
    return np.where(edge, np.uint8(pencil), samples)


def _shrink(samples: np.ndarray, colours: np.ndarray, fine: int) -> np.ndarray:
    """Return the mean colour int16 (n, size, size, 3) of each pixel's samples.

    Red, green and blue travel in 16-bit lanes of one 64-bit number, so that one look-up and few additions do.
    """
    lanes = colours[..., 0].astype("<u8") | colours[..., 1].astype("<u8") << 16 | colours[..., 2].astype("<u8") << 32
    size, others = samples.shape[1] // fine, range(1, fine)
    sums = np.zeros((len(samples), size, size), "<u8")
    for image in range(len(samples)):
        colour = lanes[image].take(samples[image], mode="clip")
        rows = sum((colour[row::fine] for row in others), colour[0::fine])
        sums[image] = sum((rows[:, column::fine] for column in others), rows[:, 0::fine])
    mean = sums.view("<u2").reshape(*sums.shape, 4)[..., :3].astype(np.int16)
    return (mean + fine * fine // 2) // (fine * fine)


def _interpolate(grid: np.ndarray, size: int) -> np.ndarray:
    """Interpolate whole numbers (n, 8, 8) over the image; float32 holds every step exactly."""
    position = (2 * np.arange(size) + 1) * (GRID - 1)
    left, part = position // (2 * size), position % (2 * size) // 2
    weights = np.zeros((size, GRID), np.float32)
    weights[np.arange(size), left], weights[np.arange(size), left + 1] = size - part, part
    return ((weights @ grid.astype(np.float32) @ weights.T).astype(np.int32) // size**2).astype(np.int16)


def _blur(pixels: np.ndarray, radius: float) -> np.ndarray:
    """Spread every pixel over `radius` pixels around it, edges repeated.

    The weights are whole numbers that sum to 1024 and float32 holds their sums exactly, so the order in which a
    machine adds them up can't matter.
    """
    offsets = np.arange(-int(radius + 1), int(radius + 1) + 1)
    bell = np.floor(1e6 * (1 - (offsets / (radius + 1)) ** 2) ** 2).astype(int)
    bell = 1024 * bell // bell.sum()
    bell[len(bell) // 2] += 1024 - bell.sum()
    size = pixels.shape[1]
    matrix = np.zeros((size, size), np.float32)
    for offset, weight in zip(offsets, bell, strict=True):
        np.add.at(matrix, (np.arange(size), (np.arange(size) + offset).clip(0, size - 1)), weight)
    planes = pixels.transpose(0, 3, 1, 2).astype(np.float32)
    for _ in range(2):
        planes = np.floor((planes @ matrix.T + 512) / 1024).swapaxes(2, 3)
    return planes.transpose(0, 2, 3, 1).astype(np.int16)
