"""Takes the image of a slice as a scanner would: levels of grey, uneven light, blur and noise; and exports it again.

Source of the noise: Gudbjartsson and Patz 1995, The Rician Distribution of Noisy MRI Data (a magnitude of two noisy
signals). All else is made up.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from course_utils.data.images.drawings.brain import Tissue
from course_utils.data.images.drawings.raster import SIZE


@dataclass(frozen=True)
class Scanner:
    """How a scanner sees: levels of grey from 0 to 1, and what it does to them.

    gain: brightness of the whole; curve: brightens (above 0) or darkens the middle greys; bias: how much brighter one
    side is than the other; blur: 0 sharp to 1; noise: standard deviation in grey levels out of 255
    """

    scalp: float = 0.52
    bone: float = 0.08
    fluid: float = 0.1
    grey: float = 0.38
    white: float = 0.56
    gain: float = 1.0
    curve: float = 0.0
    bias: float = 0.12
    blur: float = 0.3
    noise: float = 6.0


SCANNERS = {
    "A": Scanner(),
    "B": Scanner(scalp=0.46, grey=0.4, white=0.55, fluid=0.1, gain=0.96, curve=0.08, bias=0.2, blur=0.55, noise=5.0),
    "C": Scanner(scalp=0.58, grey=0.36, white=0.57, fluid=0.16, gain=1.04, curve=-0.08, bias=0.15, blur=0.1, noise=9.0),
}
UNSEEN = Scanner(
    scalp=0.48, bone=0.14, fluid=0.2, grey=0.42, white=0.52, gain=1.1, curve=0.3, bias=0.4, blur=0.8, noise=12.0
)
EXTRA = 16  # raw numbers of a slice besides its noise, with some to spare
RAW = EXTRA + SIZE * SIZE


def settings(scanners: Sequence[Scanner], shift: np.ndarray) -> dict[str, np.ndarray]:
    """Return each setting for n slices, float32 (n, 1, 1), moved by `shift` (n,) towards the unseen scanner's."""
    shift = np.asarray(shift)
    there = asdict(UNSEEN)
    here = [asdict(scanner) for scanner in scanners]
    return {
        name: _column(np.array([each[name] for each in here]) * (1 - shift) + there[name] * shift) for name in there
    }


def acquire(tissue: Tissue, contrast: np.ndarray, scan: dict[str, np.ndarray], units: np.ndarray) -> np.ndarray:
    """Return the signal without noise, in grey levels float32 (n, 64, 64); units: (n, 4) random numbers from 0 to 1."""
    brain = scan["grey"] + tissue.white * (scan["white"] - scan["grey"])
    lesion = scan["white"] + _column(contrast) * ((scan["white"] - scan["fluid"]) / np.float32(0.46))
    signal = tissue.inside * scan["fluid"] + tissue.brain * (brain - scan["fluid"])
    signal = signal + tissue.lesion * (lesion - signal) * np.float32(0.88)  # a little of the folds shines through
    signal = signal + tissue.scalp * scan["scalp"] + tissue.bone * scan["bone"]
    gain = scan["gain"] * _column(0.97 + 0.06 * units[:, 0])
    signal = np.clip(signal * gain, 0, 1.25)
    signal = signal + scan["curve"] * signal * (1 - signal)
    return _blurred(signal * _bias(scan["bias"], units), scan["blur"]) * 255


def _bias(strength: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return a factor for each pixel that changes slowly over the image."""
    line = ((np.arange(SIZE) + 0.5) / (SIZE / 2) - 1).astype(np.float32)
    x, y = line[None, None, :], line[None, :, None]
    a, b, c = (_column(2 * units[:, 1 + number] - 1) for number in range(3))
    return 1 + strength * (a * x + b * y + 0.6 * c * (x * x + y * y - np.float32(0.6)))


def _blurred(signal: np.ndarray, blur: np.ndarray) -> np.ndarray:
    """Mix each pixel with its neighbours in both directions: at blur 1 with weights 1/4, 1/2 and 1/4."""
    side = blur / 4
    for axis in (1, 2):
        padded = np.pad(signal, [(0, 0), (1, 1), (0, 0)] if axis == 1 else [(0, 0), (0, 0), (1, 1)])
        before, after = (padded[:, :-2], padded[:, 2:]) if axis == 1 else (padded[:, :, :-2], padded[:, :, 2:])
        signal = signal * (1 - 2 * side) + (before + after) * side
    return signal


def expose(signal: np.ndarray, noise: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """Return the image with Rician noise, uint8 (n, 64, 64); raw: 64-bit numbers (n, 64·64), noise: its deviation."""
    real, other = _normal(raw)
    real = signal + real * noise
    other = other * noise
    return np.sqrt(real * real + other * other).clip(0, 255).astype(np.uint8)


def _normal(raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two nearly normal numbers of mean 0 and deviation 1 from each 64-bit one: sums of four of its bytes."""
    lanes = np.uint64(0x00FF00FF00FF00FF)
    pairs = (raw & lanes) + (raw >> np.uint64(8) & lanes)
    sums = pairs + (pairs >> np.uint64(16))
    scale = np.float32(1 / 147.8)  # the deviation of four bytes' sum
    halves = (sums & np.uint64(0xFFFF), sums >> np.uint64(32) & np.uint64(0xFFFF))
    return tuple(((half.astype(np.float32) - 510) * scale).reshape(-1, SIZE, SIZE) for half in halves)


def export_again(images: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """Return the same images, uint8 (n, 64, 64), as another program would save them.

    Resampled with a move of at most three tenths of a pixel, one pixel cut off at an edge, a little brighter or
    darker, and with a trace of new noise; raw: (n, RAW) 64-bit numbers.
    """
    units = unit(raw[:, :EXTRA])
    signal = images.astype(np.float32)
    for axis in (1, 2):
        share = _column(0.3 * units[:, axis])
        signal = signal * (1 - share) + np.roll(signal, 1, axis) * share
    signal[:, 0] = 0
    signal = signal * _column(0.9 + 0.2 * units[:, 0]) + _column(6 * units[:, 3])
    noise, _ = _normal(raw[:, EXTRA:])
    return (signal + noise * 3).clip(0, 255).astype(np.uint8)


def unit(raw: np.ndarray) -> np.ndarray:
    """Return raw 64-bit numbers as numbers from 0 to 1."""
    return (raw >> np.uint64(11)) * 2.0**-53


def _column(value: ArrayLike) -> np.ndarray:
    return np.asarray(value, np.float32).reshape(-1, 1, 1)
