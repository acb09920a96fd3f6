"""Reads sound files of any rate, depth and number of channels, as the course's networks take them."""

import io
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from course_utils.data.sound.spectrograms import RATE
from course_utils.errors import CourseError

FORMATS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")
LONGEST = 10.0  # seconds: the course tells single words apart
SILENCE = 1e-4  # of full scale, 80 dB below it: what never gets louder was recorded without a microphone
HIGHEST_RATE = 768_000


def read_sound(source: str | Path | bytes, name: str | None = None) -> np.ndarray:
    """Read a sound as float32 samples between -1 and 1, one channel, 8,000 a second.

    Other rates are resampled by a polyphase filter (SciPy's `resample_poly`), channels are averaged.

    Parameters
    ----------
    source : str, Path or bytes
        A file, WAV, FLAC, Ogg, Opus, MP3 or AIFF; or the content of one.
    name : str, optional
        What messages call it; the file's name if left out.

    Returns
    -------
    (samples,) float32 array

    Raises
    ------
    CourseError
        `data.missing-files` for a file that isn't there, `data.unreadable-sound` for one that can't be decoded,
        `data.silent-sound` for one without a sound, `data.sound-too-long` for more than ten seconds, and
        `data.extra-missing` without the extra `sound`.
    """
    called = name or ("the recording" if isinstance(source, bytes) else Path(source).name)
    samples, rate = _decode(source, called)
    if not len(samples):
        raise CourseError(f"{called} holds no sound, not even silence: record it again.", code="data.silent-sound")
    if not np.isfinite(samples).all():
        raise unreadable(called, "some of its samples are no numbers")
    wave = _mixed(samples)
    if rate != RATE:
        shared = gcd(rate, RATE)
        wave = resample_poly(wave, RATE // shared, rate // shared).astype(np.float32)
    if not _audible(wave):
        raise CourseError(
            f"{called} is silent: check that the microphone is on, and record it again.", code="data.silent-sound"
        )
    return np.clip(wave, -1, 1)


def _decode(source: str | Path | bytes, called: str) -> tuple[np.ndarray, int]:
    """Give (samples, channels) and the rate; a file that is too long isn't decoded."""
    soundfile = library()
    if not isinstance(source, bytes) and not Path(source).is_file():
        raise CourseError(f"There is no sound file {called}: correct its name.", code="data.missing-files")
    try:
        with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as file:
            rate, channels = file.samplerate, file.channels
            if not 0 < rate <= HIGHEST_RATE:
                raise unreadable(called, f"it claims {rate:,} samples a second")
            samples = file.read(round(LONGEST * rate) + 1, dtype="float32", always_2d=True)
            if len(samples) > LONGEST * rate:
                raise CourseError(
                    f"{called} lasts {_duration(file.frames / rate)}, and the course listens to single words: cut it "
                    f"into files of at most {LONGEST:.0f} seconds.",
                    code="data.sound-too-long",
                )
    except (soundfile.SoundFileError, OSError, ValueError, RuntimeError) as problem:
        raise unreadable(called, _reason(problem)) from problem
    return samples.reshape(-1, channels), rate


def _mixed(samples: np.ndarray) -> np.ndarray:
    """Average the channels; where they cancel each other, as a badly wired microphone's do, take the loudest."""
    mixed = samples.mean(1)
    loudest = samples[:, np.square(samples - samples.mean(0)).sum(0).argmax()]
    return loudest if _audible(loudest) and not _audible(mixed) else mixed


def _audible(wave: np.ndarray) -> bool:
    return bool(np.ptp(wave) > 2 * SILENCE)  # a constant is no sound


def _duration(seconds: float) -> str:
    if seconds > 86_400:  # a stream that doesn't say its length
        return f"more than {LONGEST:.0f} seconds"
    minutes = round(seconds) // 60
    return f"{minutes:,} min {round(seconds) % 60} s" if minutes else f"{seconds:.1f} s"


def _reason(problem: Exception) -> str:
    """Say what libsndfile says, without the file's name, which may be the machine's own path."""
    said = str(getattr(problem, "error_string", "") or problem).strip().rstrip(".")
    return said[:1].lower() + said[1:]


def unreadable(called: str, reason: str) -> CourseError:
    """Build the refusal of a file that can't be decoded."""
    return CourseError(
        f"{called} can't be read as a sound ({reason}): save it anew as WAV, FLAC, Ogg or MP3.",
        code="data.unreadable-sound",
    )


def library() -> Any:
    """Import soundfile; CourseError `data.extra-missing` says how to get it."""
    try:
        import soundfile  # here, since only sounds need it
    except (ImportError, OSError) as problem:  # OSError: libsndfile, which some systems bring themselves, isn't there
        raise CourseError(
            'Sounds need the package soundfile: install it with python -m pip install "fine-tuning-course[sound]".',
            code="data.extra-missing",
        ) from problem
    return soundfile
