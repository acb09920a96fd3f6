"""Resemblyzer's encoder of voices, which was trained to tell who speaks, from its package."""

import io
import math

import torch
from torch import Tensor, nn

from course_utils.backbones.packages import read_package
from course_utils.backbones.registry import SoundBackbone, register
from course_utils.backbones.weights import check_weights

NAME = "voice_encoder"
PACKAGE = "resemblyzer==0.1.4"
WEIGHTS = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
WIDTH, LAYERS, BANDS = 256, 3, 40
RATE, WINDOW, HOP = 16_000, 400, 160  # samples a second; 25 ms are looked at, every 10 ms
LEVEL = 10 ** (-30 / 20)  # its authors bring each recording to 30 dB below full scale


class VoiceEncoder(nn.Module):
    """Three LSTM layers over a mel spectrogram of its own, the mean of their outputs over time, and a linear head.

    Takes samples (batch, samples), 8,000 a second, and gives (batch, classes) scores.
    Source: Wan et al. 2018, "Generalized End-to-End Loss for Speaker Verification". Its authors take the last output
    and a projection, which know who speaks; the mean over time keeps more of what is said.
    """

    filters: Tensor
    window: Tensor

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BANDS, WIDTH, LAYERS, batch_first=True)
        self.fc = nn.Linear(WIDTH, num_classes)
        self.register_buffer("filters", slaney_filters(), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def features(self, waves: Tensor) -> Tensor:
        """Give the mean of the outputs over time, (batch, 256)."""
        return self.lstm(self.spectrograms(waves))[0].mean(1)

    def spectrograms(self, waves: Tensor) -> Tensor:
        """Give mel spectrograms (batch, frames, 40) as it was trained on: power, not its logarithm, at 16,000 Hz."""
        spectrum = torch.fft.rfft(waves)
        doubled = 2 * torch.fft.irfft(spectrum, 2 * waves.shape[1])
        level = doubled.square().mean(1, keepdim=True).sqrt().clamp_min(1e-8)
        parts = torch.stft(
            doubled * LEVEL / level, WINDOW, HOP, window=self.window, pad_mode="constant", return_complex=True
        )
        return (self.filters @ parts.abs().square()).transpose(1, 2)

    def forward(self, waves: Tensor) -> Tensor:
        """Give each recording's scores."""
        return self.fc(self.features(waves))


def slaney_filters() -> Tensor:
    """Give librosa's mel filters, which the encoder was trained with, (bands, frequencies).

    Source: Slaney 1998, "Auditory Toolbox": linear below 1,000 Hz, logarithmic above, and of equal area.
    """
    highest = 15 + 27 * math.log(RATE / 2 / 1000) / math.log(6.4)
    mels = torch.linspace(0, highest, BANDS + 2, dtype=torch.float64)
    points = torch.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    frequencies = torch.linspace(0, RATE / 2, WINDOW // 2 + 1, dtype=torch.float64)
    rising = (frequencies - points[:-2, None]) / (points[1:-1] - points[:-2])[:, None]
    falling = (points[2:, None] - frequencies) / (points[2:] - points[1:-1])[:, None]
    triangles = torch.minimum(rising, falling).clamp_min(0)
    return (triangles * (2 / (points[2:] - points[:-2]))[:, None]).float()


def voice_encoder(weights: str | None = None, num_classes: int = 10) -> nn.Module:
    """Build Resemblyzer's encoder of voices, 1.4 million parameters, with a linear head.

    Takes samples (batch, samples), 8,000 a second; `.features(samples)` gives (batch, 256). It was trained to
    tell who speaks, on recordings of some thousands of people. Nothing is downloaded, and the package isn't imported.

    Parameters
    ----------
    weights : str or None
        "DEFAULT" for the trained ones, None for random ones; the head's are always random.
    num_classes : int
        How many scores it gives.

    Raises
    ------
    CourseError
        Where the package isn't installed (`backbones.extra-missing`), for other weights than these
        (`backbones.unknown-weights`), and for a file that isn't the one we know (`backbones.weights-damaged`).
    """
    check_weights(weights, "the trained ones")
    network = VoiceEncoder(num_classes)
    if weights:
        content = read_package(PACKAGE, "resemblyzer/pretrained.pt", WEIGHTS, network="The encoder of voices", extra="")
        stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)["model_state"]
        own = {name: weight for name, weight in stored.items() if name.startswith("lstm.")}
        network.load_state_dict(own, strict=False)
    return network


register(
    SoundBackbone(
        NAME,
        voice_encoder,
        blocks=("stage 1", "head"),
        licence="Apache-2.0",
        card="https://github.com/resemble-ai/Resemblyzer",
        fingerprint=WEIGHTS,
        width=WIDTH,
        hears="samples",
    )
)
