"""Resemblyzer's encoder: the known weights, its own kind of spectrogram, and refusals of what isn't."""

from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import torch
from support.errors import refused

from course_utils import data
from course_utils.backbones import packages, voice_encoder
from course_utils.backbones.sound.voice_encoder import RATE, slaney_filters


def test_the_filters_are_slaneys_of_equal_area():
    """Forty bands up to 8,000 Hz are 1.107 of his units wide: 73.8 Hz each below 1,000 Hz, where a unit is 66.7 Hz."""
    filters = slaney_filters()
    assert filters.shape == (40, 201)
    width = (15 + 27 * np.log(8) / np.log(6.4)) / 41 * 200 / 3
    middles = (filters.argmax(1) * RATE / 400).numpy()
    assert np.abs(middles[:12] - width * np.arange(1, 13)).max() <= RATE / 400
    assert (filters.sum(1) * RATE / 400)[10:].tolist() == pytest.approx([1] * 30, abs=0.15)


def test_it_hears_twice_the_rate_at_one_level():
    network = voice_encoder()
    wave = 0.01 * torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / 8000)[None]
    one, louder = network.spectrograms(wave), network.spectrograms(30 * wave)
    assert one.shape == (1, 101, 40) and torch.allclose(one, louder, rtol=1e-3)
    loudest = int(one[0, 50].argmax())
    assert float(slaney_filters()[loudest].argmax()) * RATE / 400 == pytest.approx(1000, abs=80)


def test_it_tells_voices_apart():
    """What it was trained for: of two recordings, those of one voice are more alike."""
    network = voice_encoder("DEFAULT").eval()
    words = data.trade_words(4, seed=0)
    with torch.no_grad():
        features = torch.nn.functional.normalize(network.features(words.waves("train")))
    alike = (features @ features.T).numpy()
    speakers = words.train.speaker.to_numpy()
    same = speakers[:, None] == speakers[None]
    np.fill_diagonal(alike, np.nan)
    assert np.nanmean(alike[same]) > np.nanmean(alike[~same]) + 0.02


def test_random_weights_need_no_package_and_others_are_refused(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "distribution", missing)
    assert voice_encoder(num_classes=3)(torch.randn(2, 4000)).shape == (2, 3)
    with refused("backbones.extra-missing", "package resemblyzer", "--no-deps resemblyzer==0.1.4"):
        voice_encoder("DEFAULT")
    with refused("backbones.unknown-weights", "'imagenet'"):
        voice_encoder("imagenet")


def test_a_changed_file_is_refused_and_no_pickle_of_it_is_opened(monkeypatch, tmp_path):
    class Changed:
        def locate_file(self, name):
            (tmp_path / "file").write_bytes(b"other weights")
            return tmp_path / "file"

    monkeypatch.setattr(packages, "distribution", lambda _: Changed())
    with refused("backbones.weights-damaged", "resemblyzer"):
        voice_encoder("DEFAULT")
