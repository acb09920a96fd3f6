"""Rooms, microphones, noise and masks: what a recording is changed by before the network hears it."""

import numpy as np
import torch
from torch import Tensor

from course_utils.data.sound.spectrograms import RATE

SAMPLES = RATE  # a second
PADDED = 2 * RATE
REVERBERATION = RATE // 2


def place(waves: list[np.ndarray], random: torch.Generator) -> Tensor:
    """Put each recording somewhere in a second of silence, or cut a second out of it."""
    batch = torch.zeros(len(waves), SAMPLES)
    for row, wave in zip(batch, waves, strict=True):
        free = SAMPLES - len(wave)
        start = int(torch.randint(abs(free) + 1, (), generator=random))
        if free >= 0:
            row[start : start + len(wave)] = torch.from_numpy(wave.astype(np.float32))
        else:
            row += torch.from_numpy(wave[start : start + SAMPLES].astype(np.float32))
    return batch / 32768


def disturb(batch: Tensor, random: torch.Generator, samples: int = SAMPLES) -> Tensor:
    """Put each recording in a room before a microphone, with noise and in places with someone else speaking.

    Room: two thirds get noise that decays within 50 to 500 ms as impulse response. Microphone: a smooth random
    frequency response within about 10 dB. Noise: of a random colour, 5 to 45 dB below the voice. Another recording of
    the batch speaks in one of five, 5 to 25 dB quieter.
    """
    rows = len(batch)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(rows, *shape, generator=random)

    time = torch.arange(REVERBERATION) / RATE
    echoes = torch.randn(rows, REVERBERATION, generator=random) * torch.exp(-6.9 * time / uniform(0.05, 0.5, 1))
    echoes *= uniform(0, 1, 1).square() / echoes.square().sum(1, keepdim=True).sqrt()
    echoes *= (uniform(0, 1, 1) < 2 / 3).float()
    echoes[:, 0] = 1
    curve = 10 ** (uniform(-10, 10, 1, 9) / 20)
    bins = PADDED // 2 + 1
    microphone = torch.nn.functional.interpolate(curve, bins, mode="linear", align_corners=True)[:, 0]
    heard = torch.fft.irfft(torch.fft.rfft(batch, PADDED) * torch.fft.rfft(echoes, PADDED) * microphone, PADDED)
    heard = heard[:, :samples]
    level = heard.square().mean(1, keepdim=True).sqrt().clamp_min(1e-6)

    frequencies = torch.linspace(1 / bins, 1, bins)
    coloured = torch.fft.rfft(torch.randn(rows, PADDED, generator=random)) * frequencies ** -uniform(0, 1, 1)
    noise = torch.fft.irfft(coloured, PADDED)[:, :samples]
    noise *= level * 10 ** (-uniform(5, 45, 1) / 20) / noise.square().mean(1, keepdim=True).sqrt()
    other = (heard / level).roll(1, 0) * level * 10 ** (-uniform(5, 25, 1) / 20) * (uniform(0, 1, 1) < 0.2)
    return heard + noise + other


def mask(spectrograms: Tensor, random: torch.Generator) -> Tensor:
    """Move each spectrogram up to two bands up or down, and hide up to 6 bands and 12 frames of it, twice.

    Source: Park et al. 2019, "SpecAugment".
    """
    rows, _, bands, frames = spectrograms.shape
    moved = torch.full_like(spectrograms, -1.0)
    for row, shift in enumerate(torch.randint(-2, 3, (rows,), generator=random).tolist()):
        moved[row, :, max(shift, 0) : bands + min(shift, 0)] = spectrograms[
            row, :, max(-shift, 0) : bands - max(shift, 0)
        ]
    for size, longest, shape in ((bands, 6, (rows, 1, -1, 1)), (frames, 12, (rows, 1, 1, -1))) * 2:
        start = torch.rand(rows, 1, generator=random) * size
        length = torch.rand(rows, 1, generator=random) * longest
        place = torch.arange(size)
        moved = moved.masked_fill(((place >= start) & (place < start + length)).view(*shape), -1.0)
    return moved
