"""The words that the network learns from, spoken by many voices."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import resample

from course_utils.data.sound.spectrograms import RATE
from tools.pretraining.speech.espeak import ACCENTS, speak

LONGEST = 1.2  # seconds
WORDS = (Path(__file__).with_name("words.txt")).read_text().split()


@dataclass(frozen=True)
class Spoken:
    """Recordings one after another, where each one begins, and the number of its word."""

    samples: np.ndarray
    starts: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def wave(self, number: int) -> np.ndarray:
        """Give one recording."""
        return self.samples[self.starts[number] : self.starts[number + 1]]


def speak_varied(text: str, variant: str, random: np.random.Generator) -> np.ndarray:
    """Speak a text with a voice's variant in a random accent, at a random speed, pitch and size of the speaker.

    Gives int16 samples, at most 1.2 seconds of them.
    """
    voice = f"{random.choice(ACCENTS)}+{variant}"
    size = random.uniform(0.85, 1.2)
    speed, pitch, melody = (int(random.integers(*ends)) for ends in ((110, 230), (15, 85), (10, 90)))
    wave = speak_sized(text, voice, speed, pitch, melody, size)
    return (wave[: round(LONGEST * RATE)] * 32767).astype(np.int16)


def speak_sized(text: str, voice: str, speed: int, pitch: int, melody: int, size: float) -> np.ndarray:
    """Speak a text as `speak` does, by a speaker of another size, without the silence at both ends.

    The size comes from resampling: it moves pitch and formants together, as a longer vocal tract does. Larger speakers
    also speak more slowly here, and last by the square of their size. Gives float samples, 8,000 a second, with a peak
    of 0.9.
    """
    wave, rate = speak(text, voice, round(speed / size), pitch, melody)
    wave = trim(wave.astype(np.float32))
    wave = resample(wave, round(len(wave) * RATE / rate * size))
    return wave * 0.9 / max(np.abs(wave).max(), 1e-9)


def trim(wave: np.ndarray, depth: float = 0.01) -> np.ndarray:
    """Cut what is quieter than a hundredth of the peak from both ends."""
    loud = np.flatnonzero(np.abs(wave) > depth * np.abs(wave).max())
    return wave[loud[0] : loud[-1] + 1] if len(loud) else wave


def synthesise(words: Sequence[str], variants: Sequence[str], each: int, seed: int, file: Path) -> Spoken:
    """Speak each word some times, every time with a random variant of those given; made once and kept in a file."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(seed)
        labels = np.tile(np.arange(len(words)), each)
        waves = [speak_varied(words[label], str(random.choice(variants)), random) for label in labels]
        starts = np.cumsum([0, *map(len, waves)])
        part = file.with_suffix(".part.npz")
        np.savez(part, samples=np.concatenate(waves), starts=starts, labels=labels)
        part.replace(file)
    with np.load(file) as kept:
        return Spoken(kept["samples"], kept["starts"], kept["labels"])
