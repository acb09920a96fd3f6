"""The figure of recordings: what it tells, and that each can be heard."""

import base64
import io
import re
import wave

import numpy as np
import pytest
from support.errors import refused

from course_utils.display.players import player_html
from course_utils.plots import plot_spectrograms


def test_a_player_holds_its_sound():
    samples = np.sin(np.arange(800)) * 2
    page = player_html(samples, "<heparin>")
    assert "&lt;heparin&gt;" in page and "<heparin>" not in page
    content = base64.b64decode(re.search(r"base64,([^\"]+)", page)[1])
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (8000, 1, 800)
        found = np.frombuffer(file.readframes(800), "<i2") / 32767
    assert np.allclose(found, np.clip(samples, -1, 1), atol=1e-4)


def test_each_recording_is_shown_told_and_playable(capsys, monkeypatch):
    shown = []
    monkeypatch.setattr("course_utils.plots.sound.spectrograms.display", lambda data, raw: shown.append(data))
    noise = np.random.default_rng(0).normal(0, 0.1, 4000)
    plot_spectrograms({"one": noise, "two": noise[:2000]}, title="Two words")
    assert shown[0]["text/plain"].startswith("Two words. ") and "two: 0.25 s" in shown[0]["text/plain"]
    assert shown[0]["text/html"].count("<audio") == 2 and shown[0]["text/html"].count("<img") == 1
    plot_spectrograms({"one": noise}, players=False)
    assert "<audio" not in shown[1]["text/html"]


@pytest.mark.parametrize("count", [0, 9])
def test_no_and_too_many_recordings_are_refused(count):
    with refused("plots.no-sounds", "8"):
        plot_spectrograms({str(number): np.ones(100) for number in range(count)})
