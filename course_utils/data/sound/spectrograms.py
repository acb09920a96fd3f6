"""Spectrograms: what the course's networks see of a sound."""

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

RATE = 8_000  # samples a second
WINDOW, HOP, FFT = 200, 80, 512  # samples: 25 ms are looked at, every 10 ms; padded for the transform
BANDS = 40
LOWEST, HIGHEST = 60.0, 3_800.0  # Hz
DEPTH = 6.0  # what is this many powers of ten below a sound's loudest point counts as silence: 60 dB


def log_mel(waves: Tensor) -> Tensor:
    """Turn sounds into log-mel spectrograms between -1 (silence) and 1 (the loudest point of each).

    How loud the recording is doesn't matter to them, and padding with zeros is silence.
    Source: the scaling of Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision",
    with 60 dB.

    Parameters
    ----------
    waves : Tensor
        (batch, samples), 8,000 samples a second.

    Returns
    -------
    Tensor
        (batch, 1, 40 bands, frames), a frame for each hundredth of a second.
    """
    window = torch.hann_window(WINDOW, device=waves.device)
    padded = torch.nn.functional.pad(waves, (FFT // 2 - HOP // 2, FFT // 2 - HOP // 2))  # a frame's centre is its time
    parts = torch.stft(padded, FFT, HOP, WINDOW, window, center=False, return_complex=True)
    power = parts.abs().square()
    bands = torch.log10((mel_filters().to(waves.device) @ power).clamp_min(1e-12))
    loudest = bands.amax((1, 2), keepdim=True)
    return ((bands - loudest).clamp_min(-DEPTH) / (DEPTH / 2) + 1).unsqueeze(1)


@cache
def mel_filters(bands: int = BANDS) -> Tensor:
    """Give triangles of equal width on the mel scale, (bands, frequencies of the transform).

    Source: the scale of O'Shaughnessy 1987, "Speech Communication: Human and Machine", mel = 2595 log10(1 + f / 700).
    """
    points = _points(bands)
    frequencies = torch.linspace(0, RATE / 2, FFT // 2 + 1, dtype=torch.float64)
    rising = (frequencies - points[:-2, None]) / (points[1:-1] - points[:-2])[:, None]
    falling = (points[2:, None] - frequencies) / (points[2:] - points[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp_min(0).float()


def mel_middles(bands: int = BANDS) -> np.ndarray:
    """Give the frequency in the middle of each band, in Hz."""
    return _points(bands)[1:-1].numpy()


def _points(bands: int) -> Tensor:
    """Give the corners of the triangles, in Hz: where each begins is the middle of the one below."""
    low, high = (2595 * math.log10(1 + end / 700) for end in (LOWEST, HIGHEST))
    return 700 * (10 ** (torch.linspace(low, high, bands + 2, dtype=torch.float64) / 2595) - 1)
