"""What may change in a recording without changing its word: noise, its place in time, and what is hidden of it."""

import torch
from fastai.vision.augment import RandTransform
from torch import Tensor

from course_utils.data.sound.loaders import TensorSound, TensorSpectrogram
from course_utils.data.sound.spectrograms import RATE


class AddNoise(RandTransform):
    """Adds white noise to the recordings of a training batch.

    Parameters
    ----------
    low, high : float
        How far the noise is below the recording, in dB: drawn between these for each one.
    p : float
        The share of batches that it changes.
    """

    order, split_idx = 10, 0

    def __init__(self, low: float = 10.0, high: float = 40.0, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.low, self.high = low, high

    def encodes(self, sounds: TensorSound) -> TensorSound:
        """Add it."""
        waves = sounds.as_subclass(Tensor)
        below = self.low + (self.high - self.low) * torch.rand(len(waves), 1, device=waves.device)
        level = waves.square().mean(1, keepdim=True).sqrt() * 10 ** (-below / 20)
        return TensorSound(waves + level * torch.randn_like(waves))


class Shift(RandTransform):
    """Moves each recording of a training batch in time; what leaves at one end is silence at the other.

    Parameters
    ----------
    seconds : float
        The most that it moves, to either side.
    p : float
        The share of batches that it changes.
    """

    order, split_idx = 11, 0

    def __init__(self, seconds: float = 0.1, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.seconds = seconds

    def encodes(self, sounds: TensorSound) -> TensorSound:
        """Move them."""
        waves = sounds.as_subclass(Tensor)
        most = min(round(self.seconds * RATE), waves.shape[1])
        padded = torch.nn.functional.pad(waves, (most, most))
        starts = torch.randint(0, 2 * most + 1, (len(waves), 1), device=waves.device)
        return TensorSound(padded.gather(1, starts + torch.arange(waves.shape[1], device=waves.device)))


class Mask(RandTransform):
    """Hides some bands and some frames of each spectrogram of a training batch.

    Source: Park et al. 2019, "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition".

    Parameters
    ----------
    bands, frames : int
        The most that it hides of each.
    p : float
        The share of batches that it changes.
    """

    order, split_idx = 30, 0

    def __init__(self, bands: int = 8, frames: int = 16, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.bands, self.frames = bands, frames

    def encodes(self, spectrograms: TensorSpectrogram) -> TensorSpectrogram:
        """Hide them behind silence."""
        hidden = spectrograms.as_subclass(Tensor)
        rows, _, bands, frames = hidden.shape
        for size, most, shape in ((bands, self.bands, (rows, 1, -1, 1)), (frames, self.frames, (rows, 1, 1, -1))):
            start = torch.rand(rows, 1, device=hidden.device) * size
            length = torch.rand(rows, 1, device=hidden.device) * most
            place = torch.arange(size, device=hidden.device)
            hidden = hidden.masked_fill(((place >= start) & (place < start + length)).view(*shape), -1.0)
        return TensorSpectrogram(hidden)
