"""The recordings that the course brings: words spoken by a synthesizer's voices, made by `tools.pretraining.speech`."""

import io
from importlib.resources import files

import numpy as np
import pandas as pd

from course_utils.data.sound.reading import library
from course_utils.data.sound.spectrograms import RATE


def read_spoken(kind: str) -> pd.DataFrame:
    """Read the recordings of "digits" or "trades".

    Returns
    -------
    DataFrame
        A row for each: `name`, `label`, `speaker`, `take` (its number among the speaker's recordings of the word),
        `seconds`, `wave`; and `trade`.

    Raises
    ------
    CourseError
        `data.extra-missing` without the extra `sound`.
    """
    folder = files(__name__)
    samples, rate = library().read(io.BytesIO((folder / f"{kind}.ogg").read_bytes()), dtype="float32")
    table = pd.read_csv(io.StringIO((folder / f"{kind}.csv").read_text(encoding="utf-8")))
    ends = table.start + table.samples
    if rate != RATE or len(samples) < ends.max():
        raise AssertionError(f"{kind}.ogg doesn't belong to {kind}.csv")
    table["wave"] = [np.ascontiguousarray(samples[a:b]) for a, b in zip(table.start, ends, strict=True)]
    table["name"] = [f"{row.label}_{row.speaker}_{row.take}".replace(" ", "") for row in table.itertuples()]
    return table.assign(seconds=table.samples / RATE).drop(columns=["start", "samples"])
