"""The control for a recording of one's own: what it hears, by upload and by microphone, and what it refuses."""

import base64
import io

import numpy as np
import pytest
import soundfile
from support.controls import upload

from course_utils.controls import sound_control
from course_utils.controls.microphone import MARK
from course_utils.data.sound.spectrograms import RATE
from course_utils.display import widgets as output
from course_utils.tasks import SoundTask, classify_sound
from course_utils.training import HeadOnly


def tone(seconds=0.5, rate=RATE, pitch=440):
    return 0.5 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def file(wave, rate=RATE, kind="WAV"):
    content = io.BytesIO()
    soundfile.write(content, wave, rate, format=kind)
    return content.getvalue()


def high_or_low(wave):
    loudest = np.abs(np.fft.rfft(wave)).argmax() * RATE / len(wave)
    return {"high": 0.9, "low": 0.1} if loudest > 1000 else {"high": 0.2, "low": 0.8}


def record(control, content):
    control.microphone.line.value = MARK + base64.b64encode(content).decode()


@pytest.fixture
def control():
    return sound_control(high_or_low, tone())


def test_the_example_is_answered_at_once_and_can_be_heard(control):
    assert control.result == "low (80%)" and "<audio controls" in control.answer.value


@pytest.mark.parametrize(("kind", "rate"), [("WAV", 44_100), ("FLAC", 16_000), ("OGG", 48_000)])
def test_an_upload_is_answered_whatever_its_kind_and_rate(control, kind, rate):
    upload(control.upload, "<mine>.wav", file(tone(rate=rate, pitch=2000), rate, kind))
    assert control.result == "high (90%)"
    assert "&lt;mine&gt;.wav" in control.answer.value and "<mine>" not in control.answer.value


def test_a_recording_of_the_microphone_is_answered_each_time(control):
    for pitch, said in ((2000, "high (90%)"), (300, "low (80%)"), (300, "low (80%)")):
        control.result = ""
        record(control, file(tone(rate=16_000, pitch=pitch), 16_000))
        assert control.result == said and "Your recording" in control.answer.value
        assert not control.microphone.line.value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no sound", "can't be read as a sound"),
        (b"", "can't be read as a sound"),
        (file(np.zeros(RATE)), "is silent: check that the microphone is on"),
        (file(tone(11)), "lasts 11.0 s"),
        (file(tone())[:30], "can't be read as a sound"),
    ],
)
def test_a_bad_recording_gets_one_sentence_in_the_old_answers_place(control, content, said):
    for send, name in (
        (lambda: upload(control.upload, "mine.wav", content), "mine.wav"),
        (lambda: record(control, content), "Your recording"),
    ):
        send()
        assert control.result.startswith(name) and said in control.result
        assert "No answer." in control.answer.value and "<audio" not in control.answer.value


def test_a_file_that_is_too_large_is_refused(control):
    upload(control.upload, "long.wav", bytes(10_000_001))
    assert control.result.endswith("at most 10 MB can be uploaded: cut it to one word, or save it as FLAC.")


def test_what_comes_from_elsewhere_than_the_microphone_is_no_recording(control):
    before = control.answer.value
    control.microphone.line.value = "something"
    assert control.answer.value == before
    control.microphone.line.value = MARK + "%%%"
    assert "can't be read as a sound" in control.result


def test_a_learner_answers_with_its_words():
    task = SoundTask("trade_words", trade="ward", by="speaker", split=(1, 2), bs=12)
    learn = task.learner(0, 1, HeadOnly(1))
    wave = task.sounds(0, 1).recordings["test"][0]
    shares = classify_sound(learn, wave)
    assert list(shares) == list(learn.dls.vocab) and sum(shares.values()) == pytest.approx(1, abs=1e-5)
    assert sound_control(learn, wave).result.split(" (")[0] == max(shares, key=shares.get)
    predicted = learn.get_preds(dl=learn.dls.test)[0][0]
    assert list(shares.values()) == pytest.approx(predicted.tolist(), abs=1e-4)


def test_the_answer_stands_where_no_kernel_runs(control, monkeypatch):
    outputs = []
    monkeypatch.setattr(output, "display", lambda data, raw: outputs.append(data))
    control._ipython_display_()
    assert "low (80%)" in outputs[0]["text/html"] and "low (80%)" in outputs[0]["text/plain"]
