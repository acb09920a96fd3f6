"""The speech network's pre-training: what is spoken, how it is disturbed, a run that was stopped, and the card."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load

from course_utils.backbones import companion
from course_utils.data.sound.digits import DIGITS
from course_utils.data.sound.spoken import read_spoken
from tools.pretraining.speech import card, stand_ins, synthesis, training
from tools.pretraining.speech.augmentation import disturb, mask, place
from tools.pretraining.speech.espeak import ACCENTS, SHOWN, TEST, TRAINED, speak


class Stopped(Exception):
    """A run ends here, as if its process had been killed."""


@pytest.fixture
def small(monkeypatch):
    """A run of seconds: six words, by two voices."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for name, value in {"WORDS": ["apple", "river", "window", "garden", "letter", "music"], "BATCH": 6}.items():
        monkeypatch.setattr(training, name, value)
    yield
    torch.set_num_threads(threads)


def test_words_and_voices_are_held_out():
    assert len(synthesis.WORDS) == len(set(synthesis.WORDS)) >= 200
    terms = [term for trade in stand_ins.TRADES.values() for term in trade.split()]
    assert not set(synthesis.WORDS) & {*DIGITS, *terms}
    assert len({*TRAINED, *TEST, *SHOWN}) == len(TRAINED) + len(TEST) + len(SHOWN)
    assert sorted(read_spoken("trades").label.unique()) == sorted(terms)


@pytest.mark.parametrize("voices", [TEST, SHOWN, TRAINED[:9]])
def test_every_voice_speaks(voices):
    for accent, variant in zip(np.resize(ACCENTS, len(voices)), voices, strict=True):
        wave, rate = speak("apple", f"{accent}+{variant}", 170, 50, 50)
        assert rate == 22_050 and 0.2 < len(wave) / rate < 1 and np.abs(wave).max() > 2000


@pytest.mark.parametrize("voice", ["en-us+Nobody", "nowhere", "nowhere+f1"])
def test_an_unknown_voice_is_named(voice):
    with pytest.raises(ValueError, match=voice.replace("+", r"\+")):
        speak("apple", voice, 170, 50, 50)


def test_speed_pitch_and_size_are_heard():
    def seconds(**changes):
        return len(synthesis.speak_sized(**{**usual, **changes})) / 8000

    usual = {"text": "umbrella", "voice": "en-us+f1", "speed": 170, "pitch": 50, "melody": 50, "size": 1.0}
    assert seconds(speed=110) > 1.2 * seconds() and seconds(speed=230) < 0.9 * seconds()
    assert seconds(size=1.2) == pytest.approx(1.44 * seconds(), rel=0.1)
    small, large = (
        np.abs(np.fft.rfft(synthesis.speak_sized(**usual | {"size": size}), 16_000)) for size in (0.85, 1.2)
    )
    middles = [(spectrum * np.arange(len(spectrum))).sum() / spectrum.sum() for spectrum in (small, large)]
    assert middles[0] > middles[1]


def test_synthesis_is_kept(tmp_path):
    one = synthesis.synthesise(["apple", "river"], TEST, 3, 0, tmp_path / "a.npz")
    again = synthesis.synthesise(["other"], TEST, 1, 1, tmp_path / "a.npz")
    assert np.array_equal(one.samples, again.samples) and one.labels.tolist() == [0, 1] * 3 and len(one) == 6
    assert np.abs(one.wave(0)).max() == pytest.approx(0.9 * 32767, rel=0.01)


def test_recordings_are_placed_disturbed_and_masked():
    random = torch.Generator().manual_seed(0)
    waves = [np.full(length, 16_384, np.int16) for length in (2000, 8000, 9600)]
    batch = place(waves, random)
    assert batch.shape == (3, 8000) and [(row == 0.5).sum() for row in batch] == [2000, 8000, 8000]
    noisy = disturb(batch, random)
    assert noisy.shape == batch.shape and torch.isfinite(noisy).all() and not torch.allclose(noisy, batch, atol=0.01)
    spectrograms = torch.ones(50, 1, 40, 100)
    hidden = (mask(spectrograms, random) == -1).float().mean()
    assert 0.05 < hidden < 0.5


def test_a_stopped_run_goes_on_where_it_was(tmp_path, monkeypatch, small):
    """Two runs, one of them stopped in its second epoch, end with the same weights."""
    training.pretrain(tmp_path / "whole", each=4, epochs=3)
    (tmp_path / "cut").mkdir()
    for spoken in (tmp_path / "whole").glob("*.npz"):  # it would speak slightly other samples
        shutil.copy(spoken, tmp_path / "cut")
    with monkeypatch.context() as patched, pytest.raises(Stopped):
        steps = iter(range(6))

        def stop(*given):
            if next(steps) == 5:
                raise Stopped("here")
            return step(*given)

        step = training._step
        patched.setattr(training, "_step", stop)
        training.pretrain(tmp_path / "cut", each=4, epochs=3)
    torch.manual_seed(99)  # a new process knows nothing of the random numbers that the first one drew
    training.pretrain(tmp_path / "cut", each=4, epochs=3)
    whole, cut = (load((tmp_path / out / "speech_resnet.safetensors").read_bytes()) for out in ("whole", "cut"))
    assert whole.keys() == cut.keys() and all(torch.equal(whole[name], cut[name]) for name in whole)
    history = json.loads((tmp_path / "cut" / "history.json").read_text())
    assert [row["epoch"] for row in history] == [1, 2, 3]


def test_the_card_states_the_manifests_figures():
    figures = json.loads((companion.IN_CLONE / "manifest.json").read_text())["speech_resnet"]
    stated = (companion.IN_CLONE / figures["card"]).read_text()
    assert stated == card.render(figures), "python -m tools.pretraining.speech.card renews it"
    assert len(figures["history"]) == training.EPOCHS


def test_it_hears_unheard_words_better_than_any_other_features():
    """All but one of the comparisons: with 20 recordings by known speakers, the voice encoder is as good."""
    found = json.loads((companion.IN_CLONE / "manifest.json").read_text())["speech_resnet"]["digits"]
    for kind, count in [("known", 0), ("known", 1), ("new", 0), ("new", 1), ("new", 2)]:
        mean, half = found["speech_resnet"][kind][count]
        best, other_half = max(found[name][kind][count] for name in ("log_mel", "image", "voice"))
        assert mean - half > best + other_half
