"""Sound files of every kind that people have, and refusals of those that hold no word."""

import sys

import numpy as np
import pytest
import soundfile
from support.errors import refused

from course_utils.data import read_sound
from course_utils.data.sound.spectrograms import RATE


def tone(rate: int, seconds: float = 0.5, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def loudest_frequency(wave: np.ndarray) -> float:
    return float(np.fft.rfftfreq(len(wave), 1 / RATE)[np.abs(np.fft.rfft(wave)).argmax()])


@pytest.mark.parametrize("rate", [6_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_any_rate_keeps_length_pitch_and_level(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(rate), rate)
    wave = read_sound(tmp_path / "a.wav")
    assert wave.dtype == np.float32 and len(wave) == pytest.approx(RATE / 2, abs=1)
    assert loudest_frequency(wave) == pytest.approx(440, abs=2)
    assert np.abs(wave[400:-400]).max() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("ending", "subtype"),
    [
        *(("wav", subtype) for subtype in ("PCM_16", "PCM_24", "PCM_32", "PCM_U8", "FLOAT", "ULAW")),
        *(("flac", subtype) for subtype in ("PCM_16", "PCM_24")),
        ("ogg", "VORBIS"),
        ("mp3", "MPEG_LAYER_III"),
        ("aiff", "PCM_16"),
    ],
)
def test_any_format_and_depth_sounds_the_same(tmp_path, ending, subtype):
    file = tmp_path / f"a.{ending}"
    soundfile.write(file, tone(16_000), 16_000, subtype=subtype)
    for source in (file, str(file), file.read_bytes()):
        wave = read_sound(source)
        assert loudest_frequency(wave) == pytest.approx(440, abs=5)
        assert np.abs(wave).max() == pytest.approx(0.5, abs=0.05)


def test_channels_are_averaged_unless_they_cancel_each_other(tmp_path):
    left, right = tone(RATE), tone(RATE, hertz=900)
    soundfile.write(tmp_path / "two.wav", np.stack([left, right], 1), RATE)
    assert np.allclose(read_sound(tmp_path / "two.wav"), (left + right) / 2, atol=1e-3)
    soundfile.write(tmp_path / "wired.wav", np.stack([left, -left], 1), RATE)
    assert np.allclose(read_sound(tmp_path / "wired.wav"), left, atol=1e-3)


def test_what_is_louder_than_full_scale_is_clipped(tmp_path):
    soundfile.write(tmp_path / "a.wav", 4 * tone(RATE), RATE, subtype="FLOAT")
    assert np.abs(read_sound(tmp_path / "a.wav")).max() == 1


@pytest.mark.parametrize("content", [np.zeros(4000), np.full(4000, 0.3), np.full(4000, 1e-6)])
def test_silence_is_refused_by_name(tmp_path, content):
    soundfile.write(tmp_path / "quiet.wav", content, RATE, subtype="FLOAT")
    with refused("data.silent-sound", "quiet.wav", "microphone"):
        read_sound(tmp_path / "quiet.wav")


def test_a_whisper_is_no_silence(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(RATE) / 500, RATE, subtype="PCM_24")
    assert np.abs(read_sound(tmp_path / "a.wav")).max() == pytest.approx(1e-3, rel=0.05)


def test_a_file_without_samples_is_refused(tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros(0), RATE)
    with refused("data.silent-sound", "none.wav"):
        read_sound(tmp_path / "none.wav")


def test_what_lasts_minutes_is_refused_with_its_length(tmp_path):
    soundfile.write(tmp_path / "talk.wav", np.resize(tone(RATE), 200 * RATE), RATE)
    with refused("data.sound-too-long", "talk.wav", "3 min 20 s", "10 seconds"):
        read_sound(tmp_path / "talk.wav")
    soundfile.write(tmp_path / "ten.wav", np.resize(tone(RATE), 10 * RATE), RATE)
    assert len(read_sound(tmp_path / "ten.wav")) == 10 * RATE


def broken(kind: str) -> bytes:
    whole = (
        b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00"
    )
    return {
        "empty": b"",
        "text": b"This is no sound.",
        "header only": whole[:20],
        "no data": whole,
        "no channels": whole.replace(b"\x01\x00\x01\x00\x40", b"\x01\x00\x00\x00\x40")
        + b"data\x04\x00\x00\x00\x01\x00\x02\x00",
        "html": b"<html>log in first</html>",
        "image": b"\x89PNG\r\n\x1a\n" + bytes(100),
    }[kind]


@pytest.mark.parametrize("kind", ["empty", "text", "header only", "no data", "no channels", "html", "image"])
def test_a_broken_file_gets_one_sentence_without_the_machines_path(tmp_path, kind):
    (tmp_path / "bad.wav").write_bytes(broken(kind))
    with refused("data.unreadable-sound", "bad.wav", "WAV, FLAC") as caught:
        read_sound(tmp_path / "bad.wav")
    assert str(tmp_path) not in str(caught.value)


def test_samples_that_are_no_numbers_are_refused(tmp_path):
    content = tone(RATE)
    content[100] = np.nan
    soundfile.write(tmp_path / "nan.wav", content, RATE, subtype="FLOAT")
    with refused("data.unreadable-sound", "nan.wav"):
        read_sound(tmp_path / "nan.wav")


def test_a_recording_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(RATE), RATE)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:4044])
    assert len(read_sound(tmp_path / "cut.wav")) == 2000


def test_a_missing_file_and_a_missing_extra_are_named(tmp_path, monkeypatch):
    with refused("data.missing-files", "a.wav"):
        read_sound(tmp_path / "a.wav")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with refused("data.extra-missing", "soundfile", "[sound]"):
        read_sound(tmp_path / "a.wav")
