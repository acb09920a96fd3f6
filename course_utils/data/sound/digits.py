"""spoken_digits: recordings of the ten digits by six people, or by six voices of a synthesizer."""

import re
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.torch_basics import delegates

from course_utils import environment
from course_utils.data.archives import read_files
from course_utils.data.decoded import Tensors, decode_unless_missing
from course_utils.data.fetching import fetch_archive
from course_utils.data.options import SplitOptions, check_known
from course_utils.data.sound.reading import read_sound
from course_utils.data.sound.sounds import Sounds, divide
from course_utils.data.sound.spectrograms import RATE
from course_utils.data.sound.spoken import read_spoken
from course_utils.data.sources import SOURCES

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
NAMED = re.compile(rf"(\d)_({'|'.join(SPEAKERS)})_(\d+)\.wav")
TESTED = {True: 5, False: 3}  # takes of each speaker and digit, the first ones: the publisher's test set, and ours
SECONDS = 1.0


@delegates(SplitOptions)
def spoken_digits(
    n_per_class: int | None = None,
    *,
    by: str = "chance",
    speaker: str | None = None,
    split: tuple[float, float] | None = None,
    **kwargs: Any,
) -> Sounds:
    """Load recordings of the ten English digits, as tables of three splits.

    They are the Free Spoken Digit Dataset: 3,000 recordings by six people, 50 of each digit from each, at 8,000 samples
    a second. Where they can't be had, a sentence says why, and 780 by six voices of a synthesizer stand in.

    Parameters
    ----------
    by : "chance" or "speaker"
        By chance, each speaker may be heard in each set, and the test set is the publisher's own: the first five
        recordings of each speaker and digit. By speaker, one of the six is heard in the test set alone, and another in
        the validation set alone.
    speaker : str, optional
        Who is kept for testing, with `by="speaker"`; None lets the seed choose.
    split : (float, float), optional
        The size of the validation and of the test set, as in `SplitOptions`. None is 10 of each word and the whole test
        set by chance; and by speaker, all that the two said.
    n_per_class, **kwargs
        The options of `SplitOptions`.

    Raises
    ------
    CourseError
        `data.bad-option`; `data.extra-missing` without the extra `sound`; those of `split_by_class`.
    """
    check_known(kwargs, "spoken_digits", SplitOptions)
    found = _public() if environment.images() == "photographs" else None
    table, what = (_synthetic(), "digits spoken by a synthesizer") if found is None else (found, "spoken digits")
    real = found is not None
    takes = len(table) // (len(SPEAKERS) * len(DIGITS))
    whole = (10, TESTED[real] * len(SPEAKERS)) if by == "chance" else (takes, takes)
    options = SplitOptions(n_per_class=n_per_class, split=split or whole, **kwargs)
    return divide(table, DIGITS, options, by=by, speaker=speaker, what=what, seconds=SECONDS, real=real)


@cache  # a machine without a network waits for each try
def _public() -> pd.DataFrame | None:
    """Return the public recordings, or None where they can't be had."""
    instead = "Digits that a synthesizer spoke stand in for the recordings of people."
    found = decode_unless_missing("spoken_digits", _decode, ["samples", "lengths", "said"], instead)
    if found is None:
        return None
    waves = np.split(found["samples"].numpy(), np.cumsum(found["lengths"].numpy())[:-1])
    rows = []
    for wave, (digit, who, take) in zip(waves, found["said"].tolist(), strict=True):
        rows.append(
            {
                "name": f"{digit}_{SPEAKERS[who]}_{take}",
                "label": DIGITS[digit],
                "speaker": SPEAKERS[who],
                "seconds": len(wave) / RATE,
                "wave": wave.astype(np.float32) / 32768,
                "reserved": take < TESTED[True],
            }
        )
    return pd.DataFrame(rows)


def _decode() -> Tensors:
    """Read the archive's recordings: 16-bit samples one after another, how many each has, and who says what."""
    waves, said = [], []
    source = SOURCES["spoken_digits"]
    for file, content in read_files(fetch_archive(source.name), source.unpacked):
        if named := NAMED.fullmatch(PurePosixPath(file).name):
            waves.append(torch.from_numpy(np.round(read_sound(content, file) * 32768).clip(-32768, 32767)).short())
            said.append((int(named[1]), SPEAKERS.index(named[2]), int(named[3])))
    return {
        "samples": torch.cat(waves),
        "lengths": torch.tensor([len(wave) for wave in waves]),
        "said": torch.tensor(said),
    }


@cache
def _synthetic() -> pd.DataFrame:
    table = read_spoken("digits")
    return table.assign(reserved=table["take"] < TESTED[False]).drop(columns="take")
