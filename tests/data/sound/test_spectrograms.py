"""Log-mel spectrograms: what each band hears, and what doesn't change them."""

import numpy as np
import pytest
import torch

from course_utils.data import log_mel
from course_utils.data.sound.sounds import fit
from course_utils.data.sound.spectrograms import BANDS, FFT, HIGHEST, LOWEST, RATE, mel_filters


def tone(hertz: float, seconds: float = 1.0) -> torch.Tensor:
    return torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)[None]


def test_a_frame_for_each_hundredth_of_a_second():
    assert log_mel(torch.randn(3, RATE)).shape == (3, 1, BANDS, 100)
    assert log_mel(torch.randn(1, RATE // 4)).shape == (1, 1, BANDS, 25)


@pytest.mark.parametrize("hertz", [200, 1000, 3000])
def test_a_tone_is_in_the_band_whose_middle_is_nearest(hertz):
    """By O'Shaughnessy's formula: 1,000 Hz are 1,000 mel."""
    ends = 2595 * np.log10(1 + np.array([LOWEST, HIGHEST]) / 700)
    middles = np.linspace(*ends, BANDS + 2)[1:-1]
    assert 2595 * np.log10(1 + 1000 / 700) == pytest.approx(1000, abs=0.1)
    nearest = np.abs(middles - 2595 * np.log10(1 + hertz / 700)).argmin()
    found = log_mel(tone(hertz))[0, 0, :, 50]
    assert abs(int(found.argmax()) - nearest) <= 1 and found.max() == pytest.approx(1, abs=0.05)


def test_every_frequency_between_the_ends_is_heard_and_no_filter_is_empty():
    filters = mel_filters()
    assert filters.shape == (BANDS, FFT // 2 + 1) and (filters.sum(1) > 0).all() and (filters >= 0).all()
    frequencies = torch.linspace(0, RATE / 2, FFT // 2 + 1)
    inner = (frequencies > 100) & (frequencies < 3600)
    assert torch.allclose(filters.sum(0)[inner], torch.ones(int(inner.sum())), atol=1e-4)


def test_loudness_changes_nothing_and_padding_is_silence():
    wave = torch.randn(1, RATE // 2, generator=torch.Generator().manual_seed(0))
    found = log_mel(wave)
    assert torch.allclose(found, log_mel(wave / 50), atol=1e-4)
    assert found.min() >= -1 and found.max() == 1
    padded = log_mel(torch.nn.functional.pad(wave, (1600, 1600)))
    assert torch.allclose(padded[..., 25:65], found[..., 5:-5], atol=1e-5)
    assert (padded[..., :15] == -1).all() and (padded[..., -15:] == -1).all()
    assert (log_mel(torch.zeros(1, RATE)) == 1).all(), "nothing is louder than nothing; files of it are refused"


def test_a_recording_is_put_in_the_middle_or_cut_to_its_loudest_part():
    short = fit(np.ones(100), 0.05)
    assert len(short) == 400 and short[150:250].all() and short.sum() == 100
    long = np.concatenate([0.01 * np.ones(5000), np.ones(400), 0.01 * np.ones(2000)])
    assert fit(long, 0.05).sum() == pytest.approx(400)
    assert len(fit(long, 0.5)) == 4000
    assert np.array_equal(fit(np.ones(400), 0.05), np.ones(400))
